"""Runners of files with several inputs and outputs: order, names, layouts and types."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sqnxt_export import ExportError, TensorInfo, open_model
from sqnxt_export.artifact.layouts import layouts_of, parse_layouts, write_layouts


@pytest.fixture
def two_of_each(tmp_path: Path) -> Path:
    """Write a graph of a channels-first image and a vector of integers, which returns the image and a sum."""
    image, vector = ["batch", 2, 3, 4], ["batch", 5]
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["image"], ["map"]),
            helper.make_node("Cast", ["ids"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["real", "axes"], ["sum"], keepdims=1),
        ],
        "two",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, image),
            helper.make_tensor_value_info("ids", TensorProto.INT32, vector),
        ],
        [
            helper.make_tensor_value_info("map", TensorProto.FLOAT, image),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["batch", 1]),
        ],
        [onnx.numpy_helper.from_array(np.array([1], np.int64), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    write_layouts(model, {"image": 4, "map": 4, "sum": 2})
    assert layouts_of(model) == {"image": "NCHW", "map": "NCHW"}
    onnx.save(model, tmp_path / "two.onnx")
    return tmp_path / "two.onnx"


def test_several_inputs_and_outputs_keep_order_names_types_and_the_model_s_layout(two_of_each: Path) -> None:
    runner = open_model(two_of_each)
    assert runner.inputs == (
        TensorInfo(name="image", shape=(3, 4, 2)),
        TensorInfo(name="ids", shape=(5,), dtype="int32"),
    )
    assert [(output.name, output.shape) for output in runner.outputs] == [("map", (3, 4, 2)), ("sum", (1,))]
    image, ids = runner.noise_inputs(40, seed=1)  # more than one batch of 32
    assert ids.dtype == np.int32
    maps, sums = runner.run_all([image, ids])
    np.testing.assert_array_equal(maps, np.maximum(image, 0))
    np.testing.assert_array_equal(sums[:, 0], ids.sum(axis=1))


def test_samples_that_do_not_fit_every_input_are_refused(two_of_each: Path) -> None:
    runner = open_model(two_of_each)
    image, ids = runner.noise_inputs(3)
    for wrong in ([image], [image, ids[:2]], [ids, image], [image, ids, ids], [image[:0], ids[:0]]):
        with pytest.raises(ExportError, match=r"give \[n, 3, 4, 2\] and \[n, 5\]"):
            runner.run_all(wrong)
    with pytest.raises(ExportError, match="one image of float32 or uint8 is needed"):
        _ = runner.input_shape


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"a": 1}', '{"a": "NHWC"}', '{"a": ["NCHW"]}', "[" * 9000])
def test_a_file_that_does_not_tell_its_layouts_is_not_believed(text: str | None) -> None:
    assert parse_layouts(text) is None
