"""Options of `micro`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.preprocessing_rules import check_rule


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroOptions:
    """The limits of a microcontroller, and what a project for it shows.

    Attributes:
        flash: Most bytes of flash that the model and its tables may take; no limit if None.
        ram: Most bytes of RAM that the arena may take; no limit if None.
        image: The test image; a digit or a pattern if None.
        preprocessing: How an image becomes the input: imagenet, plain, 0..1, -1..1, 0..255 or a TOML file; as the model
            says if None.
        labels: A file with one label a line; the model's own labels if None.

    Raises:
        SqnxtError, ExportError: A value is out of range.
    """

    flash: int | None = None
    ram: int | None = None
    image: Path | None = None
    preprocessing: str | None = None
    labels: Path | None = None

    def __post_init__(self) -> None:
        check_rule(self.preprocessing)
        for name in ("flash", "ram"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise SqnxtError(name, f"{value} is out of range", "give a number of bytes of at least 1")
