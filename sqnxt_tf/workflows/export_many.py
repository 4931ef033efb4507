"""Export all artifacts of one model in one process: the model is opened and its samples are read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_export import ParityError
from sqnxt_export.artifact.files import check_output
from sqnxt_export.quantise.precision import CALIBRATED, PRECISIONS, is_possible
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import find_network, is_network
from sqnxt_tf.options.artifacts import ExportOptions
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import open_any
from sqnxt_tf.workflows.export import export_source
from sqnxt_tf.workflows.export_samples import samples_for

if TYPE_CHECKING:
    from sqnxt_export import ExportResult, Parity

ALL = "all"
"""Stands for every precision that a format has."""

# option -> whether it applies to a format and precision; where it does not, it is left out
_APPLIES: dict[str, Callable[[str, str], bool]] = {
    "calibration": lambda kind, precision: precision in CALIBRATED,
    "calibration_method": lambda kind, precision: (kind, precision) == ("onnx", "int8"),
    "max_drop": lambda kind, precision: (kind, precision) == ("onnx", "int8"),
    "equalise": lambda kind, precision: precision in ("int8", "int16x8"),
    "io": lambda kind, precision: precision == "int8",
    "converter": lambda kind, precision: kind == "onnx",
    "opset": lambda kind, precision: kind == "onnx",
}


@dataclass(frozen=True, slots=True)
class FailedArtifact:
    """An artifact that does not equal its model, and was not written."""

    path: Path
    format: str
    precision: str
    parity: Parity

    def to_json(self) -> dict[str, Any]:
        """Return the entry of the `export` document."""
        return {
            "path": str(self.path), "format": self.format, "precision": self.precision, "parity": self.parity.to_json(),
        }  # fmt: skip


def export_many(
    model: str | Path,
    folder: str | Path,
    formats: Iterable[str],
    precisions: Iterable[str] = (ALL,),
    *,
    force: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> tuple[list[ExportResult], list[FailedArtifact]]:
    """Write an artifact of `model` for each format and precision, as MODEL-PRECISION.FORMAT, and prove each.

    Args:
        model: What `export` takes.
        folder: Where the artifacts are written; it is made where it is not there.
        formats: "onnx", "tflite".
        precisions: Names of precisions, or "all"; those that a format does not have are left out under "all".
        force: Overwrite artifacts.
        progress: Called as the work goes on.
        settings: Fields of `ExportOptions`; one that does not apply to a precision is left out there.

    Returns:
        The artifacts, and those that parity refused.

    Raises:
        SqnxtError, ExportError: See `export`; nothing is written where an output exists.
    """
    chosen = pairs(tuple(formats), tuple(precisions))
    options = [options_for(kind, precision, settings) for kind, precision in chosen]
    paths = [default_output(model, kind, precision, Path(folder)) for kind, precision in chosen]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path in paths:
        check_output(path, force=force)
    source = open_any(
        str(model), signature=settings.get("signature"), classes=settings.get("classes"),
        input_size=settings.get("input_size"), seed=settings.get("seed"), preprocessing=settings.get("preprocessing"),
        labels=settings.get("labels"),
    )  # fmt: skip
    samples = samples_for(source, max(options, key=lambda one: one.precision in CALIBRATED), progress)
    results, failed = [], []
    for one, path in zip(options, paths, strict=True):
        given = samples if one.max_drop is None else None  # a budget has images of its own
        try:
            results.append(export_source(source, path, one, samples=given, force=force, progress=progress))
        except ParityError as error:
            failed.append(FailedArtifact(path, one.format, one.precision, error.parity))
    return results, failed


def pairs(formats: Sequence[str], precisions: Sequence[str]) -> list[tuple[str, str]]:
    """Return the formats and precisions that are exported; "all" stands for those that a format has.

    Raises:
        SqnxtError: There are none.
    """
    wanted = [
        (kind, precision)
        for kind in dict.fromkeys(formats)
        for precision in (PRECISIONS if ALL in precisions else dict.fromkeys(precisions))
        if ALL not in precisions or is_possible(kind, precision)
    ]
    if not wanted:
        raise SqnxtError("export", "no format or no precision is given", "give at least one of each")
    return wanted


def options_for(kind: str, precision: str, settings: dict[str, Any]) -> ExportOptions:
    """Return the options of one artifact, without those that do not apply to it.

    Raises:
        SqnxtError, ExportError: A value is out of range, or the format lacks the precision.
    """
    applying = {
        name: value for name, value in settings.items() if name not in _APPLIES or _APPLIES[name](kind, precision)
    }
    if kind == "tflite" and "batch" in applying and applying["batch"] is None:
        del applying["batch"]  # only ONNX leaves it free
    return ExportOptions(format=kind, precision=precision, **applying)


def default_output(model: str | Path, kind: str, precision: str, folder: Path = Path()) -> Path:
    """Return `digits-float16.onnx` for `digits.keras`; a network's name is spelt as this project spells it."""
    stem = find_network(str(model)).name if is_network(str(model)) else Path(model).stem
    return folder / f"{stem}-{precision}.{kind}"
