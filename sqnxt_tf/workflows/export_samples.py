"""The samples of an export: what the artifact is calibrated on, and what it is compared with its model on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.runtimes.signatures import signature_of
from sqnxt_export.runtimes.tensors import seeded_noise
from sqnxt_tf.data.arrays import spread_arrays, take_spread, to_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.options.artifacts import ExportOptions
from sqnxt_tf.own_data import own_data_or_digits
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource

if TYPE_CHECKING:
    from sqnxt_export import ExportSamples, Preprocessing

NOISE_NOTE = (
    "the model takes no single grey or RGB image, so parity was judged, and integer precisions were calibrated, on "
    "seeded noise: give real samples to `sqnxt_export.export_model` in Python before you trust 8 bits"
)
# (calibration, parity): random weights need just enough images to see a wrong graph, and large networks take a second
# an image in reference kernels
_IMAGES_TRAINED = (512, 128)
_IMAGES_RANDOM = (64, 16)
_MOST_AT_ONCE = 2048
"""Further images that are in memory together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesRead:
    """Samples of one or more exports of a model, and the names of the images that could not be read.

    `left_out` grows as further images are read.
    """

    samples: ExportSamples
    left_out: list[str]


def samples_for(source: ModelSource, options: ExportOptions, progress: Progress = silent) -> SamplesRead:
    """Return what an artifact is calibrated and compared on: images of the model's data, or seeded noise.

    Parity begins with 128 images and goes on to all there are, as long as top-1 leaves the answer open; a number that
    the caller gives is kept to. No image is used for two purposes.

    Args:
        source: The model.
        options: What is exported and how.
        progress: Called as further images are read.

    Raises:
        SqnxtError: A trained model knows other classes than the data have, the data hold too few images, or an option
            asks for images where the model takes none.
    """
    if not source.takes_image:
        return SamplesRead(samples=_noise(source, options), left_out=[])
    return _images(source, options, own_data_or_digits(source.name, source.metadata, options.data), progress)


def _images(source: ModelSource, options: ExportOptions, data: DataSource, progress: Progress) -> SamplesRead:
    from sqnxt_export import Budget, ExportSamples

    calibrated, compared = _IMAGES_TRAINED if source.trained else _IMAGES_RANDOM
    seen = source.preprocessing.raw() if options.embed_preprocessing else source.preprocessing
    judged = data.part()
    labelled = bool(source.metadata.labels)
    if source.trained and labelled and source.metadata.labels != judged.class_names:
        raise SqnxtError(source.name, f"was trained for other classes than those of {data}", "give `data` its own data")
    judged_pool, calibration_pool = _pools(data, judged)
    parity, rest = take_spread(judged, seen, options.samples or compared, judged_pool)
    pool, among = calibration_pool
    calibration = spread_arrays(pool, seen, options.calibration or calibrated, among=among)
    held_back = None if options.max_drop is None else _held_back(source, data)
    budget = None
    if held_back is not None and options.max_drop is not None:
        budget = Budget(images=held_back.images, labels=held_back.labels, max_drop=options.max_drop / 100)
    left_out = [name for part in (parity, calibration, held_back) if part for name in part.left_out]
    further = _Further(judged=judged, preprocessing=seen, rest=rest, left_out=left_out, progress=progress)
    samples = ExportSamples(
        parity=parity.images,
        calibration=calibration.images,
        budget=budget,
        labels=parity.labels if labelled else None,
        further=() if options.samples is not None else further,
        data=judged.name,
    )
    return SamplesRead(samples=samples, left_out=left_out)


def _noise(source: ModelSource, options: ExportOptions) -> ExportSamples:
    """Return seeded noise for a model that takes something else than one grey or RGB image.

    Raises:
        SqnxtError: An option asks for images.
    """
    from sqnxt_export import ExportSamples

    for name, asked in (
        ("embed_preprocessing", options.embed_preprocessing),
        ("max_drop", options.max_drop is not None),
        ("preprocessing", source.given_preprocessing is not None),
    ):
        if asked:
            raise SqnxtError(source.name, f"does not take one image, which `{name}` is about", f"leave `{name}` out")
    inputs = signature_of(source.model).inputs
    calibrated, compared = _IMAGES_TRAINED if source.trained else _IMAGES_RANDOM
    return ExportSamples(
        parity=seeded_noise(inputs, options.samples or compared, seed=1),
        calibration=seeded_noise(inputs, options.calibration or calibrated, seed=2),
    )


def _pools(data: DataSource, judged: ImageSet) -> tuple[NDArray[np.int64], tuple[ImageSet, NDArray[np.int64]]]:
    """Return the images that may be judged, and those that may calibrate with the set that they are in.

    Raises:
        SqnxtError: Undivided data hold one image only.
    """
    every = np.arange(len(judged))
    if data.is_divided:
        seen = data.part("train")
        return every, (seen, np.arange(len(seen)))
    if len(judged) < 2:
        raise SqnxtError(data.name, "holds one image", "give at least two, one to compare on and one to calibrate with")
    return every[::2], (judged, every[1::2])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Further:
    """The other images that may be judged, three times as many as were seen so far each time."""

    judged: ImageSet
    preprocessing: Preprocessing
    rest: NDArray[np.int64]
    left_out: list[str]
    progress: Progress

    def __iter__(self) -> Iterator[ExportSamples]:
        from sqnxt_export import ExportSamples

        rest, seen = self.rest, len(self.judged) - len(self.rest)
        while len(rest):
            self.progress("top-1 is unsure: reading more images", 2, 3)
            part, rest = take_spread(self.judged, self.preprocessing, min(3 * seen, _MOST_AT_ONCE), rest)
            self.left_out.extend(part.left_out)
            seen += len(part.images)
            yield ExportSamples(parity=part.images, labels=part.labels)


def _held_back(source: ModelSource, data: DataSource) -> Arrays:
    """Return what a budget is judged on, images that neither calibration nor training knew: the validation part.

    Raises:
        SqnxtError: Random weights, whose answers cannot get worse; or data without a validation part.
    """
    if not source.trained:
        raise SqnxtError(
            source.name, "has random weights and no accuracy to lose", "use `max_drop` with a trained model"
        )
    if not data.is_divided:
        raise SqnxtError(
            data.name,
            "is not divided, and `max_drop` is judged on images of a part of their own",
            "divide it into train, validation and test",
        )
    return to_arrays(data.part("validation"), source.known_input())
