"""Images and labels: the bundled digits, folders of images, the tf.data pipeline."""

from pathlib import Path

from ..errors import SqnxtError
from .digits import SPLITS, Split, digits
from .folders import image_folder
from .images import ImageSet

__all__ = ["ImageSet", "Split", "digits", "image_folder", "load_data", "load_splits"]


def load_data(name: str, split: Split) -> ImageSet:
    """`digits`, or a folder of images by class.

    A folder that has sub-folders `train`, `validation` and `test` is read part by part; any other is read whole.
    """
    if name == "digits":
        return digits(split)
    folder = Path(name)
    return image_folder(folder / split if (folder / split).is_dir() else folder)


def load_splits(name: str) -> dict[Split, ImageSet]:
    """All three parts of a data set.

    Raises:
        SqnxtError: a folder that is not divided, or whose parts have different classes.
    """
    if name != "digits" and (missing := [split for split in SPLITS if not (Path(name) / split).is_dir()]):
        raise SqnxtError(
            f"{name}: has no sub-folder {' and no '.join(missing)}; divide its images into train, validation and test"
        )
    parts = {split: load_data(name, split) for split in SPLITS}
    if len({part.class_names for part in parts.values()}) > 1:
        raise SqnxtError(f"{name}: its parts have different classes; give each class a folder in each of them")
    return parts
