"""`sqnxt-tf export`."""

from pathlib import Path

import click

from . import options
from .output import Output


@click.command("export", short_help="A TFLite or ONNX artifact, proved equal.")
@click.argument("model")
@click.option("--format", "format_", type=click.Choice(["tflite", "onnx"]), required=True)
@click.option(
    "--precision",
    type=options.PRECISION,
    default="float32",
    show_default=True,
    help="int16 (weights and activations) is ONNX only; int16x8 (activations x weights) is TFLite only.",
)
@options.output("The file to write; MODEL-PRECISION.FORMAT in this folder if not given.", required=False)
@options.data
@click.option("--samples", type=click.IntRange(1, 100_000), help="Images that parity is judged on.")
@options.classes
@options.input_size
@click.option(
    "--batch",
    type=options.BatchSize(),
    default="1",
    show_default=True,
    help="Images at once, fixed in the file; `free` leaves them open (ONNX only, dimension `batch`).",
)
@click.option(
    "--embed-preprocessing", is_flag=True, help="The artifact takes uint8 pixels and subtracts and divides itself."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the random weights of a network given by name.")
@options.force
@options.output_options
def command(
    model: str,
    format_: str,
    precision: str,
    output: Path | None,
    data: str,
    samples: int | None,
    classes: int | None,
    input_size: tuple[int, int] | None,
    batch: int | None,
    embed_preprocessing: bool,
    seed: int | None,
    force: bool,
    out: Output,
) -> None:
    """Export MODEL to an artifact, load it in its own runtime, and prove that it equals the model.

    MODEL is a .keras file, or a network's name for seeded random weights (for trying out and for simulation).
    """
    from sqnxt_export import ParityError

    from ..reports.results import export_lines
    from ..workflows.export import export

    path = output or default_output(model, format_, precision)
    try:
        result = export(
            model,
            path,
            format=format_,
            precision=precision,
            data=data,
            samples=samples,
            classes=classes,
            input_size=input_size,
            batch=batch,
            seed=seed,
            force=force,
            embed_preprocessing=embed_preprocessing,
            progress=out.progress,
        )
    except ParityError as error:  # the answer is no: a program gets the figures, and the exit code is 1
        parity = error.parity.to_json()
        out.document({"format": format_, "precision": precision, "path": str(path), "parity": parity, "source": model})
        raise
    out.document(result.to_json())
    for line in export_lines(result):
        out.text(line)
    for note in result.notes:
        out.note(f"note: {note}")


def default_output(model: str, format_: str, precision: str) -> Path:
    """`digits.keras` -> `digits-float16.onnx`; a network's name stays as we spell it."""
    from ..networks.registry import find_network, is_network

    stem = find_network(model).name if is_network(model) else Path(model).stem
    return Path(f"{stem}-{precision}.{format_}")
