"""Find what is wrong with a data set: unreadable images, misleading file names, doubtful labels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from sqnxt_base.printable_text import joined_lines
from sqnxt_tf.data.decoding import decode, open_image, read_file
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.folders import SUFFIXES, class_folders, files_in
from sqnxt_tf.data.likeness import perceptual_hash
from sqnxt_tf.data.unreadable_image import UnreadableImageError

Kind = Literal[
    "unreadable", "truncated", "CMYK", "wrong extension", "two classes", "two parts", "alike in two parts",
    "damaged shard",
]  # fmt: skip

_FORMAT_OF_SUFFIX = {
    ".bmp": "BMP", ".gif": "GIF", ".heic": "HEIF", ".heif": "HEIF", ".jpeg": "JPEG", ".jpg": "JPEG", ".png": "PNG",
    ".ppm": "PPM", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP",
}  # fmt: skip
_ENDS = {b"\xff\xd8\xff": b"\xff\xd9", b"\x89PNG\r\n\x1a\n": b"IEND"}  # beginning of a JPEG or PNG file -> its end
_TRAILER = 64  # bytes that may follow the end
_AT_ONCE = 256  # images that are handed to the threads at a time


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, and where it is."""

    source: str
    kind: Kind
    detail: str


@dataclass(frozen=True, slots=True)
class Item:
    """A file or record to check.

    `read` returns its bytes and its class; `suffix` is None for a record. `part` is `train`, `validation` or `test`, or
    "" for data that are not divided.
    """

    source: str
    read: Callable[[], tuple[bytes, str]]
    suffix: str | None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """The result of checking one item.

    `pixels` is a hash of the image's pixels, None if it cannot be decoded. `likeness` is its perceptual hash, None also
    for a picture without contrast.
    """

    findings: tuple[Finding, ...] = ()
    class_name: str = ""
    pixels: bytes | None = None
    likeness: bytes | None = None
    ignored: bool = False


def folder_items(folder: Path, part: str = "") -> Iterator[Item]:
    """Yield every file of every class, of any suffix: an image with a wrong suffix would be left out silently."""

    def reader(path: Path, name: str) -> Callable[[], tuple[bytes, str]]:
        return lambda: (read_file(path), name)

    for name in class_folders(folder):
        for path in files_in(folder / name):
            yield Item(str(path), reader(path, name), path.suffix.lower(), part)


def record_items(images: EncodedImages) -> Iterator[Item]:
    """Yield every record of a packed part, whose name ends in that of the part."""
    part = images.name.rpartition("/")[2]

    def reader(index: int) -> Callable[[], tuple[bytes, str]]:
        def read() -> tuple[bytes, str]:
            data, label = images.read(index)
            return data, images.class_names[label]

        return read

    for index in range(len(images)):
        yield Item(images.sources[index], reader(index), None, part)


def look(item: Item) -> Seen:
    """Read one image and decode all its pixels."""
    data = b""
    try:
        data, class_name = item.read()
        image = open_image(data, item.source)
    except UnreadableImageError as error:
        if item.suffix is not None and item.suffix not in SUFFIXES:
            return Seen(ignored=True)  # not an image, nor named like one
        return Seen((_unreadable(item.source, data, error),))
    findings = []
    due, found = _FORMAT_OF_SUFFIX.get(item.suffix or ""), "JPEG" if image.format == "MPO" else image.format
    if item.suffix is not None and due != found:
        ending = f"ends in {item.suffix}" if item.suffix else "has no suffix"
        left_out = "" if item.suffix in SUFFIXES else ": training leaves it out"
        findings.append(Finding(item.source, "wrong extension", f"is {found} and {ending}{left_out}"))
    if image.mode == "CMYK":
        findings.append(Finding(item.source, "CMYK", "its colours are for print; save it in RGB"))
    try:
        rgb = decode(data, item.source)
    except UnreadableImageError as error:
        return Seen((*findings, _unreadable(item.source, data, error)))
    pixels = hashlib.blake2b(rgb.tobytes(), digest_size=16, person=f"{rgb.width}x{rgb.height}".encode()).digest()
    likeness = perceptual_hash(rgb)
    return Seen(tuple(findings), class_name, pixels, None if likeness is None else likeness.tobytes())


def look_at_all(items: Iterable[Item]) -> Iterator[tuple[Item, Seen]]:
    """Check all items, in order, on as many threads as there are cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        remaining = iter(items)
        while some := list(islice(remaining, _AT_ONCE)):
            yield from zip(some, pool.map(look, some), strict=True)


def _unreadable(source: str, data: bytes, error: UnreadableImageError) -> Finding:
    detail = joined_lines(error.fault)
    cut = any(data.startswith(begin) and end not in data[-_TRAILER:] for begin, end in _ENDS.items())
    return Finding(source, "truncated" if cut or "truncated" in detail else "unreadable", detail)
