"""Activations and operators of quantised graphs."""

import numpy as np
import pytest
from onnx.helper import make_node


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("between", [(), ("Relu",), ("MaxPool",), ("Relu", "Identity")])
def test_activation_bits_come_from_the_quantised_input(onnx_model, read, between):
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["a0"]),
    ]
    for i, op in enumerate(between):
        nodes.append(make_node(op, [f"a{i}"], [f"a{i + 1}"], **({"kernel_shape": [2, 2]} if op == "MaxPool" else {})))
    nodes.append(make_node("Conv", [f"a{len(between)}", "w"], ["y"]))
    tensors = [("w", floats(4, 3, 3, 3)), ("s", np.float32(0.1)), ("z", np.int16(0))]
    (layer,) = read(onnx_model(nodes, (1, 3, 8, 8), tensors)).conv_layers
    assert (layer.activation_bits, layer.weight_bits) == (16, None)
