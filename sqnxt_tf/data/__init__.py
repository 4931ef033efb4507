"""Images and labels: the bundled digits, folders of images, TFRecords, tensorflow-datasets."""

from ..errors import SqnxtError
from .digits import SPLITS, Split, digits
from .folders import image_folder
from .images import ImageSet
from .sources import encoded_data, encoded_splits, is_divided

__all__ = ["ImageSet", "Split", "digits", "encoded_data", "encoded_splits", "image_folder", "is_divided", "load_data",
           "load_splits"]  # fmt: skip


def load_data(name: str, split: Split | None = None) -> ImageSet:
    """One part of a data set: of `digits`, a folder of images by class, a folder of TFRecords, or `tfds:NAME`.

    A folder with sub-folders `train`, `validation` and `test` is divided; any other is read whole. Without a `split`,
    the test part of what is divided.

    Raises:
        SqnxtError: the folder is not there, holds no images, or is not divided and a part of it is asked for.
    """
    if split is not None and split not in SPLITS:
        raise SqnxtError(f"split {split!r}: is not known; give one of {', '.join(SPLITS)}")
    if name == "digits":
        return digits(split or "test")
    return encoded_data(name, split).as_image_set()


def load_splits(name: str) -> dict[Split, ImageSet]:
    """All three parts of a data set.

    Raises:
        SqnxtError: a folder that is not there or not divided, or whose parts have different classes.
    """
    if name == "digits":
        return {split: digits(split) for split in SPLITS}
    return {split: images.as_image_set() for split, images in encoded_splits(name).items()}
