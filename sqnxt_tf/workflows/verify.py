"""Check that two files compute the same: any two of `.keras`, `.onnx` and `.tflite`, on the same samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from sqnxt_export.remedies import unsure_note
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import read_known
from sqnxt_tf.options.artifacts import VerifyOptions
from sqnxt_tf.options.given import options_from
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.workflows.aligned_outputs import align_outputs
from sqnxt_tf.workflows.verify_inputs import Shown, is_trained, label_sets, shown_to

if TYPE_CHECKING:
    from sqnxt_export import Metadata, Parity, Runner

_SAMPLES = 128
_LAYOUTS = ("NCHW", "NHWC")
PROVES_NOTHING = (
    "the answers are nearly the same for all samples, as those of random weights may be: this proves nothing"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of comparing `b` with `a`, its reference; `images` says what both were shown.

    `precision` is the looser of the two, whose thresholds were applied. `max_rel_diff` is a fraction of the largest
    reference value; it is None for 8-bit weights of a trained model, which are judged by their answers.
    `min_sqnr_db` is the least signal-to-noise ratio of every output in decibels. `min_top1_agreement` applies to
    trained classifiers; if None, every sample must agree whose best two answers are further apart than the tolerance.
    `notes` tell what had to be assumed or tried.
    """

    a: Path
    b: Path
    precision: str
    trained: bool
    images: str
    max_rel_diff: float | None
    min_sqnr_db: float
    min_top1_agreement: float | None
    parity: Parity
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the `verify` document."""
        names = ("max_rel_diff", "min_sqnr_db", "min_top1_agreement")
        return {
            "a": str(self.a),
            "b": str(self.b),
            "precision": self.precision,
            "trained": self.trained,
            "images": self.images,
            "threshold": {name: getattr(self, name) for name in names},
            "parity": self.parity.to_json(),
            "notes": list(self.notes),
        }


def verify(
    a: str | Path,
    b: str | Path,
    options: VerifyOptions | None = None,
    *,
    progress: Progress = silent,
    **settings: Any,
) -> Verification:
    """Run two models or artifacts on the same samples and compare all outputs; TensorFlow only for `.keras` files.

    Files that do not say how they preprocess images are shown noise inside the range of their input. Where nothing
    tells the layout of an image or a map, both layouts are tried.

    Args:
        a: The reference.
        b: The file that is compared with it.
        options: What both are shown, and by whose thresholds they are judged.
        progress: Called as the work goes on.
        settings: Fields of `VerifyOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError: Different inputs or outputs, or data that do not fit.
        ExportError: A file cannot be read, or its runtime is not installed.
    """
    options = options_from(VerifyOptions, options, settings)
    left, right = Path(a), Path(b)
    progress("opening", 0, 2)
    tried = list(_pairs(left, right, options))
    progress("comparing", 1, 2)
    count = options.samples or _SAMPLES
    result = _best(tried, options, count)
    while options.samples is None and result.parity.unsure and result.parity.samples == count:
        progress(f"top-1 is unsure on {count} images: reading more", 1, 2)
        count *= 4
        result = _best(tried, options, count)
    progress("comparing", 2, 2)
    return result


def _best(tried: Sequence[tuple[tuple[Runner, Runner], str]], options: VerifyOptions, samples: int) -> Verification:
    """Compare both files in each layout that they may have, and return the comparison that agrees best."""
    results, fault = [], None
    for pair, layouts in tried:
        try:
            results.append(_compared(pair, layouts, options, samples))
        except SqnxtError as error:
            fault = fault or error
    if not results:
        assert fault is not None
        raise fault
    return max(results, key=lambda result: (result.parity.passed, result.parity.sqnr_db))


def _pairs(a: Path, b: Path, options: VerifyOptions) -> Iterator[tuple[tuple[Runner, Runner], str]]:
    """Yield both files, opened in each layout that they may have, and what was assumed about it."""
    for left, about_left in _opened(a, options):
        for right, about_right in _opened(b, options):
            yield (left, right), ", ".join(filter(None, (about_left, about_right)))


def _opened(path: Path, options: VerifyOptions) -> Iterator[tuple[Runner, str]]:
    from sqnxt_export import open_model

    runner = open_model(path, threads=options.threads)
    if runner.layout_known:
        yield runner, ""
        return
    for layout in _LAYOUTS if options.layout is None else (options.layout,):
        how = "" if options.layout else f"{path} does not tell the layout of its image, and {layout} agrees best"
        yield open_model(path, threads=options.threads, layout=layout), how


def _compared(pair: tuple[Runner, Runner], layouts: str, options: VerifyOptions, samples: int) -> Verification:
    """Run both files and compare their outputs."""
    left, right = pair
    known = (_known(left, options), _known(right, options))
    precision = options.precision or _looser(*(one.precision for one in known))
    shown = shown_to(pair, known, options, samples)
    reference, values = (runner.run_all(inputs) for runner, inputs in zip(pair, shown.inputs, strict=True))
    aligned, about_outputs = align_outputs(left, right, reference, values)
    notes = [note for note in (layouts, about_outputs, *shown.notes) if note]
    return _judged(pair, known, (reference, aligned), precision, options, shown, notes)


def _known(runner: Runner, options: VerifyOptions) -> Metadata:
    """Return the metadata of a file; the precision of one that has none is that of its kernels."""
    from sqnxt_export.artifact.stored_precision import stored_precision

    shape = runner.inputs[0].shape if len(runner.inputs) == 1 and runner.inputs[0].is_image else None
    metadata = read_known(runner.path, shape, options.labels)
    return metadata if metadata.precision else replace(metadata, precision=stored_precision(runner.path))


def _judged(
    pair: tuple[Runner, Runner],
    known: tuple[Metadata, Metadata],
    outputs: tuple[tuple[NDArray[Any], ...], list[NDArray[Any]]],
    precision: str,
    options: VerifyOptions,
    shown: Shown,
    notes: list[str],
) -> Verification:
    from sqnxt_export import Judging, compare_all
    from sqnxt_export.thresholds import MAX_REL_DIFF, MIN_AGREEMENT, MIN_SQNR_DB

    left, right = pair
    labels = label_sets(known)
    trained = shown.fits and is_trained(known)
    judging = Judging(
        trained=trained,
        task=options.task,
        classes=max(map(len, labels), default=0),
        rounded=any(info.name in runner.borders for runner in pair for info in runner.outputs),
    )
    named = [(info.name, values) for info, values in zip(left.outputs, outputs[0], strict=True)]
    parity = compare_all(named, outputs[1], precision, judging)
    by_answers = trained and precision in MIN_AGREEMENT and parity.top1_agreement is not None
    return Verification(
        a=left.path,
        b=right.path,
        precision=precision,
        trained=trained,
        images=shown.what,
        max_rel_diff=None if by_answers else MAX_REL_DIFF[precision],
        min_sqnr_db=MIN_SQNR_DB[precision],
        min_top1_agreement=MIN_AGREEMENT[precision] if by_answers else None,
        parity=parity,
        notes=(*notes, *(_about(parity, precision))),
    )


def _about(parity: Parity, precision: str) -> list[str]:
    """Return what the comparison could not tell."""
    unsure = [unsure_note(parity, precision)] if parity.unsure else []
    return [*unsure, *([PROVES_NOTHING] * parity.proves_nothing)]


def _looser(a: str, b: str) -> str:
    """Return the precision that allows the larger difference.

    Raises:
        SqnxtError: A precision is not known, since another program wrote the file.
    """
    from sqnxt_export.thresholds import MAX_REL_DIFF

    for precision in (a, b):
        if precision not in MAX_REL_DIFF:
            known = ", ".join(MAX_REL_DIFF)
            raise SqnxtError(f"precision {precision!r}", "is not known", f"give `precision` one of {known}")
    return max(a, b, key=MAX_REL_DIFF.__getitem__)
