"""Graphs of every opset are read; those of opsets 1 to 6 as opset 7 writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx.helper import make_node, make_tensor_value_info

from helpers.onnx_graphs import floats
from sqnxt_sim import SimulatorError


def test_operators_of_2018(onnx_model: Any, read: Any) -> None:
    """Opset 7 has spatial batch normalisation, Dropout and Upsample with attributes, and Reshape to a constant."""
    ones = [(name, np.ones(4, np.float32)) for name in ("g", "b", "m", "v")]
    nodes = [
        make_node("Conv", ["x", "w"], ["c"], name="conv"),
        make_node("BatchNormalization", ["c", "g", "b", "m", "v"], ["n"], spatial=1),
        make_node("Dropout", ["n"], ["d"], ratio=0.5),
        make_node("Upsample", ["d"], ["u"], scales=[1.0, 1.0, 2.0, 2.0], mode="nearest"),
        make_node("Reshape", ["u", "flat"], ["f"]),
        make_node("Gemm", ["f", "k", "bias"], ["y"], name="fc", alpha=1.0, beta=1.0),
    ]
    tensors = [
        *ones,
        ("w", floats(4, 3, 3, 3)),
        ("flat", np.array([1, -1])),
        ("k", floats(576, 5)),
        ("bias", floats(5)),
    ]
    proto = onnx_model(nodes, [1, 3, 8, 8], tensors, opset=7, output_rank=2)
    proto.ir_version = 3
    for name, array in tensors:
        kind = TensorProto.INT64 if name == "flat" else TensorProto.FLOAT
        proto.graph.input.append(make_tensor_value_info(name, kind, np.shape(array)))
    workload = read(proto)
    assert [layer.macs for layer in workload.conv_layers] == [36 * 108, 576 * 5]


@pytest.mark.parametrize("opset", range(7, onnx.defs.onnx_opset_version() + 1))
def test_every_opset_from_7_up(onnx_model: Any, read: Any, opset: int) -> None:
    nodes = [make_node("Conv", ["x", "w"], ["c"], name="conv"), make_node("Relu", ["c"], ["y"])]
    assert read(onnx_model(nodes, [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))], opset=opset)).conv_layers[0].macs == 3888


@pytest.mark.parametrize("opset", range(1, 7))
def test_opsets_before_7(onnx_model: Any, read: Any, opset: int) -> None:
    """Targets, axes, types and scales were attributes, and operators said how to broadcast and what to overwrite."""
    ones = [(name, np.ones(4, np.float32)) for name in ("g", "b", "m", "v")]
    target = {"shape": [0, -1]} if opset < 5 else {}
    nodes = [
        make_node("Conv", ["x", "w"], ["c"], name="conv"),
        make_node("BatchNormalization", ["c", "g", "b", "m", "v"], ["n"], is_test=1),
        make_node("Add", ["n", "g"], ["a"], broadcast=1, axis=1),
        make_node("Relu", ["a"], ["r"]),
        make_node("Dropout", ["r"], ["d"], is_test=1),
        make_node("Concat", ["d", "d"], ["p"]) if opset < 4 else make_node("Concat", ["d", "d"], ["p"], axis=1),
        make_node("Reshape", ["p"] if target else ["p", "s"], ["f"], **target),
        make_node("Cast", ["f"], ["h"], to="FLOAT" if opset < 6 else TensorProto.FLOAT),
        make_node("Gemm", ["h", "k", "bias"], ["y"], name="fc", broadcast=1),
    ]
    if opset < 6:
        nodes[1].attribute.append(onnx.helper.make_attribute("consumed_inputs", [0, 0, 0, 1, 1]))
    tensors = [*ones, ("w", floats(4, 3, 3, 3)), ("k", floats(288, 5)), ("bias", floats(5)), ("s", np.array([0, -1]))]
    used = {name for node in nodes for name in node.input}
    proto = onnx_model(nodes, [1, 3, 8, 8], [pair for pair in tensors if pair[0] in used], opset=opset, output_rank=2)
    proto.ir_version = 3
    for name, array in tensors:
        if name in used:
            kind = TensorProto.INT64 if name == "s" else TensorProto.FLOAT
            proto.graph.input.append(make_tensor_value_info(name, kind, np.shape(array)))
    workload = read(proto)
    assert [layer.macs for layer in workload.conv_layers] == [36 * 108, 288 * 5]
    assert [entry.float_values for entry in workload.live][-1] == 288 + 5


def test_pads_and_scales_of_the_first_opset(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("Pad", ["x"], ["p"], paddings=[0, 0, 1, 1, 0, 0, 1, 1]),
        make_node("Upsample", ["p"], ["u"], height_scale=2.0, width_scale=3.0, mode="nearest"),
        make_node("Conv", ["u", "w"], ["y"], name="conv"),
    ]
    (layer,) = read(onnx_model(nodes, [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))], opset=1)).conv_layers
    assert (layer.in_height, layer.in_width) == (20, 30)


def test_the_remedy_for_an_old_opset(onnx_model: Any, read: Any) -> None:
    nodes = [make_node("Conv", ["x", "w"], ["c"]), make_node("Gelu", ["c"], ["y"])]
    with pytest.raises(
        SimulatorError, match=r"not a valid graph.*; raise its opset from 6 with onnx\.version_converter"
    ):
        read(onnx_model(nodes, [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))], opset=6))
