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
    """One part of a folder of images, a folder of TFRecords or `tfds:NAME`; the test part if not said.

    Raises:
        SqnxtError: it is not there, holds no images, or is not divided and a part of it is asked for.
    """
    if not name.startswith(PREFIX):
        check_is_folder(Path(name))
    if is_divided(name):
        return encoded_splits(name)[split or "test"]
    if not is_folder_of_images(name):
        parts = stored_parts(name)
        wanted = split or next(iter(parts))
        if wanted in parts:
            return parts[wanted]
    if split:
        raise SqnxtError(f"{name}: is not divided into {', '.join(SPLITS)}; leave out the split to read it whole")
    return encoded_folder(Path(name))


def encoded_splits(name: str) -> dict[Split, EncodedImages]:
    """All three parts. What has no test part is tested on its validation part, as is usual with ImageNet.

    Raises:
        SqnxtError: it is not there or not divided, or its parts have different classes.
    """
    parts = stored_parts(name)
    if "train" not in parts:
        raise SqnxtError(f"{name}: has {' and '.join(parts)} and nothing to train on; add a part called train")
    train = parts["train"]
    if "test" in parts and not _is_labelled(parts["test"]):  # ImageNet's own test part keeps its labels secret
        del parts["test"]
    if "validation" not in parts and "test" in parts:
        held = np.arange(len(train)) % HELD_BACK == 0
        parts["validation"] = train.chosen(np.flatnonzero(held), f"{name}/validation")
        train = train.chosen(np.flatnonzero(~held), train.name)
    if "validation" not in parts:
        raise SqnxtError(f"{name}: has no labelled part but train; training needs another one to test on")
    return {"train": train, "validation": parts["validation"], "test": parts.get("test", parts["validation"])}


def stored_parts(name: str) -> dict[Split, EncodedImages]:
    """The parts that are there.

    Raises:
        SqnxtError: it is not there or not divided, or its parts have different classes.
    """
    if name.startswith(PREFIX):
        return encoded_tfds(name)
    if not is_folder_of_images(name):
        return encoded_shards(Path(name))
    check_is_folder(Path(name))
    folders = part_folders(name)
    if not is_divided(name):
        missing = " and no ".join(split for split in SPLITS if split not in folders)
        raise SqnxtError(f"{name}: has no sub-folder {missing}; divide its images into train, validation and test")
    parts = {split: encoded_folder(folder) for split, folder in folders.items()}
    if len({part.class_names for part in parts.values()}) > 1:
        raise SqnxtError(f"{name}: its parts have different classes; give each class a folder in each of them")
    return parts


def is_divided(name: str) -> bool:
    """Whether a data set has a part for training and one for validation or test."""
    if name == "digits" or name.startswith(PREFIX):
        return True
    parts = part_folders(name) if is_folder_of_images(name) else shards_by_split(Path(name))
    return "train" in parts and len(parts) > 1


def is_folder_of_images(name: str) -> bool:
    """Whether a name can only mean a folder of images, there or not."""
    return not name.startswith(PREFIX) and not (Path(name).is_dir() and shards_by_split(Path(name)))


def part_folders(name: str) -> dict[Split, Path]:
    """The sub-folders that are parts; ImageNet's validation part is often called `val`."""
    folders: dict[Split, Path] = {split: Path(name) / split for split in SPLITS}
    if not folders["validation"].is_dir():
        folders["validation"] = Path(name) / "val"
    return {split: folder for split, folder in folders.items() if folder.is_dir()}


def _is_labelled(images: EncodedImages) -> bool:
    try:
        images.read(0)
    except UnreadableImageError:
        return False
    return True
