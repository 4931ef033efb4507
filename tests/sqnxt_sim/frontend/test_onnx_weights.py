"""Bits and zeros of weights, wherever a graph stores them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, SparseTensorProto, TensorProto, numpy_helper
from onnx.helper import make_node

from sqnxt_sim import ConvLayer, SimulatorError, load_accelerator, simulate_workload

ACCELERATOR = load_accelerator("squeezelerator-8x8")


def sparse_integers(*shape: int, kind: type[Any] = np.int8) -> NDArray[Any]:
    return np.random.default_rng(1).integers(-2, 3, size=shape).astype(kind)


CONV = make_node("Conv", ["x", "w"], ["y"], name="conv")
WEIGHTS = sparse_integers(4, 3, 3, 3)
NONZERO = int(np.count_nonzero(WEIGHTS))


@pytest.fixture
def conv_layer(onnx_model: Any, read: Any) -> Callable[..., ConvLayer]:
    """Return the convolution among some nodes on an 8x8 map."""

    def only_layer(
        nodes: list[NodeProto], tensors: Sequence[tuple[str, Any]], prepare: Callable[..., Any] = lambda model: None
    ) -> ConvLayer:
        model = onnx_model(nodes, (1, 3, 8, 8), tensors)
        prepare(model)
        (layer,) = read(model).conv_layers
        return layer

    return only_layer


def weights_facts(layer: ConvLayer) -> tuple[int | None, ...]:
    return layer.weight_bits, layer.nonzero_weights


def test_float_weights_count_their_zeros(conv_layer: Any) -> None:
    assert weights_facts(conv_layer([CONV], [("w", WEIGHTS.astype(np.float32))])) == (None, NONZERO)


def test_negative_zero_is_zero(conv_layer: Any) -> None:
    weights = np.where(WEIGHTS == 0, -0.0, WEIGHTS).astype(np.float32)
    assert weights_facts(conv_layer([CONV], [("w", weights)])) == (None, NONZERO)


def test_float16_weights_through_a_cast(conv_layer: Any) -> None:
    nodes = [make_node("Cast", ["h"], ["w"], to=TensorProto.FLOAT), CONV]
    layer = conv_layer(nodes, [("h", WEIGHTS.astype(np.float16))])
    assert weights_facts(layer) == (None, NONZERO)


def test_weights_in_a_constant_node(conv_layer: Any) -> None:
    nodes = [make_node("Constant", [], ["w"], value=numpy_helper.from_array(WEIGHTS.astype(np.float32))), CONV]
    assert weights_facts(conv_layer(nodes, [])) == (None, NONZERO)


def test_weights_rearranged_on_the_way(conv_layer: Any) -> None:
    nodes = [
        make_node("Transpose", ["hwio"], ["t"], perm=[3, 2, 0, 1]),
        make_node("Identity", ["t"], ["i"]),
        make_node("Reshape", ["i", "shape"], ["w"]),
        CONV,
    ]
    tensors = [("hwio", WEIGHTS.transpose(2, 3, 1, 0).astype(np.float32)), ("shape", np.array([4, 3, 3, 3]))]
    assert weights_facts(conv_layer(nodes, tensors)) == (None, NONZERO)


@pytest.mark.parametrize(("kind", "bits"), [(np.int8, 8), (np.uint8, 8), (np.int16, 16), (np.uint16, 16)])
@pytest.mark.parametrize("per_channel", [False, True])
def test_dequantised_weights_are_zero_at_their_zero_point(
    conv_layer: Any, kind: type[Any], bits: int, per_channel: bool
) -> None:
    size = (4,) if per_channel else ()
    zero_point = np.full(size, 7 if np.dtype(kind).kind == "u" else 0, kind)
    stored = (WEIGHTS + zero_point.flat[0]).astype(kind)
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"], **({"axis": 0} if per_channel else {})), CONV]
    tensors = [("q", stored), ("s", np.full(size, 0.1, np.float32)), ("z", zero_point)]
    assert weights_facts(conv_layer(nodes, tensors)) == (bits, NONZERO)


def test_a_zero_point_for_each_channel(conv_layer: Any) -> None:
    zero_point = np.array([1, 2, 3, 4], np.uint8)
    stored = (WEIGHTS + zero_point.reshape(4, 1, 1, 1)).astype(np.uint8)
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0), CONV]
    tensors = [("q", stored), ("s", np.full(4, 0.1, np.float32)), ("z", zero_point)]
    assert weights_facts(conv_layer(nodes, tensors)) == (8, NONZERO)


@pytest.mark.parametrize("axis", [1, 9])
def test_zero_points_that_do_not_fit_leave_the_zeros_unknown(conv_layer: Any, axis: int) -> None:
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=axis), CONV]
    tensors = [("q", WEIGHTS), ("s", np.full(4, 0.1, np.float32)), ("z", np.array([1, 2, 3, 4], np.int8))]
    assert weights_facts(conv_layer(nodes, tensors)) == (8, None)


def test_floats_quantised_in_the_graph(conv_layer: Any) -> None:
    """A scale of 2 rounds -1, 0 and 1 to zero, because halves round to even."""
    nodes = [
        make_node("QuantizeLinear", ["f", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["w"]),
        CONV,
    ]
    tensors = [("f", WEIGHTS.astype(np.float32)), ("s", np.float32(2)), ("z", np.int16(0))]
    assert weights_facts(conv_layer(nodes, tensors)) == (16, int(np.count_nonzero(np.abs(WEIGHTS) > 1)))


def test_computed_weights_are_dense_and_said_so(onnx_model: Any, read: Any) -> None:
    nodes = [make_node("Mul", ["f", "f"], ["w"]), CONV]
    workload = read(onnx_model(nodes, [1, 3, 8, 8], [("f", WEIGHTS.astype(np.float32))]))
    assert weights_facts(workload.conv_layers[0]) == (None, None)
    report = simulate_workload(workload, ACCELERATOR)
    assert any("not known" in note for note in report.notes)


@pytest.mark.parametrize("form", ["value_floats", "sparse_value"])
def test_weights_in_other_attributes_of_a_constant(conv_layer: Any, form: str) -> None:
    flat = WEIGHTS.astype(np.float32).reshape(-1)
    value = sparse(flat, "") if form == "sparse_value" else flat
    constant = make_node("Constant", [], ["f"], **{form: value})
    nodes = [constant, make_node("Reshape", ["f", "shape"], ["w"]), CONV]
    assert weights_facts(conv_layer(nodes, [("shape", np.array(WEIGHTS.shape))])) == (None, NONZERO)


def sparse(values: NDArray[Any], name: str, *, coordinates: bool = False) -> SparseTensorProto:
    """Make a sparse tensor that also stores some zeros."""
    places = np.flatnonzero(np.arange(values.size) % 7 == 0)
    places = np.union1d(places, np.flatnonzero(values))
    indices = np.stack(np.unravel_index(places, values.shape), axis=1) if coordinates else places
    return onnx.helper.make_sparse_tensor(
        numpy_helper.from_array(values.reshape(-1)[places], name),
        numpy_helper.from_array(indices.astype(np.int64), f"{name}_indices"),
        values.shape,
    )


@pytest.mark.parametrize("coordinates", [False, True])
def test_sparse_initializers(conv_layer: Any, coordinates: bool) -> None:
    tensor = sparse(WEIGHTS.astype(np.float32), "w", coordinates=coordinates)
    layer = conv_layer([CONV], [], lambda model: model.graph.sparse_initializer.append(tensor))
    assert weights_facts(layer) == (None, NONZERO)
    assert layer.macs == 36 * WEIGHTS.size


def test_sparse_initializers_of_absurd_size(conv_layer: Any) -> None:
    tensor = sparse(np.ones(4, np.float32), "w")
    tensor.dims[:] = [2**24, 3, 3, 3]
    with pytest.raises(SimulatorError, match="tensor 'w' does not hold the values"):
        conv_layer([CONV], [], lambda model: model.graph.sparse_initializer.append(tensor))


@pytest.mark.parametrize(("value", "nonzero"), [(0.02, WEIGHTS.size), (0.0, 0), (None, 0)])
def test_one_value_in_every_place(conv_layer: Any, value: float | None, nonzero: int) -> None:
    """Models that are stripped of their weights keep only the shapes, as ConstantOfShape."""
    given = {} if value is None else {"value": numpy_helper.from_array(np.array([value], np.float32))}
    nodes = [make_node("ConstantOfShape", ["shape"], ["w"], **given), CONV]
    assert weights_facts(conv_layer(nodes, [("shape", np.array(WEIGHTS.shape))])) == (None, nonzero)


def test_zero_points_follow_a_rearrangement(conv_layer: Any) -> None:
    """Each channel of HWIO integers has a zero point; they are rearranged before and after dequantisation."""
    zero_point = np.array([1, 2, 3, 4], np.uint8)
    stored = (WEIGHTS.transpose(2, 3, 1, 0) + zero_point).astype(np.uint8)
    nodes = [
        make_node("Reshape", ["q", "hwio"], ["r"]),
        make_node("DequantizeLinear", ["r", "s", "z"], ["d"], axis=3),
        make_node("Transpose", ["d"], ["w"], perm=[3, 2, 0, 1]),
        CONV,
    ]
    tensors = [("q", stored.reshape(9, 12)), ("hwio", np.array([3, 3, 3, 4]))]
    layer = conv_layer(nodes, [*tensors, ("s", np.full(4, 0.1, np.float32)), ("z", zero_point)])
    assert weights_facts(layer) == (8, NONZERO)


def test_a_zero_point_for_each_block(conv_layer: Any) -> None:
    zero_point = np.arange(4 * 2 * 9, dtype=np.uint8).reshape(4, 2, 3, 3)
    stored = (WEIGHTS + zero_point.repeat(2, axis=1)[:, :3] + 2).astype(np.uint8)
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1, block_size=2), CONV]
    tensors = [("q", stored), ("s", np.full((4, 2, 3, 3), 0.1, np.float32)), ("z", zero_point + 2)]
    assert weights_facts(conv_layer(nodes, tensors)) == (8, NONZERO)


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4])
def test_four_bits(conv_layer: Any, kind: int) -> None:
    stored = WEIGHTS + (3 if kind == TensorProto.UINT4 else 0)
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"]), CONV]

    def prepare(model: ModelProto) -> None:
        zero = 3 if kind == TensorProto.UINT4 else 0
        for name, values in (("q", stored), ("z", np.array(zero))):
            model.graph.initializer.append(onnx.helper.make_tensor(name, kind, values.shape, values.reshape(-1)))

    assert weights_facts(conv_layer(nodes, [("s", np.float32(0.1))], prepare)) == (4, NONZERO)


def test_bfloat16(conv_layer: Any) -> None:
    nodes = [make_node("Cast", ["b"], ["w"], to=TensorProto.FLOAT), CONV]

    def prepare(model: ModelProto) -> None:
        values = WEIGHTS.astype(np.float32)
        tensor = onnx.helper.make_tensor("b", TensorProto.BFLOAT16, values.shape, values.reshape(-1))
        model.graph.initializer.append(tensor)

    assert weights_facts(conv_layer(nodes, [], prepare)) == (None, NONZERO)


def test_filters_that_the_network_computes_are_activations(onnx_model: Any, read: Any) -> None:
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        make_node("Relu", ["d"], ["filters"]),
        make_node("Conv", ["x", "filters"], ["y"]),
    ]
    (layer,) = read(onnx_model(nodes, (2, 3, 4, 4), [("s", np.float32(1)), ("z", np.int16(0))])).conv_layers
    assert (layer.out_channels, layer.weight_bits, layer.nonzero_weights) == (2, 16, None)
