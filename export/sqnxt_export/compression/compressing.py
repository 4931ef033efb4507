"""The way from an artifact to its container."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.user_files import read_whole
from sqnxt_export.artifact.files import check_output, existing_file, format_of, whole_file
from sqnxt_export.artifact.frontend_errors import as_export_errors
from sqnxt_export.artifact.weights import compressed_bytes
from sqnxt_export.compression.coded_tensors import ROW_BYTES, CodedTensor, squeeze
from sqnxt_export.compression.compression_result import Compressed, TensorSize
from sqnxt_export.compression.container import CHUNK, MAX_TABLES, Container, pack, unpack
from sqnxt_export.compression.rans import TOTAL, Encoder
from sqnxt_export.compression.regions import Region, find_regions
from sqnxt_export.compression.restoring import pieces
from sqnxt_export.compression.symbols import Alphabet, Content, choose_alphabet
from sqnxt_export.errors import ExportError
from sqnxt_sim.frontend.model_files import read_weights, total_weights

_WORTHWHILE = 0.97
"""A tensor is coded only if its code is smaller than this fraction of its size."""


@dataclass(frozen=True, slots=True)
class _Coded:
    """A region of the artifact, its alphabet and its words."""

    region: Region
    alphabet: Alphabet
    content: Content
    words: NDArray[np.uint32]


def compress_artifact(
    path: str | os.PathLike[str], output: str | os.PathLike[str], *, force: bool = False
) -> Compressed:
    """Write the container of an artifact, without loss.

    The container takes its name only after it has restored the artifact.

    Args:
        path: An .onnx or .tflite file.
        output: The container.
        force: Overwrite the output.

    Raises:
        ExportError: The file is not an artifact or is damaged, constriction is not installed, or the output cannot be
            written.
    """
    path, output = existing_file(path), Path(output)
    check_output(output, force=force)
    kind = format_of(path)
    data = read_whole(path)
    coded = _choose(find_regions(path, data), data)
    container = _container(kind, data, coded)
    try:
        packed, sections = pack(container)
    except ExportError as error:
        raise error.about(path) from error
    with whole_file(output, force=force) as temporary:
        temporary.write_bytes(packed)
        _prove(temporary, data)
    zero_bits, nonzero_bits = _price(coded)
    with as_export_errors():
        weights, zeros = total_weights(read_weights(path))
    return Compressed(
        path=str(output),
        source=str(path),
        format=kind,
        bytes=len(packed),
        raw_bytes=len(data),
        zipped_bytes=compressed_bytes(path),
        sha256=container.sha256.hex(),
        sections=sections,
        tensors=tuple(map(_size, coded)),
        zero_bits=zero_bits,
        nonzero_bits=nonzero_bits,
        model_weights=weights,
        model_zeros=zeros,
    )


def _container(kind: str, data: bytes, coded: Sequence[_Coded]) -> Container:
    rest = _without(data, [item.region for item in coded])
    return Container(
        format=kind,
        artifact_bytes=len(data),
        sha256=hashlib.sha256(data).digest(),
        tensors=_placed(coded),
        rest=squeeze(rest),
        rest_bytes=len(rest),
        words=_encode(coded),
    )


def _choose(regions: Sequence[Region], data: bytes) -> list[_Coded]:
    """Return the regions that are smaller once coded, as long as their tables fit."""
    result = []
    tables = 0
    for region in regions:
        words = region.words(data)
        if (chosen := choose_alphabet(words, region.width)) is None:
            continue
        alphabet, content = chosen
        room = ROW_BYTES + len(alphabet.codes)
        if content.coded_bits / 8 + room < _WORTHWHILE * region.count * region.width and tables + room <= MAX_TABLES:
            tables += room
            result.append(_Coded(region, alphabet, content, words))
    return result


def _encode(coded: Sequence[_Coded]) -> NDArray[np.uint32]:
    """Code all tensors, beginning with the last chunk of the last tensor, since decoding a stack starts at its end."""
    encoder = Encoder()
    for item in reversed(coded):
        frequencies = item.alphabet.frequencies
        for start in reversed(range(0, item.region.count, CHUNK)):
            symbols, low = item.alphabet.split(item.words[start : start + CHUNK])
            if low.size:
                encoder.push_low_bits(low, item.alphabet.shift)
            if len(frequencies) > 1:
                encoder.push(symbols, frequencies)
    return encoder.words()


def _placed(coded: Sequence[_Coded]) -> tuple[CodedTensor, ...]:
    """Return each tensor with the number of bytes between it and the tensor before."""
    ends = [0, *(item.region.end for item in coded)]
    return tuple(
        CodedTensor(gap=item.region.offset - end, count=item.region.count, alphabet=item.alphabet)
        for item, end in zip(coded, ends, strict=False)
    )


def _without(data: bytes, regions: Sequence[Region]) -> bytes:
    """Return the bytes outside the regions."""
    starts = [0, *(region.end for region in regions)]
    ends = [*(region.offset for region in regions), len(data)]
    return b"".join(data[start:end] for start, end in zip(starts, ends, strict=True))


def _prove(path: Path, data: bytes) -> None:
    """Check that the container restores the artifact.

    Raises:
        ExportError: It does not, which would be a fault of this package.
    """
    position = 0
    for piece in pieces(unpack(path)):
        if data[position : position + len(piece)] != piece:
            break
        position += len(piece)
    if position != len(data):
        raise ExportError(path, f"does not restore the artifact from byte {position} on", "report this with the file")


def _size(item: _Coded) -> TensorSize:
    region = item.region
    return TensorSize(
        name=region.name,
        type=region.type,
        weights=region.count,
        nonzero=region.count - region.zeros(item.words),
        values=len(item.alphabet.codes),
        low_bits=item.alphabet.shift,
        raw_bytes=region.count * region.width,
        entropy_bytes=item.content.entropy_bits / 8,
        coded_bytes=item.content.coded_bits / 8,
    )


def _price(coded: Sequence[_Coded]) -> tuple[float, float]:
    """Return the average number of bits of a zero and of any other weight.

    A symbol of frequency f takes log2(TOTAL / f) bits: a zero that fills 7/8 of a tensor takes 0.19 bits.
    """
    zeros = nonzeros = zero_bits = nonzero_bits = 0.0
    for item in coded:
        price = -np.log2(item.alphabet.frequencies / TOTAL)
        spent = 0.0
        for symbol, word in enumerate(item.alphabet.exact):
            found = int(np.count_nonzero(item.words == word))
            if word == 0 or item.region.type.startswith("float"):
                zeros, spent = zeros + found, spent + found * float(price[symbol])
        zero_bits += spent
        nonzeros += item.region.count - item.region.zeros(item.words)
        nonzero_bits += item.content.coded_bits - spent
    return zero_bits / zeros if zeros else 0.0, nonzero_bits / nonzeros if nonzeros else 0.0
