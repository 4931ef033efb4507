"""`sqnxt-tf prune`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags, limit_flags, training_flags
from sqnxt_tf.cli.output import Output

_OF_PRUNING = (
    "output", "force", "sparsity", "schedule", "ramp", "layer_sparsity", "pattern", "strategy", "wait", "seed",
    "qat", "epochs", "batch", "rate", "labels",
)  # fmt: skip
_OF_SCANNING = ("sparsities", "images")
_OF_BOTH = ("data", "excluded", "preprocessing")


class Fractions(click.ParamType[tuple[float, ...]]):
    """`0.3,0.5`."""

    name = "FRACTIONS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return the numbers."""
        try:
            return tuple(float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of fractions: give them as in 0.3,0.5", param, ctx)


class Ramp(click.ParamType[tuple[float, float]]):
    """`0.1:0.6`; `0.5` begins at 0."""

    name = "BEGIN:END"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Return where it begins and ends."""
        begin, _, end = value.rpartition(":")
        try:
            return float(begin or 0), float(end)
        except ValueError:
            self.fail(f"{value!r} is not a part of the steps: give END or BEGIN:END, as in 0.1:0.6", param, ctx)


class LayerSparsity(click.ParamType[tuple[str, float]]):
    """`stage1_*=0.6`."""

    name = "PATTERN=FRACTION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Return pattern and fraction."""
        pattern, _, number = value.rpartition("=")
        try:
            return (pattern, float(number)) if pattern else self.fail(f"{value!r} has no pattern", param, ctx)
        except ValueError:
            self.fail(f"{value!r} does not end in a number: give it as in 'stage1_*=0.6'", param, ctx)


@click.command("prune", short_help="Prune a model by magnitude and fine-tune it.")
@flags.file_argument("model")
@click.option("--sparsity", type=float, help="Fraction of zeros in each kernel.  [default: 0.4]")
@click.option(
    "--schedule",
    type=click.Choice(["constant", "polynomial"]),
    default="constant",
    show_default=True,
    help="Prune all at once, or raise the sparsity over a part of the steps.",
)
@click.option(
    "--ramp",
    type=Ramp(),
    help="Part of the steps over which the polynomial rises, as in 0.5 or 0.1:0.6.  [default: 0:0.5]",
)
@click.option(
    "--layer-sparsity",
    type=LayerSparsity(),
    multiple=True,
    help="Use another sparsity for the layers that match, as in 'stage1_*=0.6'. The last match counts.",
)
@click.option("--pattern", metavar="N:M", help="Keep at most N of M consecutive input channels.")
@training_flags.qat("Fine-tune once more, with the rounding of artifacts of this precision.")
@training_flags.strategy
@training_flags.wait
@flags.seed
@click.option(
    "--except",
    "excluded",
    multiple=True,
    metavar="PATTERN",
    help="Leave out the layers that match, as in stem or '*_squeeze1'; may be repeated.",
)
@flags.own_data
@flags.output("The .keras file to write.", required=False)
@training_flags.recipe_overrides("fine-tuning")
@flags.preprocessing
@flags.labels
@flags.force
@click.option("--scan", "scan_only", is_flag=True, help="Write nothing; show how sensitive each layer is.")
@click.option(
    "--scan-sparsities",
    "sparsities",
    type=Fractions(),
    help="Sparsities that --scan tries.  [default: 0.3,0.5,0.7,0.9]",
)
@click.option(
    "--scan-images",
    "images",
    type=click.IntRange(1),
    help="Largest number of validation images for --scan.  [default: 1000]",
)
@limit_flags.opening_limits
@flags.output_options
def command(model: Path, output: Path | None, force: bool, scan_only: bool, out: Output, **settings: Any) -> None:
    """Prune MODEL (.keras) by magnitude, fine-tune it, and count the zeros that are left, layer by layer.

    The state of the run lives beside the output in NAME.train/, with history.csv: the same command again resumes a run
    that was interrupted. With --scan nothing is written: each layer is pruned alone, without fine-tuning, and the table
    shows what that costs on the validation images.
    """
    if scan_only:
        flags.refuse_given("goes with pruning, not with --scan", *_OF_PRUNING)
        return _scan(out, model, {name: settings[name] for name in (*_OF_BOTH, *_OF_SCANNING)})
    flags.refuse_given("goes with --scan only", *_OF_SCANNING)
    if output is None:
        raise click.UsageError("Missing option '-o' / '--output'")
    return _prune(out, model, output, force, settings)


def _scan(out: Output, model: Path, settings: dict[str, Any]) -> None:
    from sqnxt_tf.options.training import ScanOptions
    from sqnxt_tf.reports.pruning import sensitivity_line, sensitivity_table
    from sqnxt_tf.workflows.prune_scan import scan_sensitivity

    options = ScanOptions(**{name: value for name, value in settings.items() if value is not None})
    scan = scan_sensitivity(model, options, progress=out.progress)
    out.document(scan.to_json())
    out.table(sensitivity_table(scan))
    out.text(sensitivity_line(scan))


def _prune(out: Output, model: Path, output: Path, force: bool, settings: dict[str, Any]) -> None:
    from sqnxt_tf.options.training import PruneOptions
    from sqnxt_tf.reports.pruning import pruning_lines
    from sqnxt_tf.reports.results import zeros_table
    from sqnxt_tf.workflows.prune import prune

    changes = {name: settings.pop(name) for name in ("epochs", "batch", "rate")}
    settings = {name: value for name, value in settings.items() if name not in _OF_SCANNING}
    options = PruneOptions(**{**settings, "layer_sparsity": dict(settings["layer_sparsity"]), "changes": changes})
    result = prune(model, output, options, force=force, progress=out.progress)
    out.document(result.to_json())
    out.table(zeros_table({layer.name: (layer.zeros, layer.weights) for layer in result.layers}))
    for line in pruning_lines(result):
        out.text(line)
