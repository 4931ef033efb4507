"""`sqnxt-tf export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sqnxt_tf.cli import flags, limit_flags
from sqnxt_tf.cli.completion import complete_network_or_file
from sqnxt_tf.cli.output import Output
from sqnxt_tf.cli.value_types import BatchSize, Listed

if TYPE_CHECKING:
    from sqnxt_export import ExportResult

FORMATS = ("tflite", "onnx")


@click.command("export", short_help="Write a TFLite or ONNX artifact that is proved equal to its model.")
@click.argument("model", shell_complete=complete_network_or_file)
@click.option(
    "--format",
    "formats",
    type=Listed(FORMATS),
    help="Format of the artifact, onnx,tflite for both; that of the output's name by default.",
)
@click.option(
    "--precision",
    "precisions",
    type=Listed((*flags.PRECISIONS, "all")),
    default="float32",
    show_default=True,
    help="Precision of weights and activations, several with commas, or all. int8-weights leaves "
    "activations float. int16 is for ONNX only; int16x8 (16-bit activations, 8-bit weights) is for TFLite only.",
)
@flags.output(
    "The file to write, or the folder of several; MODEL-PRECISION.FORMAT in this folder by default.", required=False
)
@flags.recorded_data
@click.option(
    "--calibration",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Number of training images to calibrate integer precisions on; 512 for a trained model by default.",
)
@click.option(
    "--calibration-method",
    type=click.Choice(["minmax", "percentile", "entropy"]),
    default="minmax",
    show_default=True,
    help="How ONNX int8 ranges are chosen. Other precisions and TFLite know minmax only.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 100),
    metavar="POINTS",
    help="Largest drop of top-1 in points (ONNX int8 only). The noisiest layers keep 16 bits until it holds.",
)
@click.option(
    "--equalise",
    is_flag=True,
    help="Rescale neighbouring layers so that their channels have alike ranges (int8 and int16x8).",
)
@click.option(
    "--layer-noise",
    "--report",
    "layer_noise",
    is_flag=True,
    help="Show how much noise the precision adds to each layer.",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Number of images to judge parity on; 128 by default, and more while top-1 agreement is unsure.",
)
@click.option(
    "--allow-drop",
    type=click.FloatRange(0, 100),
    metavar="POINTS",
    default=0.0,
    help="Ship it although it loses up to this many points more of its model's top-1 answers than the precision "
    "allows; the file's metadata say so.",
)
@flags.classes
@flags.input_size
@click.option(
    "--batch",
    type=BatchSize(),
    default="1",
    show_default=True,
    help="Number of images per call, fixed in the file. `free` leaves it open (ONNX only, dimension `batch`).",
)
@click.option(
    "--embed-preprocessing",
    is_flag=True,
    help="Put the preprocessing into the artifact, which then takes uint8 pixels.",
)
@click.option("--signature", metavar="NAME", help="Function of a SavedModel folder; serving_default by default.")
@click.option(
    "--converter",
    type=click.Choice(["auto", "layers", "tf2onnx"]),
    default="auto",
    show_default=True,
    help="What makes ONNX graphs: layer by layer, or tf2onnx; `auto` takes tf2onnx where a layer has no equivalent.",
)
@click.option(
    "--io",
    type=click.Choice(["float32", "int8", "uint8"]),
    default="float32",
    show_default=True,
    help="Number type of the input and output of an int8 artifact; microcontrollers and NPUs want integers.",
)
@flags.preprocessing
@flags.labels
@flags.task
@click.option(
    "--opset",
    type=click.IntRange(1),
    metavar="N",
    help="ONNX operator set, up to the newest that onnxruntime knows; the lowest that the precision needs by default.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Random seed of the weights of a network's name.")
@click.option("--licence", "--license", metavar="TEXT", help="Licence of the model, to be written into the artifact.")
@click.option("--card", is_flag=True, help="Write a model card beside the artifact: its name with .md behind it.")
@flags.force
@limit_flags.opening_limits
@flags.output_options
def command(
    model: str, formats: tuple[str, ...] | None, precisions: tuple[str, ...], output: Path | None, force: bool,
    out: Output, card: bool, **settings: Any,
) -> int | None:  # fmt: skip
    """Export MODEL to an artifact, load it in its own runtime, and prove that it equals the model.

    MODEL is a .keras or .h5 file, a SavedModel folder, or a network's name for seeded random weights (for trying out
    and for simulation). Several formats or precisions are exported by one process, which opens the model once.
    """
    from sqnxt_tf.workflows.export_many import ALL, default_output

    formats = formats or _format_of(output)
    if len(formats) * len(precisions) > 1 or ALL in precisions:
        return _export_many(model, formats, precisions, output or Path(), force, card, out, settings)
    from sqnxt_export import ParityError
    from sqnxt_export.artifact.files import check_output
    from sqnxt_tf.options.artifacts import ExportOptions
    from sqnxt_tf.workflows.export import export

    options = ExportOptions(format=formats[0], precision=precisions[0], **settings)
    path = output or default_output(model, options.format, options.precision)
    page = _page(path)
    if card:
        check_output(page, force=force)
    try:
        result = export(model, path, options, force=force, progress=out.progress)
    except ParityError as error:  # the answer is no: a program gets the figures, and the exit code is 1
        parity = error.parity.to_json()
        known = {"format": options.format, "precision": options.precision, "path": str(path)}
        out.document({**known, "parity": parity, "source": model})
        raise
    if card:
        _write_card(path, page, force=force)
    out.document({**result.to_json(), **({"card": str(page)} if card else {})})
    _show(result, out)
    return None


def _format_of(output: Path | None) -> tuple[str, ...]:
    """Return the format that the output's name ends in.

    Raises:
        UsageError: It ends in none.
    """
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    if suffix not in FORMATS:
        raise click.UsageError(f"the format is missing: give --format {' or '.join(FORMATS)}, or -o FILE.onnx")
    return (suffix,)


def _export_many(
    model: str, formats: tuple[str, ...], precisions: tuple[str, ...], folder: Path, force: bool, card: bool,
    out: Output, settings: dict[str, Any],
) -> int:  # fmt: skip
    """Write all artifacts of a model; return the exit code, which is 1 where one of them does not equal it."""
    from sqnxt_export.artifact.files import check_output
    from sqnxt_tf.workflows.export_many import default_output, export_many, pairs

    for kind, precision in pairs(formats, precisions) if card else ():
        check_output(_page(default_output(model, kind, precision, folder)), force=force)
    results, failed = export_many(model, folder, formats, precisions, force=force, progress=out.progress, **settings)
    for result in results if card else ():
        _write_card(Path(result.path), _page(Path(result.path)), force=force)
    out.document([*(one.to_json() for one in results), *({**one.to_json(), "source": model} for one in failed)])
    for result in results:
        _show(result, out)
    for one in failed:
        out.note(f"{one.path}: was not written, because it does not equal the model")
    return 1 if failed else 0


def _page(artifact: Path) -> Path:
    """Return where the model card of an artifact is written."""
    return artifact.with_name(f"{artifact.name}.md")


def _write_card(artifact: Path, page: Path, *, force: bool) -> None:
    from sqnxt_export import whole_file
    from sqnxt_tf.reports.model_card import model_card
    from sqnxt_tf.workflows.model_card import gather_facts

    with whole_file(page, force=force) as temporary:
        temporary.write_text(model_card(gather_facts(artifact)), encoding="utf-8")


def _show(result: ExportResult, out: Output) -> None:
    from sqnxt_tf.reports.quantising import noise_table, wider_lines
    from sqnxt_tf.reports.results import export_lines

    for line in [*export_lines(result), *wider_lines(result)]:
        out.text(line)
    if result.layers is not None:
        out.table(noise_table(result.layers))
    for note in result.notes:
        out.note(f"note: {note}")
