"""Images that claim too much, or that pillow would hand to another program, are refused before they are decoded."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from PIL import Image

from sqnxt_tf import SqnxtError, load_data

MEMORY = 2**29 + 2**24  # the most that a file may hold, which is reserved to read it, and a little more


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def photo(folder: Path, name: str, data: bytes) -> Path:
    for kind in ("a", "b"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / kind / "good.png")
    (folder / "a" / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_few_bytes_that_claim_many_pixels_take_no_memory(tmp_path: Path, width: int, height: int) -> None:
    images = load_data(str(photo(tmp_path / "data", "bad.png", png(width, height))))
    tracemalloc.start()
    try:
        with pytest.raises(SqnxtError, match=r"a/bad\.png: (claims|cannot be read as an image)"):
            images.image(0)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_more_pixels_than_are_read(tmp_path: Path) -> None:
    images = load_data(str(photo(tmp_path / "data", "bad.png", png(10_001, 10_000))))
    with pytest.raises(SqnxtError, match=r"claims 10001 x 10000 pixels, more than the limit of 100,000,000"):
        images.image(0)


@pytest.mark.parametrize(
    "data", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) print\n", b"\xd7\xcd\xc6\x9a" * 9]
)
def test_what_starts_a_program_is_no_image(tmp_path: Path, data: bytes) -> None:
    images = load_data(str(photo(tmp_path / "data", "bad.png", data)))
    with pytest.raises(SqnxtError, match=r"a/bad\.png: cannot be read as an image"):
        images.image(0)
