"""The whole way from a model to a proved artifact: convert, quantise, write, load, compare, and only then rename."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.artifact.files import check_output, whole_file
from sqnxt_export.artifact.metadata import Metadata
from sqnxt_export.artifact.metadata_io import write_metadata
from sqnxt_export.artifact.weights import compressed_bytes, nonzero_fraction
from sqnxt_export.artifact_builder import Built, Task, build
from sqnxt_export.budget import check_budget
from sqnxt_export.conditioning import enlarges_rounding, own_difference
from sqnxt_export.errors import ExportError, ParityError, one_line
from sqnxt_export.export_metadata import complete_metadata, describe_embedded, preprocessing_to_embed, with_parity
from sqnxt_export.export_result import ExportResult
from sqnxt_export.measured_top1 import ALLOWED_DROP, ARTIFACT_TOP1
from sqnxt_export.options import ArtifactOptions
from sqnxt_export.parity import Judging
from sqnxt_export.parity_result import Parity
from sqnxt_export.proof import Proof, prove
from sqnxt_export.quantise.learnt_ranges import LearntRanges
from sqnxt_export.quantise.onnx_quantiser import checked_calibration
from sqnxt_export.quantise.precision import CALIBRATED, notes_on
from sqnxt_export.remedies import remedy_for, remedy_for_refusal, unsure_note
from sqnxt_export.runtimes.full_precision import in_full_precision
from sqnxt_export.runtimes.signatures import name_of_model, run_model, signature_of
from sqnxt_export.runtimes.tensors import Samples, as_arrays
from sqnxt_export.samples import ExportSamples

PROVES_NOTHING = (
    "the model's answers are nearly the same for all samples, as those of random weights are whose batch norm has seen "
    "no data: parity proves little about it"
)
"""Warning where parity cannot tell a good artifact from a bad one."""
_LEARNT = (
    "activations are rounded in the ranges that quantisation-aware training has learnt, and the artifact is compared "
    "with the model that rounds them so"
)


def export_model(
    model: Any,
    path: str | os.PathLike[str],
    options: ArtifactOptions,
    samples: ExportSamples,
    *,
    metadata: Metadata | None = None,
    trained: bool = False,
    source: str = "",
    force: bool = False,
) -> ExportResult:
    """Write the artifact of a tf_keras model and prove that it computes what the model computes.

    The file, with its metadata inside, is written under a temporary name, loaded in its own runtime and run on
    `samples.parity`. It takes the requested name only if every output agrees with the model's.

    Args:
        model: A tf_keras model, or one that `load_model` returned, whose inputs have a fixed size.
        path: The artifact; its suffix must be that of `options.format`.
        options: Format, precision and the other settings of the artifact.
        samples: Images to compare on and, for integer precisions, to calibrate on.
        metadata: Metadata to embed. Precision, input size, non-zero fraction and versions are filled in here.
        trained: Whether the top-1 answers are compared too; those of random weights mean nothing.
        source: Where the model came from, to be repeated in the result; a file's name or a network's.
        force: Overwrite `path`.

    Raises:
        ExportError: The input is unusable, a library is missing, or the file cannot be written.
        ParityError: The artifact differs from the model by too much, or loses more top-1 than the budget allows.
            Whatever was at `path` before is unchanged.
    """
    path, metadata = Path(path), metadata or Metadata()
    judging = Judging(
        trained=trained,
        task=options.task,
        classes=len(metadata.labels),
        rounded=options.io != "float32",
        allowed_drop=options.allow_drop / 100,
    )
    check_budget(options.format, options.precision, given=samples.budget is not None)
    _check_suffix(path, options.format)
    check_output(path, force=force)
    prepared = _prepare(model, options, samples, metadata, judging)
    if prepared.embedded is not None:
        metadata = describe_embedded(metadata, prepared.embedded)
    return _write_proved(prepared, samples, path, metadata, source=source, force=force)


def _check_suffix(path: Path, format: str) -> None:
    if path.suffix.lower() != f".{format}":
        raise ExportError(path, f"the name of {format} files ends in .{format}", "choose such a name")


def _prepare(
    model: Any, options: ArtifactOptions, samples: ExportSamples, metadata: Metadata, judging: Judging
) -> Task:
    """Check the samples and run the model on them.

    Raises:
        ExportError: The samples do not fit the model, or the model's logits are not finite.
    """
    from sqnxt_export.convert.rounded_activations import with_rounded_activations

    model = in_full_precision(model)
    embedded = preprocessing_to_embed(metadata) if options.embed_preprocessing else None
    samples = samples if embedded is None else samples.normalised(embedded)
    is_calibrated = options.precision in CALIBRATED
    calibration = checked_calibration(options.precision, samples.calibration) if is_calibrated else None
    samples = replace(samples, calibration=calibration)
    samples.check_fit(signature_of(model).inputs)
    learnt = LearntRanges.of(metadata) if options.precision == "int8" else None
    rounded = with_rounded_activations(model, learnt.ranges) if learnt else None
    return Task(
        model=model,
        options=options,
        samples=samples,
        reference=_reference(model if rounded is None else rounded, samples.parity),
        judging=judging,
        embedded=embedded,
        learnt=learnt,
        rounded_model=rounded,
    )


def _reference(model: Any, samples: Samples) -> tuple[tuple[str, NDArray[Any]], ...]:
    """Return the name and the values of each of the model's outputs."""
    names = [info.name for info in signature_of(model).outputs]
    reference = tuple(zip(names, run_model(model, as_arrays(samples)), strict=True))
    if not all(np.isfinite(values).all() for _, values in reference):
        # no artifact can equal it, and quantising it raises NumPy's warnings
        raise ExportError(
            f"model {name_of_model(model)!r}",
            "the model itself gives values that are not finite",
            "train it again with a lower learning rate",
        )
    return reference


