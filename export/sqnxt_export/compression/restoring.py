"""The way from a container back to the exact artifact, piece by piece, in memory independent of its size."""

from __future__ import annotations

import hashlib
import lzma
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export.artifact.files import check_output, existing_file, whole_file
from sqnxt_export.compression.coded_tensors import FILTERS, CodedTensor
from sqnxt_export.compression.container import CHUNK, SUFFIX, Container, unpack
from sqnxt_export.compression.rans import Decoder, make_decoder
from sqnxt_export.errors import ExportError, one_line

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """An artifact that was restored from a container.

    Attributes:
        path: The artifact.
        format: "onnx" or "tflite".
        bytes: Size of the artifact.
        container_bytes: Size of the container.
        tensors: Number of coded tensors.
        sha256: SHA-256 of the artifact, in hexadecimal.
    """

    path: str
    format: str
    bytes: int
    container_bytes: int
    tensors: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of a decompression."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def decompress(
    path: str | os.PathLike[str], output: str | os.PathLike[str] | None = None, *, force: bool = False
) -> Restored:
    """Restore the artifact of a container that may come from anyone, bit for bit or not at all.

    Args:
        path: The container.
        output: The artifact, with the suffix of the container's format. If None, it is written beside the container,
            under the container's name without its suffix.
        force: Overwrite the output.

    Raises:
        ExportError: There is no such file, it is not a container, is damaged or demands too much memory, or the output
            cannot be written.
    """
    path = existing_file(path)
    container = unpack(path)
    target = Path(output) if output is not None else default_output(path, container.format)
    if target.suffix.lower() != f".{container.format}":
        raise ExportError(
            target, f"{path} holds an .{container.format} file", f"choose a name that ends in .{container.format}"
        )
    check_output(target, force=force)
    with whole_file(target, force=force) as temporary:
        digest = hashlib.sha256()
        with temporary.open("wb") as file:
            try:
                for piece in pieces(container):
                    digest.update(piece)
                    file.write(piece)
            except ExportError as error:
                raise error.about(path) from error
        if digest.digest() != container.sha256:
            raise ExportError(path, "is damaged (its content has another checksum)", "copy it or compress again")
    return Restored(
        path=str(target),
        format=container.format,
        bytes=container.artifact_bytes,
        container_bytes=path.stat().st_size,
        tensors=len(container.tensors),
        sha256=container.sha256.hex(),
    )


def default_output(path: Path, format: str) -> Path:
    """Return `net.onnx` for `net.onnx.sqz`, and for `net.sqz` if it holds an ONNX file."""
    stem = path.with_suffix("") if path.suffix.lower() == SUFFIX else path
    return stem if stem.suffix.lower() == f".{format}" else stem.with_name(f"{stem.name}.{format}")


def pieces(container: Container) -> Iterator[bytes]:
    """Yield the artifact's bytes in order, about a mebibyte at a time.

    Raises:
        ExportError: A section is damaged. Damage that only decodes to other weights is left to the checksum.
    """
    decoder = make_decoder(container.words)
    rest = _Rest(container.rest)
    left = container.rest_bytes
    for tensor in container.tensors:
        yield from rest.read(tensor.gap)
        yield from _elements(decoder, tensor)
        left -= tensor.gap
    yield from rest.read(left)


def _elements(decoder: Decoder, tensor: CodedTensor) -> Iterator[bytes]:
    """Yield the bytes of a coded tensor, a chunk at a time."""
    alphabet = tensor.alphabet
    words, frequencies = alphabet.words, alphabet.frequencies
    stored = np.dtype(f"<u{alphabet.width}")
    for start in range(0, tensor.count, CHUNK):
        count = min(CHUNK, tensor.count - start)
        symbols = decoder.symbols(frequencies, count) if len(words) > 1 else np.zeros(count, np.int32)
        result = words[symbols]
        if alphabet.shift:
            deep = symbols >= len(alphabet.exact)
            if found := int(np.count_nonzero(deep)):
                result[deep] |= decoder.low_bits(alphabet.shift, found).astype(np.uint32)
        yield result.astype(stored).tobytes()


class _Rest:
    """A reader of the artifact's bytes outside its coded tensors."""

    def __init__(self, data: bytes) -> None:
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS)
        self._input = data

    def read(self, count: int) -> Iterator[bytes]:
        """Yield the next `count` bytes in pieces."""
        while count:
            try:
                piece = self._decompressor.decompress(self._input, max_length=min(count, _PIECE))
            except (lzma.LZMAError, EOFError) as error:
                raise ExportError(
                    "container", f"is damaged ({one_line(error)})", "copy it or compress again"
                ) from error
            if not piece:
                raise ExportError("container", "is damaged (it ends too early)", "copy it or compress again")
            self._input = b""
            count -= len(piece)
            yield piece
