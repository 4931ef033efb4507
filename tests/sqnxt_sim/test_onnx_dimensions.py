"""Free dimensions: a batch and an input size that the caller gives."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx.helper import make_node, make_tensor_value_info

from sqnxt_sim import SimulatorError

CONV = make_node("Conv", ["x", "w"], ["y"], name="conv")


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_free_dimensions(onnx_model, read):
    channels_first = onnx_model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))])
    with pytest.raises(SimulatorError, match=r"'x' has a dynamic shape.*--batch 1` and `--input-size HxW"):
        read(channels_first)
    with pytest.raises(SimulatorError, match="--input-size HxW"):
        read(channels_first, batch=1)
    (layer,) = read(channels_first, batch=2, input_size=(9, 7)).layers
    assert (layer.batch, layer.in_height, layer.in_width) == (2, 9, 7)

    nodes = [make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), make_node("Conv", ["t", "w"], ["y"])]
    channels_last = onnx_model(nodes, ["n", None, None, 3], [("w", floats(4, 3, 3, 3))])
    layer = read(channels_last, batch=1, input_size=(9, 7)).layers[1]
    assert (layer.in_channels, layer.in_height, layer.in_width) == (3, 9, 7)

    with pytest.raises(SimulatorError, match="fixed at 1 along axis 0"):
        read(onnx_model([CONV], [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))]), batch=2)


@pytest.mark.parametrize("options", [{"batch": 0}, {"batch": 2**70}, {"input_size": (8, -1)}])
def test_sizes_out_of_range(onnx_model, read, options):
    with pytest.raises(SimulatorError, match="out of range"):
        read(onnx_model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))]), **options)


@pytest.mark.parametrize("size", [9, np.int64(9), (9, 9), [9, 9]])
def test_input_size_is_a_side_or_both(onnx_model, read, size):
    (layer,) = read(onnx_model([CONV], [1, 3, "h", "w"], [("w", floats(4, 3, 3, 3))]), input_size=size).layers
    assert (layer.in_height, layer.in_width) == (9, 9)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"input_size": "64"}, "input_size is '64'; give a side in pixels, or"),
        ({"input_size": "8x8"}, "input_size is '8x8'; give"),
        ({"input_size": 8.0}, r"input_size is 8\.0; give"),
        ({"input_size": (8, 8, 3)}, r"input_size is \(8, 8, 3\); give"),
        ({"input_size": (8, "8")}, "width is '8'; give a whole number"),
        ({"input_size": True}, "height is True; give a whole number"),
        ({"batch": "1"}, "batch is '1'; give a whole number"),
    ],
)
def test_sizes_of_the_wrong_type(onnx_model, read, options, fault):
    with pytest.raises(SimulatorError, match=rf"model\.onnx: {fault}"):
        read(onnx_model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))]), **options)


def test_opset_7_with_weights_among_the_inputs(onnx_model, read):
    proto = onnx_model([CONV], [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))], opset=7)
    proto.ir_version = 3
    proto.graph.input.append(make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 3, 3]))
    assert read(proto, batch=1).conv_layers[0].nonzero_weights == 108
