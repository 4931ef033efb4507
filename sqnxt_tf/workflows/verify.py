"""Check that two files compute the same: any two of `.keras`, `.onnx` and `.tflite`, on the same images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.arrays import spread_arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.options.artifacts import DIGITS, VerifyOptions
from sqnxt_tf.options.given import options_from
from sqnxt_tf.progress import Progress, silent

if TYPE_CHECKING:
    from sqnxt_export import Metadata, Parity, Preprocessing, Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The result of comparing `b` with `a`, its reference; `images` says what both were shown.

    `precision` is the looser of the two, whose thresholds were applied. `max_rel_diff` is a fraction of the largest
    reference value; it is None for 8-bit weights of a trained model, which are judged by their answers.
    `min_top1_agreement` applies to trained models; if None, every sample must agree whose best two answers are
    further apart than the tolerance.
    """

    a: Path
    b: Path
    precision: str
    trained: bool
    images: str
    max_rel_diff: float | None
    min_top1_agreement: float | None
    parity: Parity

    def to_json(self) -> dict[str, Any]:
        """Return the `verify` document."""
        threshold = {"max_rel_diff": self.max_rel_diff, "min_top1_agreement": self.min_top1_agreement}
        return {
            "a": str(self.a),
            "b": str(self.b),
            "precision": self.precision,
            "trained": self.trained,
            "images": self.images,
            "threshold": threshold,
            "parity": self.parity.to_json(),
        }


def verify(
    a: str | Path,
    b: str | Path,
    options: VerifyOptions | None = None,
    *,
    progress: Progress = silent,
    **settings: Any,
) -> Verification:
    """Run two models or artifacts on the same images and compare their answers; TensorFlow only for `.keras` files.

    Files that do not say how they preprocess images are always shown noise.

    Args:
        a: The reference.
        b: The file that is compared with it.
        options: What both are shown, and by whose thresholds they are judged.
        progress: Called as the work goes on.
        settings: Fields of `VerifyOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError: Different input sizes or numbers of classes, or data that do not fit.
        ExportError: A file cannot be read, or its runtime is not installed.
    """
    from sqnxt_export import Metadata, open_model, read_metadata

    options = options_from(VerifyOptions, options, settings)
    left, right = Path(a), Path(b)
    progress("opening", 0, 2)
    runners = open_model(left, threads=options.threads), open_model(right, threads=options.threads)
    known = tuple(read_metadata(path) or Metadata() for path in (left, right))
    _check_inputs(*runners)
    looser = options.precision or _looser(*(one.precision for one in known))
    whole = _whole_preprocessing(known)
    images, shown, fits = _images(known, whole, runners[0].input_shape, options)
    progress("comparing", 1, 2)
    reference, logits = (
        runner.run(_as_fed(images, one.preprocessing or whole)) for runner, one in zip(runners, known, strict=True)
    )
    if reference.shape != logits.shape:
        raise SqnxtError(
            right,
            f"knows {logits.shape[1]} classes and {left} {reference.shape[1]}",
            "compare files of one network",
        )
    progress("comparing", 2, 2)
    return _judged(left, right, looser, shown, reference, logits, trained=fits and _is_trained(known))


def _judged(
    a: Path,
    b: Path,
    precision: str,
    shown: str,
    reference: NDArray[np.float32],
    logits: NDArray[np.float32],
    *,
    trained: bool,
) -> Verification:
    from sqnxt_export import compare_outputs
    from sqnxt_export.parity import MAX_REL_DIFF, MIN_AGREEMENT

    by_answers = trained and precision in MIN_AGREEMENT
    return Verification(
        a=a,
        b=b,
        precision=precision,
        trained=trained,
        images=shown,
        max_rel_diff=None if by_answers else MAX_REL_DIFF[precision],
        min_top1_agreement=MIN_AGREEMENT[precision] if by_answers else None,
        parity=compare_outputs(reference, logits, precision, trained=trained),
    )


def _looser(a: str, b: str) -> str:
    """Return the precision that allows the larger difference.

    Raises:
        SqnxtError: A precision is not known, since another program wrote the file.
    """
    from sqnxt_export.parity import MAX_REL_DIFF

    for precision in (a, b):
        if precision not in MAX_REL_DIFF:
            known = ", ".join(MAX_REL_DIFF)
            raise SqnxtError(f"precision {precision!r}", "is not known", f"give `precision` one of {known}")
    return max(a, b, key=MAX_REL_DIFF.__getitem__)


def _is_trained(known: tuple[Metadata, ...]) -> bool:
    """Return whether the answers mean something: a file records its accuracy, or the model that it was made of."""
    return any(one.accuracy is not None or one.source_hash for one in known)


def _check_inputs(a: Runner, b: Runner) -> None:
    if a.input_shape != b.input_shape:
        sizes = ["x".join(map(str, runner.input_shape)) for runner in (a, b)]
        raise SqnxtError(b.path, f"takes images of {sizes[1]} and {a.path} of {sizes[0]}", "compare files of one size")


def _whole_preprocessing(known: tuple[Metadata, ...]) -> Preprocessing | None:
    """Return what both files do to an image, before or inside the graph; None where neither says.

    Raises:
        SqnxtError: The two files preprocess images differently.
    """
    ways = {whole for one in known if (whole := one.whole_preprocessing()) is not None}
    if len(ways) > 1:
        remedy = "compare files of one network" if len(_label_sets(known)) > 1 else "export both from one model"
        raise SqnxtError("verify", "the two files preprocess images differently", str(remedy))
    return ways.pop() if ways else None


def _label_sets(known: tuple[Metadata, ...]) -> set[tuple[str, ...]]:
    return {one.labels for one in known if one.labels}


def _as_fed(images: NDArray[Any], preprocessing: Preprocessing | None) -> NDArray[np.float32]:
    """Return the input of a file: pixels get the preprocessing that it leaves to do, values stay as they are."""
    if preprocessing is None or images.dtype != np.uint8:
        return images
    return preprocessing.normalise(images)


def _images(
    known: tuple[Metadata, ...], whole: Preprocessing | None, shape: tuple[int, int, int], options: VerifyOptions
) -> tuple[NDArray[Any], str, bool]:
    """Return images for both, what they are, and whether the files were trained for them.

    They are uint8 pixels, or float32 values where no file says what it does to pixels.
    """
    data, samples, seed = options.data, options.samples, options.seed
    if whole is None:
        if data is not None:
            raise SqnxtError(
                data.name, "neither file says how it preprocesses images", "leave out `data` to compare on noise"
            )
        return _noise(None, shape, samples, seed), f"noise, seed {seed}", False
    judged = (data or DIGITS).part()
    if all(names == judged.class_names for names in _label_sets(known)) or not _is_trained(known):
        return spread_arrays(judged, whole.raw(), samples).images.astype(np.uint8), judged.name, True
    if data is not None:
        raise SqnxtError(
            data.name, "has other classes than the files were trained for", "give `data` the files' own data"
        )
    return _noise(whole, shape, samples, seed), f"noise, seed {seed}", False


def _noise(preprocessing: Preprocessing | None, shape: tuple[int, int, int], samples: int, seed: int) -> NDArray[Any]:
    """Return seeded noise: uint8 pixels where the files preprocess pixels, else values of -1 to 1."""
    random = np.random.default_rng(seed)
    if preprocessing is None or (preprocessing.height, preprocessing.width, preprocessing.channels) != shape:
        return random.uniform(-1, 1, (samples, *shape)).astype(np.float32)
    return random.integers(0, 256, (samples, *shape)).astype(np.uint8)
