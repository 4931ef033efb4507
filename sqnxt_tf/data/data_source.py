"""Sources of labelled images: a name that the user gives is parsed once, into a `DataSource`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from sqnxt_tf.data.digits import SPLITS, Split, digits
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.folders import check_is_folder, encoded_folder, is_folder
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.tfds import PREFIX, encoded_tfds
from sqnxt_tf.data.tfrecords import encoded_shards, shards_by_split
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError

_HELD_BACK = 10  # without a validation part, every tenth training image validates


class DataKind(StrEnum):
    """How the images are stored."""

    DIGITS = "digits"
    """The handwritten digits that come with the package."""
    IMAGES = "images"
    """A folder of image files, one sub-folder a class."""
    TFRECORDS = "tfrecords"
    """A folder of TFRecord shards."""
    TFDS = "tfds"
    """A data set that tensorflow-datasets prepares."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data set that is named and not read yet; `parse` makes one.

    A divided data set has the parts `train`, `validation` and `test`.

    Attributes:
        name: The name as the user gave it; settings of runs and messages contain it.
        kind: How the images are stored.
    """

    name: str
    kind: DataKind

    @classmethod
    def parse(cls, data: str | Path | DataSource) -> DataSource:
        """Return the source that `data` names: `digits`, a folder of images or of TFRecords, or `tfds:NAME`.

        A `Path` is always a folder, even one called `digits`. A folder that does not exist counts as a folder of
        images; reading it raises the error.

        Raises:
            SqnxtError: A folder of TFRecords lacks some of its shards.
        """
        if isinstance(data, DataSource):
            return data
        if data == DataKind.DIGITS:
            return cls(str(data), DataKind.DIGITS)
        if isinstance(data, str) and data.startswith(PREFIX):
            return cls(data, DataKind.TFDS)
        packed = is_folder(Path(data)) and shards_by_split(Path(data))
        return cls(str(data), DataKind.TFRECORDS if packed else DataKind.IMAGES)

    def __str__(self) -> str:
        return self.name

    @property
    def is_digits(self) -> bool:
        """Whether these are the bundled digits, which are read into memory."""
        return self.kind is DataKind.DIGITS

    @property
    def is_divided(self) -> bool:
        """Whether there is a part for training and one for validation or test; only names of files are read."""
        if self.kind in (DataKind.DIGITS, DataKind.TFDS):
            return True
        parts = self.part_folders() if self.kind is DataKind.IMAGES else shards_by_split(self._folder)
        return "train" in parts and len(parts) > 1

    def part(self, split: Split | None = None) -> ImageSet:
        """Return one part; without a `split`, return the test part of divided data, or all of undivided data.

        Raises:
            SqnxtError: The data do not exist or have no images, or a part of undivided data is asked for.
        """
        if split is not None and split not in SPLITS:
            raise SqnxtError(f"split {split!r}", "is not known", f"give one of {', '.join(SPLITS)}")
        return digits(split or "test") if self.is_digits else self.encoded_part(split).as_image_set()

    def parts(self) -> dict[Split, ImageSet]:
        """Return all three parts.

        Raises:
            SqnxtError: The data do not exist or are not divided, or their parts have different classes.
        """
        if self.is_digits:
            return {split: digits(split) for split in SPLITS}
        return {split: images.as_image_set() for split, images in self.encoded_parts().items()}

    def encoded_part(self, split: Split | None = None) -> EncodedImages:
        """Return what `part` returns, as files on disk hold it; the digits have no such files.

        Raises:
            SqnxtError: See `part`.
        """
        if self.kind is not DataKind.TFDS:
            check_is_folder(self._folder)
        if self.is_divided:
            return self.encoded_parts()[split or "test"]
        if self.kind is DataKind.TFRECORDS:
            parts = self.stored_parts()
            wanted = split or next(iter(parts))
            if wanted in parts:
                return parts[wanted]
        if split:
            raise SqnxtError(
                self.name, f"is not divided into {', '.join(SPLITS)}", "leave out `split` to read it whole"
            )
        return encoded_folder(self._folder)

    def encoded_parts(self) -> dict[Split, EncodedImages]:
        """Return all three parts as files on disk hold them.

        Data without a labelled test part are tested on their validation part, as is usual with ImageNet. Data without a
        validation part are validated on every tenth training image, which is then not trained on.

        Raises:
            SqnxtError: See `parts`.
        """
        parts = self.stored_parts()
        if "train" not in parts:
            raise SqnxtError(self.name, f"has {' and '.join(parts)} and nothing to train on", "add a part called train")
        train = parts["train"]
        if "test" in parts and not _is_labelled(parts["test"]):  # the labels of ImageNet's test part are not public
            del parts["test"]
        if "validation" not in parts and "test" in parts:
            held = np.arange(len(train)) % _HELD_BACK == 0
            parts["validation"] = train.chosen(np.flatnonzero(held), f"{self.name}/validation")
            train = train.chosen(np.flatnonzero(~held), train.name)
        if "validation" not in parts:
            raise SqnxtError(self.name, "has no labelled part but train", "add a part called validation or test")
        return {"train": train, "validation": parts["validation"], "test": parts.get("test", parts["validation"])}

    @property
    def _folder(self) -> Path:
        return Path(self.name)

    def stored_parts(self) -> dict[Split, EncodedImages]:
        """Return the parts that exist on disk.

        Raises:
            SqnxtError: See `parts`.
        """
        if self.kind is DataKind.TFDS:
            return encoded_tfds(self.name)
        if self.kind is DataKind.TFRECORDS:
            return encoded_shards(self._folder)
        check_is_folder(self._folder)
        folders = self.part_folders()
        if not self.is_divided:
            missing = " and no ".join(split for split in SPLITS if split not in folders)
            raise SqnxtError(
                self.name, f"has no sub-folder {missing}", "divide its images into train, validation and test"
            )
        parts = {split: encoded_folder(folder) for split, folder in folders.items()}
        if len({part.class_names for part in parts.values()}) > 1:
            raise SqnxtError(self.name, "its parts have different classes", "give each class a folder in each of them")
        return parts

    def part_folders(self) -> dict[Split, Path]:
        """Return the sub-folders that are parts; ImageNet's validation part is often called `val`."""
        folders: dict[Split, Path] = {split: self._folder / split for split in SPLITS}
        if not folders["validation"].is_dir():
            folders["validation"] = self._folder / "val"
        return {split: folder for split, folder in folders.items() if folder.is_dir()}


def load_data(data: str | Path | DataSource, split: Split | None = None) -> ImageSet:
    """Return one part of `digits`, of a folder of images or TFRecords, or of `tfds:NAME`.

    Args:
        data: The name of the data, or a folder. A folder of images has a sub-folder for each class; if it has the
            sub-folders `train`, `validation` and `test` instead, it is divided, and each of them has the classes.
        split: The part; by default the test part of divided data, and all of undivided data.

    Raises:
        SqnxtError: See `DataSource.part`.
    """
    return DataSource.parse(data).part(split)


def _is_labelled(images: EncodedImages) -> bool:
    try:
        images.read(0)
    except UnreadableImageError:
        return False
    return True
