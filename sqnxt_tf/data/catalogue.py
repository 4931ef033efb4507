"""The files beside TFRecord shards: names of the classes, and the catalogue of packed shards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqnxt_tf.errors import SqnxtError

CATALOGUE, _LABELS = "dataset.json", "labels.txt"
_VERSION = 1
_LARGEST_FILE = 64 * 2**20  # bytes of either file


@dataclass(frozen=True, slots=True)
class Shard:
    """A packed file of records: number of images, size in bytes, SHA-256 in hexadecimal digits."""

    images: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The contents of `dataset.json`: class names, label of the first class, every shard by its file name."""

    class_names: tuple[str, ...]
    shards: Mapping[str, Shard]
    first_label: int = 1  # as in ImageNet, which keeps 0 for "none of them"

    def images_in(self, paths: Iterable[Path]) -> int:
        """Return how many images were packed into the shards at `paths`."""
        return sum(self.shards[path.name].images for path in paths)

    def to_json(self) -> dict[str, Any]:
        """Return the contents of `dataset.json`."""
        return {
            "version": _VERSION,
            "class_names": list(self.class_names),
            "first_label": self.first_label,
            "shards": {name: asdict(shard) for name, shard in self.shards.items()},
        }


def read_catalogue(folder: Path) -> Catalogue:
    """Read `dataset.json`.

    Raises:
        SqnxtError: The file is damaged or of another version.
    """
    path = folder / CATALOGUE
    try:
        document = json.loads(_read_text(path))
        if document["version"] != _VERSION:
            raise SqnxtError(path, f"is of version {document['version']!r} instead of {_VERSION}", "pack it again")
        names = tuple(document["class_names"])
        shards = {name: Shard(**shard) for name, shard in document["shards"].items()}
        first = document["first_label"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SqnxtError(path, f"is damaged ({error!r:.100})", "pack it again") from None
    counts = [first, *(number for shard in shards.values() for number in (shard.images, shard.bytes))]
    texts = [*names, *(shard.sha256 for shard in shards.values())]
    plain = all(Path(name).name == name for name in shards)
    if (
        not names
        or not plain
        or any(type(n) is not int or n < 0 for n in counts)
        or any(type(t) is not str for t in texts)
    ):
        raise SqnxtError(path, "is damaged (a name or a number has the wrong type)", "pack it again")
    return Catalogue(class_names=names, shards=shards, first_label=first)


def read_label_names(folder: Path) -> tuple[int, tuple[str, ...]]:
    """Read the label of the first class and the names of all classes from `labels.txt`.

    Each line is either a name, the first for label 1 as in ImageNet's usual layout, or `LABEL:NAME`.

    Raises:
        SqnxtError: The file does not exist, is empty, or its labels or names are not consecutive or unique.
    """
    path = folder / _LABELS
    if not path.exists():
        raise SqnxtError(
            folder,
            "has no names of its classes",
            f"write {_LABELS} beside the shards, one name a line from label 1 (for ImageNet, `seq 1 1000 > "
            f"{_LABELS}` suffices)",
        )
    lines = [line.strip() for line in _read_text(path).splitlines() if line.strip()]
    numbered = [line.partition(":") for line in lines]
    if lines and all(number.isdecimal() and len(number) < 10 and colon for number, colon, _ in numbered):
        names = {int(number): name.strip() for number, _, name in numbered}
        first = min(names)
        if sorted(names) != list(range(first, first + len(lines))):
            last = first + len(lines) - 1
            raise SqnxtError(path, f"its labels are not {first} to {last}, once each", "correct them")
        return first, tuple(names[label] for label in sorted(names))
    if not lines or len(set(lines)) != len(lines):
        raise SqnxtError(path, "names a class twice" if lines else "is empty", "write one name a line")
    return 1, tuple(lines)


def _read_text(path: Path) -> str:
    if path.stat().st_size > _LARGEST_FILE:
        raise SqnxtError(path, f"is larger than {_LARGEST_FILE:,} bytes", "keep only names and labels in it")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise SqnxtError(path, "is not text in UTF-8", "write it again") from None
