"""Generators of damaged and hostile images: the same seed gives the same bytes."""

from __future__ import annotations

import io
import os
import random
import socket
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = {
    "BMP": ".bmp",
    "GIF": ".gif",
    "JPEG": ".jpg",
    "progressive": ".jpeg",
    "PNG": ".png",
    "palette": ".png",
    "PPM": ".ppm",
    "TIFF": ".tif",
    "LZW": ".tiff",
    "WEBP": ".webp",
}
"""Kind of image -> suffix of its files."""
_BLOCK = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00\x00"  # a scan of one component without any bit of its own


@cache
def sound_image(kind: str, side: int = 48) -> bytes:
    """Return a smooth picture as a file of one kind."""
    coarse = Image.fromarray(np.random.default_rng(len(kind)).integers(0, 256, (5, 6, 3), np.uint8))
    image = coarse.resize((side, side), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    match kind:
        case "progressive":
            exif = Image.Exif()
            exif[0x0112] = 6
            image.save(file, "JPEG", progressive=True, exif=exif)
        case "palette":
            image.quantize(16).save(file, "PNG", transparency=3)
        case "LZW":
            image.save(file, "TIFF", compression="tiff_lzw")
        case _:
            image.save(file, kind)
    return file.getvalue()


def broken_image(kind: str, seed: int) -> bytes:
    """Return an image that is truncated, flipped, spliced or lies about its sizes; it may still be readable."""
    source = random.Random(f"{kind} {seed}")
    data = bytearray(sound_image(kind))
    for _ in range(source.choice((1, 1, 2, 6))):
        place = source.randrange(len(data)) if source.random() < 0.6 else source.randrange(min(len(data), 64))
        match source.randrange(7):
            case 0:
                del data[place:]
            case 1:
                data[place : place + 1] = bytes([source.randrange(256)])
            case 2:
                data[place : place + 4] = struct.pack(">I", source.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 60_000)))
            case 3:
                data[place : place + 64] = bytes(64)
            case 4:
                data[place:place] = data[: source.randrange(1, 200)]
            case 5:
                del data[place : place + source.choice((1, 4, 100))]
            case _:
                data += bytes([source.randrange(256)]) * source.randrange(1, 3000)
        data = data or bytearray(b"\0")
    return bytes(data)


def jpeg_of_scans(scans: int, side: int = 1000) -> bytes:
    """Return a progressive JPEG with many more scans, ten bytes each, all of which a decoder must apply."""
    file = io.BytesIO()
    Image.new("L", (side, side), 90).save(file, "JPEG", progressive=True)
    return file.getvalue().removesuffix(b"\xff\xd9") + _BLOCK * scans + b"\xff\xd9"


def png_of_chunks(chunks: int, kind: bytes = b"IDAT") -> bytes:
    """Return a PNG whose pixels lie behind millions of empty chunks."""
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(64 * (1 + 3 * 64)))
    empty = _chunk(kind, b"")
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + empty * chunks + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_broken_folder(folder: Path, classes: Sequence[str]) -> Path:
    """Write four sound images of each class and many broken ones of the first, and return their folder.

    Among them are files that are not regular, and names that are not UTF-8.
    """
    for name in classes:
        (folder / name).mkdir(parents=True)
        for index in range(4):
            Image.new("L", (8, 8), 20 * index).save(folder / name / f"{index}.png")
    first = folder / classes[0]
    for kind, suffix in SUFFIXES.items():
        for seed in range(6):
            (first / f"{kind}{seed}{suffix}").write_bytes(broken_image(kind, seed))
    (first / "cut.png").write_bytes(sound_image("PNG")[:-200])
    (first / "exif.png").write_bytes(png_of_chunks(3)[:-60])
    (first / "scans.jpg").write_bytes(jpeg_of_scans(3000))
    write_special_files(first)
    (first / os.fsdecode(b"caf\xe9.png")).write_bytes((first / "1.png").read_bytes())
    (first / os.fsdecode(b"\xff\x1b[2J\xe2\x80\xae.png")).write_bytes(b"nothing")
    return folder


def write_special_files(folder: Path) -> None:
    """Write what is no regular file, each named like an image."""
    os.mkfifo(folder / "fifo.png")
    here = Path.cwd()
    os.chdir(folder)  # the name of a socket has no room for a long folder
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.jpg")
    finally:
        os.chdir(here)
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "nowhere.png").symlink_to("no such file")
    (folder / "loop.png").symlink_to("loop.png")
