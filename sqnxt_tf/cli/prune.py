"""`sqnxt-tf prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


class Fractions(click.ParamType[tuple[float, ...]]):
    """`0.3,0.5`."""

    name = "FRACTIONS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers."""
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of fractions: give them as in 0.3,0.5", param, ctx)


class Ramp(click.ParamType[tuple[float, float]]):
    """`0.1:0.6`; `0.5` begins at 0."""

    name = "BEGIN:END"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Where it begins and ends."""
        begin, _, end = value.rpartition(":")
        try:
            return float(begin or 0), float(end)
        except ValueError:
            self.fail(f"{value!r} is no part of the steps: give END or BEGIN:END, as in 0.1:0.6", param, ctx)


class LayerSparsity(click.ParamType[tuple[str, float]]):
    """`stage1_*=0.6`."""

    name = "PATTERN=FRACTION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Pattern and fraction."""
        pattern, _, number = value.rpartition("=")
        try:
            return (pattern, float(number)) if pattern else self.fail(f"{value!r} has no pattern", param, ctx)
        except ValueError:
            self.fail(f"{value!r} ends in no number: give it as in 'stage1_*=0.6'", param, ctx)


steering = flags.together(
    "pruning",
    sparsity=click.option("--sparsity", type=float, help="Fraction of zeros in each kernel.  [default: 0.4]"),
    schedule=click.option(
        "--schedule",
        type=click.Choice(["constant", "polynomial"]),
        default="constant",
        show_default=True,
        help="All at once, or rising over a part of the steps.",
    ),
    ramp=click.option(
        "--ramp",
        type=Ramp(),
        help="The part of the steps over which the polynomial rises, as in 0.5 or 0.1:0.6.  [default: 0:0.5]",
    ),
    layer_sparsity=click.option(
        "--layer-sparsity",
        type=LayerSparsity(),
        multiple=True,
        help="Another sparsity for the layers of that name, as in 'stage1_*=0.6'; the last that matches counts.",
    ),
    pattern=click.option("--pattern", metavar="N:M", help="At most N of M consecutive input channels not zero."),
    strategy=flags.strategy,
    seed=flags.seed,
)
recipe_options = flags.together(
    "overrides",
    epochs=click.option("--epochs", type=int, help="Of fine-tuning, instead of the recipe's."),
    batch=click.option("--batch", type=int, help="Global batch instead of the recipe's."),
    rate=click.option("--rate", type=float, help="Learning rate instead of the recipe's."),
)
scan_options = flags.together(
    "scanning",
    sparsities=click.option(
        "--scan-sparsities", "sparsities", type=Fractions(), help="What --scan tries.  [default: 0.3,0.5,0.7,0.9]"
    ),
    images=click.option(
        "--scan-images", "images", type=click.IntRange(1), help="Most validation images for --scan.  [default: 1000]"
    ),
)


@click.command("prune", short_help="Prune a model and fine-tune it.")
@flags.file_argument("model")
@steering
@click.option(
    "--except",
    "excluded",
    multiple=True,
    metavar="PATTERN",
    help="Leave out the layers of that name, as in stem or '*_squeeze1'; may be repeated.",
)
@flags.data
@flags.output("The .keras file to write.", required=False)
@recipe_options
@flags.force
@click.option("--scan", "scan_only", is_flag=True, help="Write nothing; show how sensitive each layer is.")
@scan_options
@flags.output_options
def command(
    model: Path,
    excluded: tuple[str, ...],
    data: str,
    output: Path | None,
    force: bool,
    scan_only: bool,
    pruning: dict[str, Any],
    overrides: dict[str, Any],
    scanning: dict[str, Any],
    out: Output,
) -> None:
    """Prune MODEL (.keras) by magnitude, fine-tune it, and count the zeros that are left, layer by layer.

    The state of the run lives beside the output in NAME.train/, with history.csv: the same command again goes on with
    a run that was interrupted. With --scan nothing is written: each layer is pruned alone, without fine-tuning, and
    the table tells what that costs on the validation images.
    """
    if scan_only:
        flags.refuse_given("goes with pruning, not with --scan", "output", "force", *pruning, *overrides)
        given = {name: value for name, value in scanning.items() if value is not None}
        return _scan(out, model, data=data, excluded=excluded, **given)
    flags.refuse_given("goes with --scan only", *scanning)
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output'")
    layer_sparsity = dict(pruning.pop("layer_sparsity"))
    return _prune(
        out, model, output, overrides,
        data=data, excluded=excluded, force=force, layer_sparsity=layer_sparsity, **pruning,
    )  # fmt: skip


def _scan(out: Output, model: Path, **choices: Any) -> None:
    from sqnxt_tf.reports.pruning import sensitivity_line, sensitivity_table
    from sqnxt_tf.workflows.prune_scan import scan_sensitivity

    scan = scan_sensitivity(model, progress=out.progress, **choices)
    out.document(scan.to_json())
    out.table(sensitivity_table(scan))
    out.text(sensitivity_line(scan))


def _prune(out: Output, model: Path, output: Path, overrides: dict[str, Any], **choices: Any) -> None:
    from sqnxt_tf.reports.pruning import pruning_lines
    from sqnxt_tf.reports.results import zeros_table
    from sqnxt_tf.training.recipe_files import FINETUNE
    from sqnxt_tf.workflows.prune import prune

    result = prune(model, output, recipe=FINETUNE.overridden(**overrides), progress=out.progress, **choices)
    out.document(result.to_json())
    out.table(zeros_table({layer.name: (layer.zeros, layer.weights) for layer in result.layers}))
    for line in pruning_lines(result):
        out.text(line)
