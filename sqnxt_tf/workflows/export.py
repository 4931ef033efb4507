"""Export a model or a network to an artifact, proved on real images."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_base.user_files import read_whole
from sqnxt_export import LICENCE
from sqnxt_export.artifact.files import check_output
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import ASSUMED
from sqnxt_tf.options.artifacts import ExportOptions
from sqnxt_tf.options.given import options_from
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, open_any
from sqnxt_tf.workflows.export_samples import NOISE_NOTE, SamplesRead, samples_for

if TYPE_CHECKING:
    from sqnxt_export import ExportResult, Metadata


def export(
    model: str | Path,
    output: str | Path,
    options: ExportOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> ExportResult:
    """Write a TFLite or ONNX artifact of `model` and prove that it equals the model.

    Integer precisions are calibrated on images of the training part, and parity is judged on images of the test part,
    which calibration never saw; a folder that is not divided gives every second image to each.

    Args:
        model: A `.keras` or `.h5` file, a SavedModel folder, or a network's name for seeded random weights.
        output: The file to write; it is not there where parity fails.
        options: What is exported and how.
        force: Overwrite the output.
        progress: Called as the work goes on.
        settings: Fields of `ExportOptions`, in place of or on top of `options`. The format is that of the output's
            suffix if it is not given.

    Raises:
        ParityError: The artifact does not equal the model; carries the figures.
        SqnxtError, ExportError: What was asked for is not possible, or a file is not usable.
    """
    if options is None:
        settings.setdefault("format", Path(output).suffix.lower().removeprefix("."))
    options = options_from(ExportOptions, options, settings)
    check_output(Path(output), force=force)
    progress(f"reading {model}", 0, 3)
    source = open_any(
        str(model),
        signature=options.signature,
        classes=options.classes,
        input_size=options.input_size,
        seed=options.seed,
        preprocessing=options.preprocessing,
        labels=options.labels,
    )
    return export_source(source, output, options, force=force, progress=progress)


def export_source(
    source: ModelSource,
    output: str | Path,
    options: ExportOptions,
    *,
    samples: SamplesRead | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> ExportResult:
    """Do what `export` does with a model that is open already, for whoever makes several artifacts of one.

    `samples` are those of `samples_for`, which reads them where they are not given.

    Raises:
        ParityError, SqnxtError, ExportError: See `export`.
    """
    from sqnxt_export import export_model

    output = Path(output)
    progress("preparing samples", 1, 3)
    read = samples or samples_for(source, options, progress)
    progress(f"exporting {output.name}", 2, 3)
    model, pairs = _equalised(source) if options.equalise else (source.model, None)
    result = export_model(
        model,
        output,
        options,
        read.samples,
        metadata=_metadata(source, options),
        trained=source.trained,
        source=source.name,
        force=force,
    )
    progress(f"exporting {output.name}", 3, 3)
    note = source.image_input.note if source.takes_image else NOISE_NOTE
    equalising = None if pairs is None else f"cross-layer equalisation: {pairs} pairs of layers were rescaled"
    unread = f"images that cannot be read and were left out: {len(set(read.left_out))}" if read.left_out else None
    added = tuple(line for line in (equalising, note, unread) if line)
    return replace(result, notes=(*result.notes, *added)) if added else result


def _equalised(source: ModelSource) -> tuple[Any, int]:
    """Return the model with equalised weights, and the number of pairs of layers.

    Raises:
        SqnxtError: The model is not functional, or has learnt ranges that equalised activations would not fit.
    """
    from sqnxt_export import LearntRanges
    from sqnxt_tf.training.equalising import equalised

    if LearntRanges.of(source.metadata) is not None:
        raise SqnxtError(source.name, "was trained with rounding and needs no equalising", "leave `equalise` out")
    if not getattr(source.model, "_is_graph_network", False):
        raise SqnxtError(source.name, "is no functional model, whose layers are known", "leave `equalise` out")
    return equalised(source.model)


def _metadata(source: ModelSource, options: ExportOptions) -> Metadata:
    """Return the model's metadata with the hash of its file and the preprocessing, which may be an assumption."""
    source_hash = _hash(Path(source.name)) if source.trained else ""
    extra = dict(source.metadata.extra)
    extra.pop(ASSUMED, None)
    if options.io != "float32":
        extra["io"] = options.io
    if options.licence is not None:
        extra[LICENCE] = options.licence
    if not source.takes_image:
        return replace(source.metadata, source_hash=source_hash, extra=extra)
    found = source.image_input
    if found.is_assumed:
        extra[ASSUMED] = ["preprocessing"]
    return replace(source.metadata, source_hash=source_hash, preprocessing=found.preprocessing, extra=extra)


def _hash(path: Path) -> str:
    """Return the hash of a file, or of the files in a folder in the order of their names."""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    digest = sha256()
    for file in files:
        digest.update(read_whole(file))
    return digest.hexdigest()
