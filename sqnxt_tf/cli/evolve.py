"""`sqnxt-tf evolve`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags, limit_flags, training_flags
from sqnxt_tf.cli.output import Output


class Sizes(click.ParamType[tuple[int, ...]]):
    """`2.4,1.5,0.95`: megabytes (10^6 bytes)."""

    name = "MB,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the sizes in bytes."""
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(float(part) * 1e6 + 0.5) for part in value.split(","))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a list of sizes: give megabytes, as in 2.4,1.5,0.95", param, ctx)
        return sizes


@click.command("evolve", short_help="Evolve a model into smaller ones.")
@flags.file_argument("model")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FOLDER",
    help="The folder for the offspring and lineage.json.",
)
@click.option(
    "--sizes",
    type=Sizes(),
    help="Largest float32 megabytes of each generation's offspring.  [default: four, at SquishedNets' shares]",
)
@click.option(
    "--offspring", type=click.IntRange(1, 1000), default=1, show_default=True, help="Offspring of each generation."
)
@flags.recorded_data
@training_flags.recipe_overrides("each offspring")
@flags.accelerator
@flags.preprocessing
@flags.seed
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="Offspring of a generation that are bred at a time, each in a process of its own.",
)
@training_flags.strategy
@training_flags.wait
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the lineage to this .svg, .png or .pdf file.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the networks as CSV on stdout and nothing else there.")
@flags.force
@limit_flags.opening_limits
@flags.output_options
def command(
    model: Path, output: Path, picture: Path | None, as_csv: bool, force: bool, out: Output, **settings: Any
) -> None:
    """Evolve MODEL (.keras) into smaller ones: strong filters are likely to survive, and the rest is trained briefly.

    Offspring inherit their parent's weights. The best of a generation, by accuracy, size and simulated cost, is the
    parent of the next. Each finished one is kept: the same command again resumes an evolution that was interrupted, and
    shows one that is finished.
    """
    from sqnxt_tf.options.training import EvolveOptions
    from sqnxt_tf.reports.lineage_picture import check_lineage_picture, draw_lineage, lineage_lines, lineage_table
    from sqnxt_tf.workflows.evolve import evolve

    if as_csv and out.as_json:
        raise click.UsageError("--csv prints the networks and nothing else: leave out --json")
    if picture is not None:
        check_lineage_picture(picture, force=force)
    lineage = evolve(model, output, EvolveOptions(**settings), force=force, progress=out.progress)
    if picture is not None:
        draw_lineage(lineage, picture, force=force)
    if as_csv:
        return out.csv([member.to_row() for member in lineage.members])
    out.document(lineage.to_json())
    out.table(lineage_table(lineage))
    for line in lineage_lines(lineage):
        out.text(line)
    return None