def _write_proved(
    task: Task, samples: ExportSamples, path: Path, metadata: Metadata, *, source: str, force: bool
) -> ExportResult:
    """Build the file under a temporary name, compare its answers to `samples` with the model's, and rename it."""
    format, precision = task.options.format, task.options.precision
    with whole_file(path, force=force) as temporary:
        built = build(task, temporary)
        with _errors_about(path, temporary, task.options):
            nonzero = _nonzero(temporary)
            complete = complete_metadata(
                metadata, task.model, precision=precision, nonzero_fraction=nonzero, wider=built.wider
            )
            write_metadata(temporary, complete)
            proof = prove(task, temporary, samples)
        parity = proof.parity
        _check_answer(path, task, parity, built)
        proved = with_parity(complete, parity)
        write_metadata(temporary, replace(proved, extra={**proved.extra, **_measured(task, proof)}))
        sizes = temporary.stat().st_size, compressed_bytes(temporary)
    return ExportResult(
        format=format,
        precision=precision,
        path=str(path),
        bytes=sizes[0],
        compressed_bytes=sizes[1],
        nonzero_fraction=nonzero,
        parity=parity,
        source=source,
        notes=(
            *notes_on(format, precision, mixed=bool(built.wider)),
            *built.notes,
            *([_LEARNT] if task.learnt else []),
            *([unsure_note(parity, precision)] if parity.unsure else []),
            *([PROVES_NOTHING] * parity.proves_nothing),
        ),
        layers=built.layers,
        wider=built.wider,
        accuracy=built.accuracy,
        top1=proof.top1,
    )


def _measured(task: Task, proof: Proof) -> dict[str, Any]:
    """Return what the metadata say of the artifact itself: its accuracy, and answers that it was allowed to lose."""
    measured: dict[str, Any] = {}
    if task.judging.trained and proof.top1 is not None:
        measured[ARTIFACT_TOP1] = proof.top1.to_json()
    if task.options.allow_drop:
        lost = proof.parity.top1_agreement
        measured[ALLOWED_DROP] = {"points": task.options.allow_drop, "top1_agreement": lost}
    return measured


def _nonzero(path: Path) -> float:
    """Return the fraction of the weights that are not zero; 1 for a model without convolutions and dense layers."""
    try:
        return nonzero_fraction(path)
    except ExportError:  # a file that is really damaged is refused by its runtime next
        return 1.0


def _check_answer(path: Path, task: Task, parity: Parity, built: Built) -> None:
    """Refuse an artifact that fails parity or exceeds its budget.

    Raises:
        ParityError: It does, with the figures.
    """
    if not parity.passed:
        raise ParityError(path, *_fault_and_remedy(task, parity), parity)
    if built.accuracy is not None and not built.accuracy.within_budget:
        found = built.accuracy
        raise ParityError(
            path,
            f"not written, top-1 falls from {found.model_top1:.2%} to {found.artifact_top1:.2%} with every "
            f"layer at 16 bits, and {found.max_drop:.2%} may be lost",
            "allow more or choose float16",
            parity,
        )


def _fault_and_remedy(task: Task, parity: Parity) -> tuple[str, str]:
    fault = f"not written, it does not compute what the model computes ({parity.reason})"
    if task.rounded_model is None:  # one that rounds may move by a whole step, and is right to
        own = own_difference(task.model, task.samples.parity, task.reference, task.judging)
        if enlarges_rounding(own):
            itself = f"nor does the model: its answers move by {own:.2g} when the last bit of its inputs changes"
            return f"{fault}, {itself}", "train the model, or set its batch statistics: its signals enlarge rounding"
    return fault, remedy_for(task.options, task.samples, parity)


@contextlib.contextmanager
def _errors_about(path: Path, temporary: Path, options: ArtifactOptions) -> Iterator[None]:
    """Report errors about the temporary file under the requested path."""
    try:
        yield
    except ExportError as error:
        reason = one_line(error).removeprefix(f"{temporary}: ")
        raise ExportError(
            path, f"not written, no runtime can use it ({reason})", remedy_for_refusal(options)
        ) from error
