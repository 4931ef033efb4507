"""Check every image of a data set before a run needs it, and list the faults."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from sqnxt_base.printable_text import joined_lines
from sqnxt_tf.data.catalogue import CATALOGUE, read_catalogue
from sqnxt_tf.data.checking import Finding, Item, Seen, folder_items, look_at_all, record_items
from sqnxt_tf.data.data_source import DataKind, DataSource
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.folders import check_is_folder
from sqnxt_tf.data.tfrecords import sound_shards
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """Numbers of images and of other files among them, and the faults that were found."""

    path: str
    images: int
    classes: int
    ignored: int
    findings: tuple[Finding, ...]

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
    are in two classes, pixel for pixel the same, whatever their files' names and lossless encodings. Every checksum of
    TFRecords is verified; a shard whose chain of records is broken is named, and the others are checked.

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
    first_seen: dict[bytes, tuple[str, str]] = {}
    classes, ignored = set(), 0
    for done, (item, seen) in enumerate(look_at_all(items()), 1):
        findings += seen.findings
        ignored += seen.ignored
        if seen.class_name:
            classes.add(seen.class_name)
        findings += _second_class(item, seen, first_seen)
        progress("checking", done, total)
    if total == ignored and not findings:
        raise SqnxtError(name, "holds no images in sub-folders", "give each class a sub-folder of its own")
    return DataCheck(path=name, images=total - ignored, classes=len(classes), ignored=ignored, findings=tuple(findings))


def _second_class(item: Item, seen: Seen, first_seen: dict[bytes, tuple[str, str]]) -> Iterator[Finding]:
    if seen.pixels is None:
        return
    source, class_name = first_seen.setdefault(seen.pixels, (item.source, seen.class_name))
    if class_name != seen.class_name:
        detail = f"of class {seen.class_name}, shows the same as {source} of class {class_name}"
        yield Finding(item.source, "two classes", detail)


def _folder_items(source: DataSource) -> Iterator[Item]:
    for folder in source.part_folders().values() if source.is_divided else [Path(source.name)]:
        yield from folder_items(folder)


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
