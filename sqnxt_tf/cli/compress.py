"""`sqnxt-tf compress`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags, limit_flags
from sqnxt_tf.cli.completion import complete_network_or_file
from sqnxt_tf.cli.output import Output


@click.command("compress", short_help="Compress a model or an artifact by Deep Compression, restorable bit for bit.")
@click.argument("model", shell_complete=complete_network_or_file)
@flags.output("The container to write; MODEL.FORMAT.sqz in this folder by default.", required=False)
@click.option(
    "--format",
    type=click.Choice(["onnx", "tflite"]),
    help="Format of the artifact inside the container.  [default: onnx]",
)
@click.option("--density", type=float, help="Fraction of each kernel's weights to keep; prunes nothing by default.")
@click.option("--bits", type=int, help="Bits per clustered weight (2^BITS - 1 values plus zero).  [default: 6]")
@flags.own_data
@flags.preprocessing
@click.option(
    "--epochs", type=int, default=0, show_default=True, help="Epochs of fine-tuning the clustered values on --data."
)
@click.option("--batch", type=int, help="Global batch of fine-tuning, in place of the recipe's.")
@click.option("--rate", type=float, help="Learning rate of fine-tuning, in place of the recipe's.")
@flags.classes
@flags.input_size
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    help="Random seed of fine-tuning, or of the weights of a network's name.",
)
@flags.force
@limit_flags.opening_limits
@flags.output_options
def command(
    model: str, output: Path | None, epochs: int, batch: int | None, rate: float | None, force: bool, out: Output,
    **settings: Any,
) -> None:  # fmt: skip
    """Prune, cluster and entropy-code the weights of MODEL into a container; `decompress` restores the artifact.

    MODEL is a .keras file, a network's name for seeded random weights (for trying out sizes), or an .onnx or .tflite
    file, which is compressed as it is, without loss.
    """
    from sqnxt_tf.options.artifacts import CompressOptions
    from sqnxt_tf.reports.compression import compression_lines, sizes_table, tensors_table
    from sqnxt_tf.training.recipe_files import CENTROIDS
    from sqnxt_tf.workflows.compress import compress

    recipe = CENTROIDS.overridden(epochs=epochs, batch=batch, rate=rate) if epochs else None
    if recipe is None and (batch is not None or rate is not None):
        raise click.UsageError("--batch and --rate belong to fine-tuning: give --epochs too")
    options = CompressOptions(**settings, recipe=recipe)
    path = output or default_output(model, options.format)
    result = compress(model, path, options, force=force, progress=out.progress)
    out.document(result.to_json())
    out.table(tensors_table(result.compressed))
    out.table(sizes_table(result.compressed))
    for line in compression_lines(result):
        out.text(line)


def default_output(model: str, kind: str | None) -> Path:
    """Return `digits.onnx.sqz` for `digits.keras` and `net.tflite.sqz` for `net.tflite`."""
    from sqnxt_tf.networks.registry import find_network, is_network

    if is_network(model):
        return Path(f"{find_network(model).name}.{kind or 'onnx'}.sqz")
    path = Path(model)
    return Path(f"{path.name}.sqz" if path.suffix in (".onnx", ".tflite") else f"{path.stem}.{kind or 'onnx'}.sqz")
