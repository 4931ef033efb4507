"""Images and labels: the bundled digits, folders of images, the tf.data pipeline."""

from pathlib import Path

from ..errors import SqnxtError
from .digits import SPLITS, Split, digits
from .folders import check_is_folder, image_folder
from .images import ImageSet

__all__ = ["ImageSet", "Split", "digits", "image_folder", "is_divided", "load_data", "load_splits"]


def load_data(name: str, split: Split | None = None) -> ImageSet:
    """One part of a data set: of `digits`, or of a folder of images by class.

    A folder with sub-folders `train`, `validation` and `test` is divided; any other is read whole. Without a `split`,
    the test part of what is divided.

    Raises:
        SqnxtError: the folder is not there, holds no images, or is not divided and a part of it is asked for.
    """
    if split is not None and split not in SPLITS:
        raise SqnxtError(f"split {split!r}: is not known; give one of {', '.join(SPLITS)}")
    if name == "digits":
        return digits(split or "test")
    folder = Path(name)
    divided = is_divided(name)
    if split and not divided and folder.is_dir():
        raise SqnxtError(f"{name}: is not divided into {', '.join(SPLITS)}; leave out the split to read it whole")
    return image_folder(folder / (split or "test") if divided else folder)


def is_divided(name: str) -> bool:
    """Whether a data set has parts for training, validation and test."""
    return name == "digits" or all((Path(name) / split).is_dir() for split in SPLITS)


def load_splits(name: str) -> dict[Split, ImageSet]:
    """All three parts of a data set.

    Raises:
        SqnxtError: a folder that is not there or not divided, or whose parts have different classes.
    """
    if name != "digits":
        check_is_folder(Path(name))
        if missing := [split for split in SPLITS if not (Path(name) / split).is_dir()]:
            raise SqnxtError(
                f"{name}: has no sub-folder {' and no '.join(missing)}; "
                "divide its images into train, validation and test"
            )
    parts = {split: load_data(name, split) for split in SPLITS}
    if len({part.class_names for part in parts.values()}) > 1:
        raise SqnxtError(f"{name}: its parts have different classes; give each class a folder in each of them")
    return parts
