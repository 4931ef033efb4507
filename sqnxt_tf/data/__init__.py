"""Images and labels: the bundled digits, folders of images, the tf.data pipeline."""

from pathlib import Path

from .digits import Split, digits
from .folders import image_folder
from .images import ImageSet

__all__ = ["ImageSet", "Split", "digits", "image_folder", "load_data"]


def load_data(name: str, split: Split) -> ImageSet:
    """`digits`, or a folder of images by class.

    A folder that has sub-folders `train`, `validation` and `test` is read part by part; any other is read whole.
    """
    if name == "digits":
        return digits(split)
    folder = Path(name)
    return image_folder(folder / split if (folder / split).is_dir() else folder)
