"""From a container back to the exact artifact: piece by piece, in memory that does not grow with it."""

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
from sqnxt_export.compression.container import CHUNK, FILTERS, SUFFIX, CodedTensor, Container, unpack
from sqnxt_export.compression.rans import Decoder, make_decoder
from sqnxt_export.errors import ExportError, one_line

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The artifact that was written; `container_bytes` is what it was restored from."""

    path: str
    format: str
    bytes: int
    container_bytes: int
    tensors: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """The `decompress` document."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def decompress(
    path: str | os.PathLike[str], output: str | os.PathLike[str] | None = None, *, force: bool = False
) -> Restored:
    """Restore the artifact of a container that may come from anyone, bit for bit or not at all.

    Args:
        path: The container.
        output: The artifact; its suffix must be that of what the container holds. The container's name without its
            suffix, beside it, where None.
        force: Overwrite the output.

    Raises:
        ExportError: No such file, no container, one that is damaged or asks for too much, or an output that cannot be
            written.
    """
    path = existing_file(path)
    container = unpack(path)
    target = Path(output) if output is not None else default_output(path, container.format)
    if target.suffix.lower() != f".{container.format}":
        raise ExportError(target, f"{path} holds an .{container.format} file", "choose a name that ends so")
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
            raise ExportError(path, "is damaged (what it holds has another checksum)", "copy it or compress again")
    return Restored(
        path=str(target),
        format=container.format,
        bytes=container.artifact_bytes,
        container_bytes=path.stat().st_size,
        tensors=len(container.tensors),
        sha256=container.sha256.hex(),
    )


def default_output(path: Path, format: str) -> Path:
    """`net.onnx.sqz` -> `net.onnx`, and `net.sqz` likewise where it holds an ONNX file."""
    stem = path.with_suffix("") if path.suffix.lower() == SUFFIX else path
    return stem if stem.suffix.lower() == f".{format}" else stem.with_name(f"{stem.name}.{format}")


def pieces(container: Container) -> Iterator[bytes]:
    """The artifact's bytes in order, about a mebibyte at a time.

    Raises:
        ExportError: A section is damaged. What merely decodes to other weights is left to the checksum.
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
    """Reads the rest of the artifact as far as it is asked to."""

    def __init__(self, data: bytes) -> None:
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS)
        self._input = data

    def read(self, count: int) -> Iterator[bytes]:
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
