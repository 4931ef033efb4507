"""Containers of real artifacts: every format and precision is restored bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.commands import run_python
from sqnxt_export import (
    ExportError,
    Metadata,
    compress_artifact,
    compressed_bytes,
    decompress,
    layer_zeros,
    nonzero_fraction,
    quantise_onnx,
    to_onnx,
    to_tflite,
    write_metadata,
)
from sqnxt_export.compression import rans

KINDS = [
    *(("onnx", precision) for precision in ("float32", "float16", "int16", "int8")),
    *(("tflite", precision) for precision in ("float32", "float16", "int8", "int16x8")),
]


@pytest.fixture(scope="module")
def artifacts(models: Any, images: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Export the small network with most layers in every format and precision, with metadata."""
    folder, model = tmp_path_factory.mktemp("artifacts"), models["alexnet_like"]
    paths = {}
    for kind, precision in KINDS:
        path = paths[kind, precision] = folder / f"{precision}.{kind}"
        if kind == "onnx":
            onnx.save(quantise_onnx(to_onnx(model), precision, images), path)
        else:
            path.write_bytes(to_tflite(model, precision, images))
        write_metadata(path, Metadata(network="small", labels=tuple("0123456789")))
    return paths


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", [True, False])
def test_every_artifact_comes_back_bit_for_bit(
    artifacts: Any, tmp_path: Path, kind: tuple[str, str], library: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = artifacts[kind]
    container = tmp_path / f"{path.name}.sqz"
    found = compress_artifact(path, container)
    assert found.bytes == container.stat().st_size == found.sections.total
    assert found.raw_bytes == path.stat().st_size
    assert found.zipped_bytes == compressed_bytes(path)
    assert found.bytes < found.raw_bytes
    assert max(size.weights for size in found.tensors) > 1000
    if not library:
        monkeypatch.setattr(rans, "find_spec", lambda _: None)
    restored = decompress(container)
    assert Path(restored.path) == tmp_path / path.name
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert (restored.bytes, restored.format, restored.sha256) == (found.raw_bytes, kind[0], found.sha256)


def test_sizes_explain_themselves(artifacts: Any, tmp_path: Path) -> None:
    path = artifacts["onnx", "float32"]
    found = compress_artifact(path, tmp_path / "net.sqz")
    assert found.entropy_bytes <= found.coded_bytes
    assert found.overhead == pytest.approx(found.coded_bytes / found.entropy_bytes - 1)
    assert sum(size.coded_bytes for size in found.tensors) == pytest.approx(found.sections.words, abs=8)
    assert found.nonzero_fraction == pytest.approx(nonzero_fraction(path), abs=0.02)  # apart from small tensors
    assert found.model_nonzero_fraction == nonzero_fraction(path)
    assert found.to_json()["model_weights"] == sum(weights for _, weights in layer_zeros(path).values())
    zeros = found.weights * (1 - found.nonzero_fraction)
    bits = zeros * found.zero_bits + (found.weights - zeros) * found.nonzero_bits
    assert bits / 8 == pytest.approx(found.sections.words, abs=8)
    assert 0 < found.zero_bits < 3 < found.nonzero_bits < 32
    document = found.to_json()
    assert document["ratio"] == pytest.approx(found.raw_bytes / found.bytes)
    assert sum(document["sections"].values()) == document["bytes"]


TYPES = {np.float32: onnx.TensorProto.FLOAT, np.float16: onnx.TensorProto.FLOAT16, np.int8: onnx.TensorProto.INT8,
         np.int16: onnx.TensorProto.INT16, np.int32: onnx.TensorProto.INT32}  # fmt: skip
BYTES = st.sampled_from(list(TYPES)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        arrays(np.uint8, st.integers(0, 400), elements=st.sampled_from([0, 0, 0, 1, 128, 255])),
        st.integers(1, 20),
    )
)


