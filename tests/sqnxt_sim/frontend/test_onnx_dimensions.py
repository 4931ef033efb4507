"""Free dimensions take the batch and the input size that the caller gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto
from onnx.helper import make_node, make_tensor_value_info

from helpers.onnx_graphs import floats
from sqnxt_sim import SimulatorError

CONV = make_node("Conv", ["x", "w"], ["y"], name="conv")


def test_free_dimensions(onnx_model: Any, read: Any) -> None:
    channels_first = onnx_model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))])
    with pytest.raises(
        SimulatorError, match=r"'x' has a dynamic shape.*`batch=1` and `input_size` \(height and width\)"
    ):
        read(channels_first)
    with pytest.raises(SimulatorError, match=r"fix it with `input_size` \(height and width\)"):
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
def test_sizes_out_of_range(onnx_model: Any, read: Any, options: dict[str, Any]) -> None:
    with pytest.raises(SimulatorError, match="out of range"):
        read(onnx_model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))]), **options)


@pytest.mark.parametrize("size", [9, np.int64(9), (9, 9), [9, 9]])
def test_input_size_is_a_side_or_both(onnx_model: Any, read: Any, size: Sequence[int] | int) -> None:
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
def test_sizes_of_the_wrong_type(onnx_model: Any, read: Any, options: dict[str, Any], fault: str) -> None:
    with pytest.raises(SimulatorError, match=rf"model\.onnx: {fault}"):
        read(onnx_model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))]), **options)


def test_opset_7_with_weights_among_the_inputs(onnx_model: Any, read: Any) -> None:
    proto = onnx_model([CONV], [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))], opset=7)
    proto.ir_version = 3
    proto.graph.input.append(make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 3, 3]))
    assert read(proto, batch=1).conv_layers[0].nonzero_weights == 108


def test_a_second_free_axis_is_fixed_by_name(onnx_model: Any, read: Any) -> None:
    model = onnx_model([make_node("MatMul", ["x", "w"], ["y"])], ["n", "seq", 5], [("w", floats(5, 7))], output_rank=3)
    with pytest.raises(SimulatorError, match=r"\(axis 0 'n', 1 'seq'\); fix it with .* or `dims` \(n=N, seq=N\)"):
        read(model)
    (layer,) = read(model, dims={"n": 2, "seq": 9}).layers
    assert (layer.batch, layer.in_width) == (2, 9)
    (layer,) = read(model, batch=2, dims={"seq": 9}).layers
    assert layer.macs == 2 * 9 * 35
    with pytest.raises(SimulatorError, match="has no free dimension 'length'; its free dimensions are n, seq"):
        read(model, dims={"length": 9})
    with pytest.raises(SimulatorError, match="fixed at 2 along axis 0, not 3"):
        read(model, batch=3, dims={"n": 2, "seq": 9})
    with pytest.raises(SimulatorError, match="dimension 'seq' 0 is out of range"):
        read(model, dims={"seq": 0})
    with pytest.raises(SimulatorError, match=r"dims is \[2\]; give sizes by name"):
        read(model, dims=[2])


@pytest.mark.parametrize("declared", [[1, 4, 7, 7], [-1, 4], [1], []])
def test_outputs_that_are_declared_wrongly(onnx_model: Any, read: Any, declared: list[int]) -> None:
    """Exporters write them; the shapes that onnx infers count."""
    model = onnx_model([CONV], [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))])
    model.graph.output[0].CopyFrom(make_tensor_value_info("y", TensorProto.FLOAT, declared))
    assert read(model).live[0].float_values == 192 + 144


def test_a_size_of_minus_one_is_free(onnx_model: Any, read: Any) -> None:
    """PaddlePaddle writes it in place of a name."""
    model = onnx_model([CONV], [-1, 3, -1, -1], [("w", floats(4, 3, 3, 3))])
    with pytest.raises(SimulatorError, match=r"dynamic shape \(axis 0, 2, 3\)"):
        read(model)
    (layer,) = read(model, batch=2, input_size=(9, 7)).layers
    assert (layer.batch, layer.in_height, layer.in_width) == (2, 9, 7)


@pytest.mark.parametrize("name", ["?", "None", None])
def test_names_that_are_no_names(onnx_model: Any, read: Any, name: str | None) -> None:
    """One name for several sizes means that the exporter knew none."""
    model = onnx_model([CONV], [name, 3, name, name], [("w", floats(4, 3, 3, 3))])
    for dim in model.graph.output[0].type.tensor_type.shape.dim:
        dim.dim_param = name or ""
    (layer,) = read(model, batch=2, input_size=(9, 7)).layers
    assert (layer.batch, layer.in_height, layer.in_width) == (2, 9, 7)
    with pytest.raises(SimulatorError, match=r"or `dims` \(x:0=N, x:2=N, x:3=N\)"):
        read(model)
    (layer,) = read(model, dims={"x:0": 2, "x:2": 9, "x:3": 7}).layers
    assert (layer.batch, layer.in_height, layer.in_width) == (2, 9, 7)
    if name is not None:
        assert read(model, dims={name: 8}).layers[0].batch == 8


def test_dims_of_a_graph_that_is_fixed(onnx_model: Any, read: Any) -> None:
    model = onnx_model([CONV], [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))])
    with pytest.raises(SimulatorError, match="no free dimension 'n'; leave out `dims`"):
        read(model, dims={"n": 1})


@pytest.mark.parametrize("what", ["shape", "type"])
def test_outputs_without_a_declared_shape(onnx_model: Any, read: Any, what: str) -> None:
    nodes = [make_node("Conv", ["x", "w"], ["c"], name="conv"), make_node("Relu", ["c"], ["y"])]
    model = onnx_model(nodes, [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))])
    output = model.graph.output[0]
    if what == "shape":
        output.type.tensor_type.ClearField("shape")
    else:
        output.ClearField("type")
    workload = read(model)
    assert workload.conv_layers[0].macs == 3888
    assert [entry.float_values for entry in workload.live] == [192 + 144, 144]


CONV_1D = make_node("Conv", ["x", "w"], ["y"], name="conv")


def test_the_length_of_a_1d_map(onnx_model: Any, read: Any) -> None:
    model = onnx_model([CONV_1D], ["n", 3, "length"], [("w", floats(4, 3, 5))], output_rank=3)
    with pytest.raises(SimulatorError, match=r"`batch=1` and `input_size` \(a length\)"):
        read(model)
    for size in (20, (20, 20)):
        (layer,) = read(model, batch=2, input_size=size).layers
        assert (layer.batch, layer.in_height, layer.in_width, layer.out_width) == (2, 1, 20, 16)
    with pytest.raises(
        SimulatorError, match=r"'x' is a map of one dimension, not 20x10; give `input_size` as a single"
    ):
        read(model, batch=2, input_size=(20, 10))


def test_the_length_of_a_1d_map_with_the_channels_last(onnx_model: Any, read: Any) -> None:
    nodes = [make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), make_node("Conv", ["t", "w"], ["y"])]
    model = onnx_model(nodes, [1, "length", 3], [("w", floats(4, 3, 5))], output_rank=3)
    assert read(model, input_size=20).conv_layers[0].in_width == 20


def two_inputs(onnx_model: Any, *shapes: list[Any]) -> ModelProto:
    """Make a graph that convolves a map `x` and adds `extra`."""
    nodes = [make_node("Conv", ["x", "w"], ["c"], name="conv"), make_node("Add", ["c", "extra"], ["y"], name="sum")]
    model = onnx_model(nodes, shapes[0], [("w", floats(4, 3, 3, 3))])
    model.graph.input.append(make_tensor_value_info("extra", TensorProto.FLOAT, shapes[1]))
    return model


def test_a_named_dimension_has_one_size_wherever_it_occurs(onnx_model: Any, read: Any) -> None:
    """The batch also fixes `n` where it is not the first dimension (second input), and in the output."""
    model = two_inputs(onnx_model, ["n", 3, 8, 8], [1, "n", 1, 1])
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "n"
    workload = read(model, batch=4)
    assert workload.conv_layers[0].batch == 4
    assert workload.layers[1].work.values_read == 4 * 4 * 36 + 4


def test_an_input_that_is_fixed_beside_a_free_batch_keeps_its_size(onnx_model: Any, read: Any) -> None:
    workload = read(two_inputs(onnx_model, ["n", 3, 8, 8], [1, 4, 6, 6]), batch=3)
    assert workload.conv_layers[0].batch == 3


def test_one_name_for_two_sizes(onnx_model: Any, read: Any) -> None:
    model = onnx_model([CONV], [1, 3, "side", "side"], [("w", floats(4, 3, 3, 3))])
    assert read(model, input_size=9).conv_layers[0].in_height == 9
    with pytest.raises(SimulatorError, match="calls axis 3 'side', which is 9 elsewhere, not 7"):
        read(model, input_size=(9, 7))


def test_the_map_among_several_inputs(onnx_model: Any, read: Any) -> None:
    """An input size applies to maps only; a sequence beside one keeps its own size."""
    model = two_inputs(onnx_model, [1, 3, "h", "w"], [4, 1, 5])
    assert read(model, input_size=(8, 7)).conv_layers[0].in_width == 7
