"""Types of the command line's values: what a word must look like, and what it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sqnxt_base.quantities import parse_quantity
from sqnxt_tf.cli.completion import completion_item

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

LARGEST_BATCH = 4096
MOST_THREADS = 1024


class Listed(click.ParamType[tuple[str, ...]]):
    """Some of the given words, with commas between them: `onnx,tflite`."""

    name = "list"

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the words, as click's own choices show them."""
        return f"[{'|'.join(self.words)}],..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the words, each once."""
        if isinstance(value, tuple):
            return value
        given = tuple(dict.fromkeys(word.strip() for word in str(value).split(",")))
        for word in given:
            if word not in self.words:
                self.fail(f"{word!r} is not one of {', '.join(map(repr, self.words))}.", param, ctx)
        return given

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the words for the last place."""
        before, comma, last = incomplete.rpartition(",")
        return [completion_item(f"{before}{comma}{word}") for word in self.words if word.startswith(last)]


class InputSize(click.ParamType[tuple[int, int]]):
    """`227` or `227x224`: height and width in pixels."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return height and width."""
        if isinstance(value, tuple):
            return value
        sides = value.lower().split("x")
        if len(sides) > 2 or not all(side.isdecimal() and len(side) < 6 for side in sides):
            self.fail(f"{value!r} is not a size: give one side in pixels, as in 227, or HEIGHTxWIDTH", param, ctx)
        return int(sides[0]), int(sides[-1])


class BatchSize(click.ParamType[int | None]):
    """A number of images, or `free`."""

    name = "N|free"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Return the number; None for a free batch."""
        if value is None or isinstance(value, int):
            return value
        if value.lower() == "free":
            return None
        if not (value.isdecimal() and 1 <= int(value[:6]) <= LARGEST_BATCH):
            self.fail(f"{value!r} is not a batch: give a number of 1 to {LARGEST_BATCH}, or free", param, ctx)
        return int(value)


class Dimension(click.ParamType[tuple[str, int]]):
    """`seq=128`, with a size of `least` to `most`."""

    name = "NAME=N"

    def __init__(self, least: int = 0, most: int = 999_999_999) -> None:
        self._sizes = range(least, most + 1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return the name of a dimension and its size."""
        if isinstance(value, tuple):
            return value
        name, _, size = value.rpartition("=")
        if not (name and size.isascii() and size.isdigit() and len(size) < 10 and int(size) in self._sizes):
            self.fail(f"{value!r} is not a dimension: give NAME=N, as in seq=128", param, ctx)
        return name, int(size)


class ThreadCounts(click.ParamType[tuple[int, ...]]):
    """`1` or `1,2,4`."""

    name = "N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers, each once."""
        if isinstance(value, tuple):
            return value
        counts = value.split(",")
        if not all(count.isascii() and count.isdigit() and 1 <= int(count[:6]) <= MOST_THREADS for count in counts):
            self.fail(f"{value!r} is not a list of threads: give 1 to {MOST_THREADS}, as in 1,2", param, ctx)
        return tuple(dict.fromkeys(map(int, counts)))


class Quantity(click.ParamType[float]):
    """`1M`, `940k`, `2.5e6`: a number above 0, as `parse_quantity` reads it."""

    name = "NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        if isinstance(value, float):
            return value
        try:
            quantity = parse_quantity(value)
        except ValueError:
            quantity = 0.0
        if not 0 < quantity < float("inf"):
            self.fail(f"{value!r} is not a quantity above 0: give it as in 1M, 940k or 2.5e6", param, ctx)
        return quantity


class Bytes(click.ParamType[int]):
    """`1M`, `256K`, `65536`: a number of bytes, with the suffix K, M or G for the powers of 1024."""

    name = "BYTES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        try:
            count = parse_quantity(value, thousand=1024)
        except ValueError:
            count = 0.0
        if not (1 <= count < 2**53 and count == int(count)):
            self.fail(f"{value!r} is not a number of bytes: give it as in 1M, 256K or 65536", param, ctx)
        return int(count)