@given(st.lists(BYTES, max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_constants_come_back(tmp_path_factory: pytest.TempPathFactory, constants: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("any")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    initializers = []
    for index, (kind, content, times) in enumerate(constants):
        stored = np.tile(content, times).tobytes()
        stored = stored[: len(stored) // np.dtype(kind).itemsize * np.dtype(kind).itemsize]
        tensor = onnx.TensorProto(name=str(index), data_type=TYPES[kind], raw_data=stored)
        tensor.dims.append(len(stored) // np.dtype(kind).itemsize)
        initializers.append(tensor)
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value], [value], initializers)
    path = folder / "any.onnx"
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    compress_artifact(path, folder / "any.sqz")
    decompress(folder / "any.sqz", folder / "back.onnx")
    assert (folder / "back.onnx").read_bytes() == path.read_bytes()


def test_tensors_longer_than_a_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("compressing", "restoring"):
        monkeypatch.setattr(f"sqnxt_export.compression.{module}.CHUNK", 100)
    rng = np.random.default_rng(0)
    values = {"sparse": rng.normal(size=1234) * (rng.random(1234) < 0.5), "dense": rng.normal(size=777)}
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    tensors = [onnx.numpy_helper.from_array(array.astype(np.float32), name) for name, array in values.items()]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value], [value], tensors)
    onnx.save(onnx.helper.make_model(graph), tmp_path / "a.onnx")
    found = compress_artifact(tmp_path / "a.onnx", tmp_path / "a.sqz")
    assert [(size.name, size.low_bits > 0) for size in found.tensors] == [("sparse", True), ("dense", True)]
    decompress(tmp_path / "a.sqz", tmp_path / "b.onnx")
    assert (tmp_path / "b.onnx").read_bytes() == (tmp_path / "a.onnx").read_bytes()


def test_minus_zeros_are_zeros_and_come_back_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pruned = (rng.normal(size=5000) * (rng.random(5000) < 0.4)).astype(
        np.float32
    )  # a mask makes -0.0 of negative weights
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    tensors = [onnx.numpy_helper.from_array(pruned, "w")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value], [value], tensors)
    onnx.save(onnx.helper.make_model(graph), tmp_path / "a.onnx")
    found = compress_artifact(tmp_path / "a.onnx", tmp_path / "a.sqz")
    assert found.nonzero_fraction == np.count_nonzero(pruned) / 5000
    assert found.zero_bits < 3
    decompress(tmp_path / "a.sqz", tmp_path / "b.onnx")
    assert (tmp_path / "b.onnx").read_bytes() == (tmp_path / "a.onnx").read_bytes()


def test_bad_requests_are_told_and_leave_nothing(artifacts: Any, files: dict[str, Path], tmp_path: Path) -> None:
    path, container = artifacts["tflite", "int8"], tmp_path / "net.sqz"
    compress_artifact(path, container)
    (tmp_path / "garbage.onnx").write_bytes(b"no graph")
    for call, words in (
        (lambda: compress_artifact(path, container), "pass `force=True`"),
        (lambda: compress_artifact(tmp_path / "none.onnx", tmp_path / "a.sqz"), "no such file"),
        (lambda: compress_artifact(files["keras"], tmp_path / "a.sqz"), "export it to ONNX or TFLite first"),
        (lambda: compress_artifact(tmp_path / "garbage.onnx", tmp_path / "a.sqz"), "not an ONNX file"),
        (lambda: decompress(container, tmp_path / "net.onnx"), r"holds an \.tflite file"),
        (lambda: decompress(path, tmp_path / "a.tflite"), "not a container"),
        (lambda: decompress(container, tmp_path / "no" / "a.tflite"), "does not exist"),
        (lambda: decompress(tmp_path), "is a folder"),
    ):
        with pytest.raises(ExportError, match=words):
            call()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["garbage.onnx", "net.sqz"]
    compress_artifact(path, container, force=True)


def test_an_artifact_of_one_value_is_refused_rather_than_a_bomb(tmp_path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    zeros = onnx.numpy_helper.from_array(np.zeros(3_000_000, np.float32), "w")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value], [value], [zeros])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "a.onnx")
    with pytest.raises(ExportError, match="nearly all one value"):
        compress_artifact(tmp_path / "a.onnx", tmp_path / "a.sqz")


def test_without_the_library_compressing_names_its_extra_and_decompressing_works(
    artifacts: Any, tmp_path: Path
) -> None:
    path = artifacts["onnx", "int8"]
    compress_artifact(path, tmp_path / "net.onnx.sqz")
    code = """
import sys
for name in ("constriction", "tensorflow", "tf_keras", "onnxruntime", "ai_edge_litert"):
    sys.modules[name] = None
import sqnxt_export
from sqnxt_export.compression import rans
rans.find_spec = lambda name: None
print(sqnxt_export.decompress("net.onnx.sqz").bytes)
try:
    sqnxt_export.compress_artifact("net.onnx", "b.sqz")
except sqnxt_export.ExportError as error:
    print(error)
"""
    done = run_python(code, cwd=tmp_path, check=True)
    size, fault = done.stdout.splitlines()
    assert int(size) == path.stat().st_size
    assert "pip install 'sqnxt-tf[device]'" in fault
