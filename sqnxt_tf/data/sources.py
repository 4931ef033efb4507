"""What a data set's name means, and the three parts of each kind."""

from pathlib import Path

import numpy as np

from ..errors import SqnxtError
from .decoding import UnreadableImageError
from .digits import SPLITS, Split
from .encoded import EncodedImages
from .folders import check_is_folder, encoded_folder
from .tfds import PREFIX, encoded_tfds
from .tfrecords import encoded_shards, shards_by_split

HELD_BACK = 10  # where nothing validates, every tenth training image does


def encoded_data(name: str, split: Split | None = None) -> EncodedImages:
    """One part of a folder of images, a folder of TFRecords or `tfds:NAME`; if not said, the test part of what has one.

    Raises:
        SqnxtError: it is not there, holds no images, or is not divided and a part of it is asked for.
    """
    if not name.startswith(PREFIX):
        check_is_folder(Path(name))
    if not _is_folder_of_images(name):
        return encoded_splits(name)[split or "test"]
    divided = is_divided(name)
    if split and not divided:
        raise SqnxtError(f"{name}: is not divided into {', '.join(SPLITS)}; leave out the split to read it whole")
    return encoded_folder(Path(name) / (split or "test") if divided else Path(name))


def encoded_splits(name: str) -> dict[Split, EncodedImages]:
    """All three parts. What has no test part is tested on its validation part, as is usual with ImageNet.

    Raises:
        SqnxtError: it is not there or not divided, or its parts have different classes.
    """
    if _is_folder_of_images(name):
        return _folder_splits(name)
    parts = encoded_tfds(name) if name.startswith(PREFIX) else encoded_shards(Path(name))
    if "train" not in parts or len(parts) == 1:
        raise SqnxtError(
            f"{name}: has {' and '.join(parts)} only; training needs a part to train on and one to test on"
        )
    return _completed(name, parts)


def is_divided(name: str) -> bool:
    """Whether a data set has parts for training, validation and test."""
    return name == "digits" or not _is_folder_of_images(name) or all((Path(name) / split).is_dir() for split in SPLITS)


def _is_folder_of_images(name: str) -> bool:
    return not name.startswith(PREFIX) and not (Path(name).is_dir() and shards_by_split(Path(name)))


def _folder_splits(name: str) -> dict[Split, EncodedImages]:
    check_is_folder(Path(name))
    if missing := [split for split in SPLITS if not (Path(name) / split).is_dir()]:
        raise SqnxtError(
            f"{name}: has no sub-folder {' and no '.join(missing)}; divide its images into train, validation and test"
        )
    parts = {split: encoded_folder(Path(name) / split) for split in SPLITS}
    if len({part.class_names for part in parts.values()}) > 1:
        raise SqnxtError(f"{name}: its parts have different classes; give each class a folder in each of them")
    return parts


def _completed(name: str, parts: dict[str, EncodedImages]) -> dict[Split, EncodedImages]:
    """The parts that are missing, made of those that are there."""
    train = parts["train"]
    if "test" in parts and not _is_labelled(parts["test"]):  # ImageNet's own test part keeps its labels secret
        del parts["test"]
    if "validation" not in parts and "test" in parts:
        held = np.arange(len(train)) % HELD_BACK == 0
        parts["validation"] = train.chosen(np.flatnonzero(held), f"{name}/validation")
        train = train.chosen(np.flatnonzero(~held), train.name)
    if "validation" not in parts:
        raise SqnxtError(f"{name}: has no labelled part but train; training needs another one to test on")
    validation = parts["validation"]
    return {"train": train, "validation": validation, "test": parts.get("test", validation)}


def _is_labelled(images: EncodedImages) -> bool:
    try:
        images.read(0)
    except UnreadableImageError:
        return False
    return True
