"""Folders of TFRecord shards: ImageNet's usual layout, packed data sets, and those that tfds prepares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.catalogue import CATALOGUE, Catalogue, read_catalogue, read_label_names
from sqnxt_tf.data.digits import Split
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.examples import decode
from sqnxt_tf.data.records import find_records, read_record
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError

_SHARD = re.compile(r"(?P<split>[\w.-]+?)(\.tfrecords?)?-(?P<number>\d{5,})-of-(?P<count>\d{5,})")
_SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "validation": "validation",
    "test": "test",
}
_SCANNERS = 16  # threads; they wait for the disk, not for the processor


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The names of image and label in a record, and the label of the first class."""

    image: str = "image/encoded"
    label: str = "image/class/label"
    first_label: int = 1


def shards_by_split(folder: Path) -> dict[Split, list[Path]]:
    """Return the shards of each part, such as `train-00000-of-01024`, in their order; empty if there are none.

    Raises:
        SqnxtError: Some shards of a part are missing.
    """
    found: dict[Split, dict[int, Path]] = {}
    counts: dict[Split, int] = {}
    for path in sorted(folder.iterdir()):
        match = _SHARD.fullmatch(path.name)
        if match and (split := _SPLITS.get(match["split"].lower())):
            found.setdefault(split, {})[int(match["number"])] = path
            counts[split] = max(counts.get(split, 0), int(match["count"]))
    for split, shards in found.items():
        if len(shards) != counts[split]:
            raise SqnxtError(
                folder, f"has {len(shards)} of the {counts[split]} shards of {split}", "copy or pack the others"
            )
    return {split: [shards[number] for number in sorted(shards)] for split, shards in found.items()}


def encoded_shards(folder: Path) -> dict[Split, EncodedImages]:
    """Return the parts of a folder of shards; class names come from `dataset.json` (packed data) or `labels.txt`.

    Raises:
        SqnxtError: The names of the classes are missing, or shards are missing, damaged, or differ from those packed.
    """
    catalogue, first_label, names = _classes(folder)
    parts = {}
    for split, paths in shards_by_split(folder).items():
        if catalogue:
            _check_sizes(folder, catalogue, paths)
        parts[split] = shards_as_images(f"{folder}/{split}", paths, names, Layout(first_label=first_label))
        if catalogue and len(parts[split]) != (due := catalogue.images_in(paths)):
            raise SqnxtError(folder, f"{split} has {len(parts[split])} records, and {due} were packed", "pack it again")
    return parts


def sound_shards(folder: Path) -> tuple[list[EncodedImages], dict[Path, SqnxtError]]:
    """Return the parts of a folder from its intact shards, and the error of each damaged shard.

    Raises:
        SqnxtError: The names of the classes or some shards are missing.
    """
    _, first_label, names = _classes(folder)
    parts, broken = [], {}
    for split, paths in shards_by_split(folder).items():
        sound = []
        for path in paths:
            try:
                sound += [path] if len(find_records(path)) else []
            except SqnxtError as error:
                broken[path] = error
        if sound:
            parts.append(shards_as_images(f"{folder}/{split}", sound, names, Layout(first_label=first_label)))
    return parts, broken


def _classes(folder: Path) -> tuple[Catalogue | None, int, tuple[str, ...]]:
    """Return the catalogue, if there is one, the label of the first class, and the names of all classes."""
    if not (folder / CATALOGUE).exists():
        return None, *read_label_names(folder)
    catalogue = read_catalogue(folder)
    return catalogue, catalogue.first_label, catalogue.class_names


def shards_as_images(name: str, paths: Sequence[Path], class_names: tuple[str, ...], layout: Layout) -> EncodedImages:
    """Return the records of some files as images; only the place of each record is read.

    Raises:
        SqnxtError: A file cannot be read or is damaged, or none of the files has a record.
    """
    with ThreadPoolExecutor(_SCANNERS) as pool:
        places = list(pool.map(find_records, paths))
    files = np.repeat(np.arange(len(paths), dtype=np.int32), [len(one) for one in places])
    starts = np.concatenate([*places, np.empty((0, 2), np.int64)])
    if not len(files):
        raise SqnxtError(name, "has no records", "pack images into it")
    sources = _Sources(paths, files, starts)

    def read(index: int) -> tuple[bytes, int]:
        start, length = (int(number) for number in starts[index])
        record = read_record(paths[int(files[index])], start, length)
        return _image_of(record, sources[index], layout, len(class_names))

    return EncodedImages(name=name, class_names=class_names, sources=sources, files=files, read=read)


def _image_of(record: bytes, source: str, layout: Layout, classes: int) -> tuple[bytes, int]:
    try:
        features = decode(record)
    except ValueError as error:
        raise UnreadableImageError(source, str(error), "write the file again") from None
    image, label = features.get(layout.image), features.get(layout.label)
    if not isinstance(image, bytes) or not isinstance(label, int):
        raise UnreadableImageError(
            source, f"lacks {layout.image} with bytes or {layout.label} with an integer", "write the file again"
        )
    if not 0 <= label - layout.first_label < classes:
        last = layout.first_label + classes - 1
        raise UnreadableImageError(
            source, f"its label {label} is not in {layout.first_label} to {last}", "correct the names of the classes"
        )
    return image, label - layout.first_label


def _check_sizes(folder: Path, catalogue: Catalogue, paths: Sequence[Path]) -> None:
    for path in paths:
        shard = catalogue.shards.get(path.name)
        if shard is None or shard.bytes != path.stat().st_size:
            raise SqnxtError(
                path, f"is not the shard that {folder / CATALOGUE} describes", "copy it again, or pack again"
            )


@dataclass(frozen=True, slots=True)
class _Sources(Sequence[str]):
    """Names of the records, such as `train-00000-of-00008 at byte 12`; each is made on demand."""

    paths: Sequence[Path]
    files: NDArray[np.int32]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return f"{self.paths[self.files[index]]} at byte {self.starts[index, 0]:,}"
