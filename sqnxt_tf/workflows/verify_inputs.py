"""What two files are shown when they are compared: images of data that fit both, or noise in their input's range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.arrays import spread_arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import ImageInput, resolve_runner
from sqnxt_tf.options.artifacts import DIGITS, VerifyOptions

if TYPE_CHECKING:
    from sqnxt_export import Metadata, Preprocessing, Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What both files are shown, each in its own form.

    Attributes:
        inputs: For each of the two files, one array [n, ...] per input.
        what: A description, as in "digits/test" or "noise, seed 0".
        fits: Whether the files were trained for images like these.
        notes: What had to be assumed.
    """

    inputs: tuple[Sequence[NDArray[Any]], Sequence[NDArray[Any]]]
    what: str
    fits: bool = False
    notes: tuple[str, ...] = ()


def shown_to(
    runners: tuple[Runner, Runner], known: tuple[Metadata, Metadata], options: VerifyOptions, samples: int
) -> Shown:
    """Return what both files are shown.

    Raises:
        SqnxtError: They take inputs of different shapes, preprocess images differently, or do not fit `data`.
    """
    _check_inputs(*runners)
    noise = f"noise, seed {options.seed}"
    if not all(_takes_image(runner) for runner in runners):
        _refuse_data(options, "takes no image")
        values = runners[0].noise_inputs(samples, options.seed)
        return Shown(inputs=(values, values), what=noise)
    found = tuple(resolve_runner(*pair, options.preprocessing) for pair in zip(runners, known, strict=True))
    whole = _whole_preprocessing(known, found)
    if whole is None:
        _refuse_data(options, "neither file says how it preprocesses images")
        images = np.random.default_rng(options.seed).uniform(-1, 1, (samples, *runners[0].input_shape))
        shown = (images.astype(np.float32),)
        return Shown(inputs=(shown, shown), what=noise, notes=(f"{noise}: values of -1 to 1 are assumed",))
    pixels, what, fits = _pixels(known, whole, options, samples)
    ways = [whole if one.is_assumed else one.preprocessing for one in found]
    left, right = (way.normalise(pixels) for way in ways)
    return Shown(inputs=((left,), (right,)), what=what, fits=fits)


def _takes_image(runner: Runner) -> bool:
    return len(runner.inputs) == 1 and runner.inputs[0].is_image and runner.inputs[0].shape[2] in (1, 3)


def _refuse_data(options: VerifyOptions, why: str) -> None:
    if options.data is not None:
        raise SqnxtError(options.data.name, why, "leave out `data` to compare on noise, or give `preprocessing`")


def _check_inputs(a: Runner, b: Runner) -> None:
    shapes = [[info.shape for info in runner.inputs] for runner in (a, b)]
    if shapes[0] == shapes[1]:
        return
    sizes = [" and ".join("x".join(map(str, shape)) for shape in inputs) for inputs in shapes]
    raise SqnxtError(b.path, f"takes images of {sizes[1]} and {a.path} of {sizes[0]}", "compare files of one size")


def _whole_preprocessing(known: Sequence[Metadata], found: Sequence[ImageInput]) -> Preprocessing | None:
    """Return what both files do to an image, before or inside the graph; None where neither says.

    Raises:
        SqnxtError: The metadata of the two files preprocess images differently.
    """
    if found[0].origin == "given":
        return found[0].preprocessing
    ways = {whole for one in known if (whole := one.whole_preprocessing()) is not None}
    if len(ways) > 1:
        remedy = "compare files of one network" if len(label_sets(known)) > 1 else "export both from one model"
        raise SqnxtError("verify", "the two files preprocess images differently", str(remedy))
    if ways:
        return ways.pop()
    return next((one.preprocessing for one in found if not one.is_assumed), None)


def label_sets(known: Sequence[Metadata]) -> set[tuple[str, ...]]:
    """Return the different lists of labels that files have."""
    return {one.labels for one in known if one.labels}


def is_trained(known: Sequence[Metadata]) -> bool:
    """Return whether the answers mean something: a file records its accuracy, or the model that it was made of."""
    return any(one.accuracy is not None or one.source_hash for one in known)


def _pixels(
    known: Sequence[Metadata], whole: Preprocessing, options: VerifyOptions, samples: int
) -> tuple[NDArray[np.uint8], str, bool]:
    """Return uint8 pixels for both, what they are, and whether the files were trained for them."""
    data, seed = options.data, options.seed
    judged = (data or DIGITS).part()
    if all(names == judged.class_names for names in label_sets(known)) or not is_trained(known):
        return spread_arrays(judged, whole.raw(), samples).images.astype(np.uint8), judged.name, True
    if data is not None:
        raise SqnxtError(
            data.name, "has other classes than the files were trained for", "give `data` the files' own data"
        )
    shape = (samples, whole.height, whole.width, whole.channels)
    noise = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    return noise, f"noise, seed {seed}", False
