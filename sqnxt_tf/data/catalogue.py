"""The files beside TFRecord shards: names of the classes, and the catalogue of packed shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqnxt_base.json_text import parse_json_object
from sqnxt_base.printable_text import one_line
from sqnxt_base.user_files import UnreadableTextError, lines_of, read_text
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

    @property
    def is_plain(self) -> bool:
        """Whether both numbers are whole and none is negative, and the checksum is text, as a file may not say."""
        numbers_fit = all(type(number) is int and number >= 0 for number in (self.images, self.bytes))
        return numbers_fit and type(self.sha256) is str


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
        document = parse_json_object(_read_text(path))
        if document["version"] != _VERSION:
            raise SqnxtError(path, f"is of version {document['version']!r} instead of {_VERSION}", "pack it again")
        names = tuple(document["class_names"])
        shards = {name: Shard(**shard) for name, shard in document["shards"].items()}
        first = document["first_label"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SqnxtError(path, f"is damaged ({one_line(error, 100)})", "pack it again") from None
    plain = all(Path(name).name == name and shard.is_plain for name, shard in shards.items())
    named = bool(names) and all(type(name) is str for name in names)
    if not named or not plain or type(first) is not int or first < 0:
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
    lines = lines_of(_read_text(path))
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
    try:
        return read_text(path, _LARGEST_FILE)
    except UnreadableTextError as error:
        raise SqnxtError(path, f"is {error}", "keep only names and labels in it") from None
    except OSError as error:
        raise SqnxtError(path, f"cannot be read ({error.strerror or error})", "write it again") from None
