"""More than 2,000 hostile containers, none of which crashes, hangs or takes memory.

The changes are in the header, in a section before it is compressed (so that nonsense arrives well packed), or anywhere
in the file. Each container either is refused in one line and leaves no file, or restores the exact artifact.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.fuzzing import fuzz_seeds
from helpers.mutants import mutated
from sqnxt_export import ExportError, compress_artifact, decompress
from sqnxt_export.compression import container as layout
from sqnxt_export.compression.coded_tensors import CodedTensor, squeeze
from sqnxt_export.compression.container import Container, pack, unpack
from sqnxt_export.compression.rans import PlainDecoder
from sqnxt_export.compression.symbols import Alphabet

MEMORY = 8 << 20  # bytes

_FIELDS = {
    "version": (8, "<H"), "format": (10, "B"), "tensors": (12, "<I"), "artifact_bytes": (16, "<Q"),
    "sha256": (24, "<Q"), "tables": (56, "<I"), "symbols": (60, "<I"), "codebooks": (64, "<I"), "rest": (68, "<I"),
    "rest_bytes": (72, "<I"),
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, bytes]:
    """Return a folder, an artifact of clustered, dense, 8-bit and constant tensors, and its container."""
    folder = tmp_path_factory.mktemp("good")
    rng = np.random.default_rng(0)
    values = {
        "shared": rng.choice(rng.normal(size=15), 1000).astype(np.float32) * (rng.random(1000) < 0.4),
        "dense": rng.normal(size=800).astype(np.float32),
        "bytes": rng.normal(0, 20, 900).astype(np.int8),
        "one": np.full(500, 3, np.int16),
        "bias": rng.normal(size=40).astype(np.float32),
    }
    tensors = [onnx.numpy_helper.from_array(array.astype(array.dtype), name) for name, array in values.items()]
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value], [value], tensors)
    onnx.save(onnx.helper.make_model(graph), folder / "net.onnx")
    assert len(compress_artifact(folder / "net.onnx", folder / "net.sqz").tensors) == 4
    return folder, (folder / "net.onnx").read_bytes(), (folder / "net.sqz").read_bytes()


def told(folder: Path, data: bytes, artifact: bytes) -> str | None:
    """Return the error message of a container, or None if it restored the artifact; other results fail the test."""
    path, target = folder / "hostile.sqz", folder / "hostile.onnx"
    path.write_bytes(data)
    target.unlink(missing_ok=True)
    fault = None
    tracemalloc.start()
    try:
        decompress(path, target)
    except ExportError as error:
        fault = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY, peak
    assert {item.name for item in folder.iterdir()} <= {"net.onnx", "net.sqz", "hostile.sqz", "hostile.onnx"}
    if fault is None:
        assert target.read_bytes() == artifact
    else:
        assert str(path) in fault or str(target) in fault
        assert "\n" not in fault
        assert not target.exists()
    return fault


def mutants(data: bytes, count: int) -> Iterator[bytes]:
    source = random.Random(0)
    for number in range(count):
        mutant = bytearray(data[: source.randrange(len(data))] if number % 4 == 0 else data)
        for _ in range(source.choice([1, 1, 2, 8, 32])):
            if mutant:
                position = source.randrange(len(mutant) if source.random() < 0.4 else min(len(mutant), 200))
                mutant[position] = source.choice([0, 1, 127, 128, 255, source.randrange(256)])
        yield bytes(mutant)


def test_mutants(good: tuple[Path, bytes, bytes]) -> None:
    folder, artifact, data = good
    faults = [told(folder, mutant, artifact) for mutant in mutants(data, 1500)]
    assert sum(fault is not None for fault in faults) > 1400  # a byte may be set to its old value
    assert len({fault.partition(": ")[2][:30] for fault in faults if fault}) > 10


@pytest.mark.slow
@pytest.mark.fuzz
def test_thousands_more(good: tuple[Path, bytes, bytes]) -> None:
    folder, artifact, data = good
    for seed in fuzz_seeds(500):
        told(folder, mutated("sqz", data, seed), artifact)


def test_every_truncation_and_every_excess_is_told(good: tuple[Path, bytes, bytes]) -> None:
    folder, artifact, data = good
    for cut in (*range(0, 300), *range(300, len(data), 37)):
        assert told(folder, data[:cut], artifact)
    for excess in (b"\0", b"\0\0\0\0", data):
        assert told(folder, data + excess, artifact)


@given(st.lists(st.tuples(st.sampled_from(sorted(_FIELDS)), st.integers(0, 2**64 - 1)), min_size=1, max_size=3))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_headers_may_say_anything(good: tuple[Path, bytes, bytes], lies: list[tuple[str, int]]) -> None:
    folder, artifact, data = good
    forged = bytearray(data)
    for name, value in lies:
        offset, code = _FIELDS[name]
        struct.pack_into(code, forged, offset, value % (1 << 8 * struct.calcsize(code)))
    assert bytes(forged) == data or told(folder, bytes(forged), artifact)


@pytest.mark.parametrize("field", ["artifact_bytes", "tensors", "tables", "symbols", "codebooks", "rest", "rest_bytes"])
def test_terabytes_are_refused_before_memory_is_taken(good: tuple[Path, bytes, bytes], field: str) -> None:
    folder, artifact, data = good
    offset, code = _FIELDS[field]
    for value in (1 << 42, (1 << 32) - 1, 1 << 30):
        forged = bytearray(data)
        struct.pack_into(code, forged, offset, value % (1 << 8 * struct.calcsize(code)))
        assert bytes(forged) == data or told(folder, bytes(forged), artifact)


SMALL = st.integers(0, 40)
ODD = st.one_of(SMALL, st.integers(0, 2**32 - 1))


@st.composite
def containers(draw: Any) -> Container:
    """Draw any container that can be packed: alphabets of any width, counts and gaps that add up only by chance."""
    tensors = []
    for _ in range(draw(st.integers(0, 3))):
        highs = np.array(sorted(draw(st.sets(ODD, max_size=6))), np.uint32)
        width = draw(st.sampled_from([1, 2, 4, 4]))
        exact = tuple(sorted(draw(st.sets(st.sampled_from([0, 1 << (8 * width - 1)])))))
        codes = np.array([draw(st.integers(0, 130)) for _ in range(len(highs) + len(exact))], np.uint8)
        alphabet = Alphabet(
            width=width,
            shift=draw(st.sampled_from([0, 0, 1, 5, 23, 40])),
            exact=exact,
            highs=highs,
            codes=codes,
        )
        tensors.append(CodedTensor(gap=draw(SMALL), count=draw(st.integers(0, 3000)), alphabet=alphabet))
    rest = draw(st.binary(max_size=200))
    size = len(rest) + sum(tensor.count * tensor.alphabet.width for tensor in tensors)
    return Container(
        format=draw(st.sampled_from(["onnx", "tflite"])),
        artifact_bytes=draw(st.sampled_from([size, size, size, size + 1])),
        sha256=bytes(32),
        tensors=tuple(tensors),
        rest=draw(st.sampled_from([squeeze(rest), squeeze(rest[:-1]), rest])),
        rest_bytes=len(rest),
        words=np.array(draw(st.lists(st.integers(0, 2**32 - 1), max_size=20)), np.uint32),
    )


@given(containers(), st.booleans())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_well_packed_nonsense_is_told(good: tuple[Path, bytes, bytes], container: Container, library: bool) -> None:
    folder, artifact, _ = good
    with pytest.MonkeyPatch.context() as patch:
        if not library:
            patch.setattr("sqnxt_export.compression.restoring.make_decoder", PlainDecoder)
        assert told(folder, pack(container)[0], artifact)


def repacked(data: bytes, folder: Path, change: Callable[[Container], Container]) -> bytes:
    (folder / "hostile.sqz").write_bytes(data)
    return pack(change(unpack(folder / "hostile.sqz")))[0]


def test_bombs(good: tuple[Path, bytes, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, artifact, data = good
    zeros = squeeze(bytes(10_000_000))  # 1.5 KB that unpack to 10 MB

    def longer_rest(container: Container) -> Container:
        more = 10_000_000 - container.rest_bytes
        return dataclasses.replace(
            container, rest=zeros, rest_bytes=10_000_000, artifact_bytes=container.artifact_bytes + more
        )

    def longer_tensor(container: Container) -> Container:
        *others, last = container.tensors
        more = (1 << 32) - 1 - last.count
        tensors = (*others, dataclasses.replace(last, count=(1 << 32) - 1))
        size = container.artifact_bytes + more * last.alphabet.width
        return dataclasses.replace(container, tensors=tensors, artifact_bytes=size)

    with pytest.raises(ExportError, match="bomb"):
        repacked(data, folder, longer_tensor)
    monkeypatch.setattr(layout, "_LARGEST_RATIO", 1 << 40)
    bomb = repacked(data, folder, longer_tensor)
    monkeypatch.undo()
    assert "claim to hold" in (told(folder, bomb, artifact) or "")
    # within the ratio, the output is written in pieces, and its checksum is wrong
    assert "checksum" in (told(folder, repacked(data, folder, longer_rest), artifact) or "")


def test_other_weights_under_the_same_checksum_are_refused(good: tuple[Path, bytes, bytes]) -> None:
    folder, artifact, data = good
    forged = bytearray(data)
    forged[-20] ^= 1
    assert "another checksum" in (told(folder, bytes(forged), artifact) or "")
    forged = bytearray(data)
    forged[24:56] = hashlib.sha256(b"another artifact").digest()
    assert "another checksum" in (told(folder, bytes(forged), artifact) or "")
    struct.pack_into("<H", forged, 8, 2)
    assert "version 2, this release reads 1; upgrade" in (told(folder, bytes(forged), artifact) or "")
