"""`sqnxt-tf export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.output import Output


@click.command("export", short_help="A TFLite or ONNX artifact, proved equal.")
@click.argument("model")
@click.option("--format", "format_", type=click.Choice(["tflite", "onnx"]), required=True)
@click.option(
    "--precision",
    type=flags.PRECISION,
    default="float32",
    show_default=True,
    help="int16 (weights and activations) is ONNX only; int16x8 (activations x weights) is TFLite only.",
)
@flags.output("The file to write; MODEL-PRECISION.FORMAT in this folder if not given.", required=False)
@flags.data
@flags.together(
    "quantising",
    calibration=click.option(
        "--calibration",
        type=click.IntRange(1, 100_000),
        metavar="N",
        help="Images of the training part to calibrate on.",
    ),
    method=click.option(
        "--calibration-method",
        "method",
        type=click.Choice(["minmax", "percentile", "entropy"]),
        default="minmax",
        show_default=True,
        help="How ONNX int8 ranges are chosen; 16 bits clip nothing, and TFLite's converter knows min-max only.",
    ),
    max_drop=click.option(
        "--max-drop",
        type=click.FloatRange(0, 100),
        metavar="POINTS",
        help="ONNX int8: points of top-1 that may be lost; the worst layers keep 16 bits until that holds.",
    ),
    report=click.option("--report", is_flag=True, help="Show what the precision costs each layer, worst first."),
)
@click.option("--samples", type=click.IntRange(1, 100_000), help="Images that parity is judged on.")
@flags.classes
@flags.input_size
@click.option(
    "--batch",
    type=flags.BatchSize(),
    default="1",
    show_default=True,
    help="Images at once, fixed in the file; `free` leaves them open (ONNX only, dimension `batch`).",
)
@click.option(
    "--embed-preprocessing", is_flag=True, help="The artifact takes uint8 pixels and subtracts and divides itself."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of the random weights of a network given by name.")
@flags.force
@flags.output_options
def command(
    model: str,
    format_: str,
    precision: str,
    output: Path | None,
    data: str,
    quantising: dict[str, Any],
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
    from sqnxt_tf.reports.quantising import noise_table, wider_lines
    from sqnxt_tf.reports.results import export_lines
    from sqnxt_tf.workflows.export import Quantising, export

    path = output or default_output(model, format_, precision)
    try:
        result = export(
            model,
            path,
            format=format_,
            precision=precision,
            data=data,
            samples=samples,
            quantising=Quantising(**quantising),
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
    for line in [*export_lines(result), *wider_lines(result)]:
        out.text(line)
    if result.layers is not None:
        out.table(noise_table(result.layers))
    for note in result.notes:
        out.note(f"note: {note}")


def default_output(model: str, format_: str, precision: str) -> Path:
    """`digits.keras` -> `digits-float16.onnx`; a network's name stays as we spell it."""
    from sqnxt_tf.networks.registry import find_network, is_network

    stem = find_network(model).name if is_network(model) else Path(model).stem
    return Path(f"{stem}-{precision}.{format_}")
