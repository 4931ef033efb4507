"""Files with any inputs are timed: several inputs, of any type, with sides that the file leaves free."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sqnxt_export import ExportError, profile_onnx
from sqnxt_export.runtimes import check_artifact
from sqnxt_export.runtimes.feeds import Feed, feed_values, fixed_shape
from sqnxt_export.runtimes.timed_call import open_timed


def _write(
    path: Path, kinds: dict[str, tuple[int, list[Any]]], nodes: list[Any], outputs: dict[str, int], **how: Any
) -> Path:
    graph = helper.make_graph(
        nodes,
        "any",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in kinds.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
    )
    opset = helper.make_opsetid("", how.pop("opset", 17))
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=how.pop("ir", 8)), path)
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Write a graph with inputs of five types, two of them with free sides."""
    kinds = {
        "floats": (TensorProto.FLOAT, ["batch", "length", 4]),
        "indices": (TensorProto.INT64, ["batch", "?"]),
        "mask": (TensorProto.BOOL, [1, 4]),
        "text": (TensorProto.STRING, [2]),
        "half": (TensorProto.FLOAT16, [3]),
    }
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in kinds]
    return _write(tmp_path / "many.onnx", kinds, nodes, {f"{name}_out": kind for name, (kind, _) in kinds.items()})


def test_inputs_of_every_type_and_free_sides(many: Path) -> None:
    check_artifact(many)
    model = open_timed(many, threads=1)
    model.call()
    assert model.shapes == {"floats": (1, 1, 4), "indices": (1, 1), "mask": (1, 4), "text": (2,), "half": (3,)}
    assert model.set_dims == {"batch": 1, "length": 1, "indices:1": 1}
    larger = open_timed(many, threads=1, dims={"batch": 3, "length": 7, "indices:1": 5})
    larger.call()
    assert (larger.batch, larger.shapes["floats"], larger.shapes["indices"]) == (3, (3, 7, 4), (3, 5))
    assert {node.op for node in profile_onnx(many, threads=1, options={}, runs=2, dims={"length": 2})} == {"Identity"}


def test_a_side_that_does_not_exist_is_named(many: Path) -> None:
    with pytest.raises(ExportError, match=r"has no free side 'width'; its free sides are: batch, floats:0, floats:1"):
        open_timed(many, threads=1, dims={"width": 3})


def test_old_graphs_with_odd_sides_are_timed(tmp_path: Path) -> None:
    """IR 3 and opset 7, with sides called None and ?, as exporters of 2018 wrote them."""
    kinds = {"x": (TensorProto.FLOAT, ["None", 3, "?", 8])}
    path = _write(
        tmp_path / "old.onnx", kinds, [helper.make_node("Relu", ["x"], ["y"])], {"y": TensorProto.FLOAT}, opset=7, ir=3
    )
    check_artifact(path)
    model = open_timed(path, threads=1, dims={"x:2": 8})
    model.call()
    assert model.shapes == {"x": (1, 3, 8, 8)}


def test_litert_resizes_free_sides(tmp_path: Path) -> None:
    import tensorflow as tf

    class Net(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="a"), tf.TensorSpec((2,), tf.int32)])
        def __call__(self, a: Any, b: Any) -> Any:
            return tf.reduce_sum(a, axis=1), b + 1

    net = Net()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([net.__call__.get_concrete_function()], net)
    path = tmp_path / "two.tflite"
    path.write_bytes(converter.convert())
    check_artifact(path)
    model = open_timed(path, threads=1)
    model.call()
    (free,) = model.set_dims
    larger = open_timed(path, threads=1, dims={free: 6})
    larger.call()
    assert (6, 4) in larger.shapes.values()


def test_values_suit_their_types() -> None:
    assert set(feed_values(Path("a"), Feed("x", "int64", [50]), (50,)).tolist()) == {0, 1}
    assert feed_values(Path("a"), Feed("x", "uint8", [50]), (50,)).max() > 1
    assert feed_values(Path("a"), Feed("x", "double", [2]), (2,)).dtype == np.float64
    assert fixed_shape(Feed("x", "float", ["n", None, 3]), {"n": 2}) == (2, 1, 3)
    with pytest.raises(ExportError, match="more than fit in memory"):
        feed_values(Path("a"), Feed("x", "float", []), (1 << 15, 1 << 15))
    with pytest.raises(ExportError, match="takes values of type complex1"):
        feed_values(Path("a"), Feed("x", "complex1", [1]), (1,))
