"""Check every image of a data set before a run needs it, and list the faults."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_base.printable_text import joined_lines
from sqnxt_tf.data.catalogue import CATALOGUE, read_catalogue
from sqnxt_tf.data.checking import Finding, Item, Seen, folder_items, look_at_all, record_items
from sqnxt_tf.data.data_source import DataKind, DataSource
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.folders import check_is_folder
from sqnxt_tf.data.likeness import HASH_BITS, alike_pairs
from sqnxt_tf.data.tfrecords import sound_shards
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent

_MOST_COMPARED = 50_000  # pictures of which all pairs are compared, in a minute or so


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """Numbers of images and of other files among them, and the faults that were found.

    `balance` counts the images of each class in each part, which is "" where the data are not divided.
    `near_duplicates` counts pairs of photographs that look alike, in whatever parts; None where there were too many
    images to compare.
    """

    path: str
    images: int
    classes: int
    ignored: int
    findings: tuple[Finding, ...]
    balance: Mapping[str, Mapping[str, int]]
    near_duplicates: int | None

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings of each kind."""
        return dict(Counter(finding.kind for finding in self.findings))

    def to_json(self) -> dict[str, Any]:
        """Return the `data check` document."""
        return {**asdict(self), "counts": self.counts}


def check_data(data: str | Path, *, progress: Progress = silent) -> DataCheck:
    """Decode every image of a folder of images or of TFRecords, all its parts, to the last pixel.

    The faults are images that are unreadable, truncated or CMYK, names that do not fit the format, and pictures that
    are in two classes or in two parts, pixel for pixel the same, whatever their files' names and lossless encodings, or
    that look alike in two parts: what is tested must not be trained on. Every checksum of TFRecords is verified; a
    shard whose chain of records is broken is named, and the others are checked.

    Raises:
        SqnxtError: No such folder, or no images in it.
    """
    name = str(data)
    check_is_folder(Path(name))
    source = DataSource.parse(name)
    packed = source.kind is DataKind.TFRECORDS
    parts, findings = _open_shards(Path(name)) if packed else ([], [])

    def items() -> Iterator[Item]:
        return chain.from_iterable(map(record_items, parts)) if packed else _folder_items(source)

    total = sum(1 for _ in items())  # a million of them would be too much to keep
    known, classes, ignored = _Known(), set(), 0
    for done, (item, seen) in enumerate(look_at_all(items()), 1):
        findings += seen.findings
        ignored += seen.ignored
        if seen.class_name:
            classes.add(seen.class_name)
        findings += known.add(item, seen)
        progress("checking", done, total)
    if total == ignored and not findings:
        raise SqnxtError(name, "holds no images in sub-folders", "give each class a sub-folder of its own")
    alike = known.alike()
    findings += alike or ()
    return DataCheck(
        path=name, images=total - ignored, classes=len(classes), ignored=ignored, findings=tuple(findings),
        balance={part: dict(counts) for part, counts in known.balance.items()},
        near_duplicates=None if alike is None else known.near_duplicates,
    )  # fmt: skip


@dataclass(slots=True)
class _Known:
    """The pictures so far: where each was first seen, what it looks like, how many each class has in each part."""

    balance: dict[str, Counter[str]] = field(default_factory=dict)
    near_duplicates: int = 0
    _first: dict[bytes, tuple[Item, str]] = field(default_factory=dict)
    _parts: dict[bytes, set[str]] = field(default_factory=dict)
    _likeness: list[tuple[bytes, Item]] = field(default_factory=list)

    def add(self, item: Item, seen: Seen) -> Iterator[Finding]:
        """Add a picture, and yield what is wrong about seeing it again."""
        if seen.pixels is None:
            return
        self.balance.setdefault(item.part, Counter())[seen.class_name] += 1
        is_new = seen.pixels not in self._first
        first, class_name = self._first.setdefault(seen.pixels, (item, seen.class_name))
        if class_name != seen.class_name:
            detail = f"of class {seen.class_name}, shows the same as {first.source} of class {class_name}"
            yield Finding(item.source, "two classes", detail)
        elif item.part not in self._parts.setdefault(seen.pixels, {item.part}):
            yield Finding(item.source, "two parts", f"shows the same as {first.source}")
        self._parts.setdefault(seen.pixels, set()).add(item.part)
        if is_new and seen.likeness is not None:
            self._likeness.append((seen.likeness, item))

    def alike(self) -> list[Finding] | None:
        """Return the pictures that look alike in two parts; None where there are too many to compare all pairs."""
        if len(self._likeness) > _MOST_COMPARED:
            return None
        hashes = np.frombuffer(b"".join(bits for bits, _ in self._likeness), np.uint8).reshape(-1, HASH_BITS // 8)
        findings = []
        for one, other in alike_pairs(hashes):
            self.near_duplicates += 1
            first, second = self._likeness[one][1], self._likeness[other][1]
            if first.part != second.part:
                findings.append(Finding(second.source, "alike in two parts", f"looks like {first.source}"))
        return findings


def _folder_items(source: DataSource) -> Iterator[Item]:
    if not source.is_divided:
        yield from folder_items(Path(source.name))
        return
    for part, folder in source.part_folders().items():
        yield from folder_items(folder, part)


def _open_shards(folder: Path) -> tuple[list[EncodedImages], list[Finding]]:
    """Return the records of sound shards, and findings on shards that are broken or were not packed by us."""
    parts, broken = sound_shards(folder)
    findings = [Finding(str(path), "damaged shard", joined_lines(error.fault)) for path, error in broken.items()]
    return parts, [*findings, *_changed_shards(folder, broken)]


def _changed_shards(folder: Path, broken: Container[Path]) -> Iterator[Finding]:
    """Yield findings on shards that are readable but differ from those that were packed."""
    if not (folder / CATALOGUE).exists():
        return
    for name, shard in read_catalogue(folder).shards.items():
        if not (folder / name).is_file():
            yield Finding(str(folder / name), "damaged shard", "is not there")
            continue
        if folder / name in broken:
            continue
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != shard.sha256:
                yield Finding(str(folder / name), "damaged shard", f"its SHA-256 is not that of {CATALOGUE}")
