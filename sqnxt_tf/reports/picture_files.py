"""The checks that all pictures share: their names, the library that draws them, and whether they may be written."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from sqnxt_export.artifact.files import check_output
from sqnxt_tf.errors import SqnxtError

FORMATS = (".svg", ".png", ".pdf")
"""The suffixes of pictures that matplotlib draws."""


def check_picture_file(
    path: Path, *, force: bool, formats: Sequence[str] = FORMATS, library: str = "matplotlib"
) -> None:
    """Refuse a picture that cannot be drawn or written. Call it before the work that the picture is to show.

    Raises:
        SqnxtError: The suffix is not one of `formats`, or the library is not installed.
        ExportError: The file exists and `force` is not set, or its folder cannot be written.
    """
    if path.suffix.lower() not in formats:
        raise SqnxtError(path, "is not the name of a picture", f"end it with {', '.join(formats)}")
    check_output(path, force=force)
    require_drawing_library(library)


def require_drawing_library(name: str = "matplotlib") -> None:
    """Refuse to draw without the library.

    Raises:
        SqnxtError: It is not installed.
    """
    try:
        import_module(name)
    except ImportError:
        remedy = "run `pip install 'sqnxt-tf[report]'`"
        raise SqnxtError(name, "is not installed and is needed for drawing", remedy) from None
