"""`sqnxt-tf compress`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("compress", short_help="Deep Compression: the exact artifact in a fraction of its bytes.")
@click.argument("model")
@flags.output("The container to write; MODEL.FORMAT.sqz in this folder if not given.", required=False)
@click.option(
    "--format", "format_", type=click.Choice(["onnx", "tflite"]), help="Of the artifact inside.  [default: onnx]"
)
@click.option("--density", type=float, help="Fraction of each kernel's weights to keep; prunes no more if not given.")
@click.option("--bits", type=int, help="Of a shared weight: 2^BITS - 1 values and zero.  [default: 6]")
@flags.data
@click.option("--epochs", type=int, default=0, show_default=True, help="Of fine-tuning the shared values on --data.")
@click.option("--batch", type=int, help="Of fine-tuning, instead of the recipe's.")
@click.option("--rate", type=float, help="Learning rate of fine-tuning, instead of the recipe's.")
@flags.classes
@flags.input_size
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of fine-tuning, or of a network's random weights.")
@flags.force
@flags.output_options
def command(
    model: str,
    output: Path | None,
    format_: str | None,
    density: float | None,
    bits: int | None,
    data: str,
    epochs: int,
    batch: int | None,
    rate: float | None,
    classes: int | None,
    input_size: tuple[int, int] | None,
    seed: int | None,
    force: bool,
    out: Output,
) -> None:
    """Prune, share and entropy-code the weights of MODEL into a container that `decompress` makes the artifact of.

    MODEL is a .keras file, a network's name for seeded random weights (for trying out sizes), or an .onnx or .tflite
    file, which is compressed as it is, without loss.
    """
    from sqnxt_tf.reports.compression import compression_lines, sizes_table, tensors_table
    from sqnxt_tf.training.recipe_files import CENTROIDS
    from sqnxt_tf.workflows.compress import compress

    recipe = CENTROIDS.overridden(epochs=epochs, batch=batch, rate=rate) if epochs else None
    if recipe is None and (batch is not None or rate is not None):
        raise click.UsageError("--batch and --rate are of fine-tuning: give --epochs too")
    result = compress(
        model,
        output or default_output(model, format_),
        format=format_,
        density=density,
        bits=bits,
        data=data,
        recipe=recipe,
        classes=classes,
        input_size=input_size,
        seed=seed,
        force=force,
        progress=out.progress,
    )
    out.document(result.to_json())
    out.table(tensors_table(result.compressed))
    out.table(sizes_table(result.compressed))
    for line in compression_lines(result):
        out.text(line)


def default_output(model: str, format_: str | None) -> Path:
    """`digits.keras` -> `digits.onnx.sqz`, `net.tflite` -> `net.tflite.sqz`; a network's name stays as we spell it."""
    from sqnxt_tf.networks.registry import find_network, is_network

    if is_network(model):
        return Path(f"{find_network(model).name}.{format_ or 'onnx'}.sqz")
    path = Path(model)
    return Path(f"{path.name}.sqz" if path.suffix in (".onnx", ".tflite") else f"{path.stem}.{format_ or 'onnx'}.sqz")
