"""The images that a model classified wrongly, as PNG files."""

from __future__ import annotations

import re
from pathlib import Path

from sqnxt_tf.accuracy import Evaluation
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.output_folder import check_output_folder, replaced_folder

_OWN_NAME = re.compile(r"\d{5,}_[\w-]*_as_[\w-]*\.png")
_SMALLEST_SIDE = 64  # pixels; an 8x8 digit is enlarged by a whole factor until a person can see it


def check_misclassified_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that is not empty, before any work is done. With `force`, it may hold misclassified images only.

    Raises:
        SqnxtError: The folder holds something else, or cannot be created.
    """
    check_output_folder(folder, force=force)
    held = folder.iterdir() if folder.is_dir() else ()
    if strange := [path.name for path in held if not _OWN_NAME.fullmatch(path.name)]:
        raise SqnxtError(folder, f"holds {strange[0]!r}, which is not a misclassified image", "choose another folder")


def write_misclassified(result: Evaluation, data: ImageSet, folder: Path) -> list[Path]:
    """Write one PNG a misclassified image, and return the paths. Names hold the index, the class and the wrong class.

    The folder is written completely under another name, and then replaces an earlier one.
    """
    from PIL import Image

    names = []
    with replaced_folder(folder) as part:
        for index in result.misclassified():
            pixels = data.image(result.index_in_data(int(index)))
            factor = max(1, _SMALLEST_SIDE // min(pixels.shape[:2]))
            name = (
                f"{index:05d}_{_class(result, result.labels[index])}_as_{_class(result, result.predictions[index])}.png"
            )
            image = Image.fromarray(pixels)
            image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST).save(part / name)
            names.append(name)
    return [folder / name for name in names]


def _class(result: Evaluation, index: int) -> str:
    name = result.class_names[index] if index < len(result.class_names) else str(index)
    return re.sub(r"[^\w-]+", "-", name)[:40]
