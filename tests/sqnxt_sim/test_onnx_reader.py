"""Graphs as other exporters write them, put together by hand: shapes, MACs, bits, zeros, and what is not costed."""

from itertools import product
from math import prod

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.reference import ReferenceEvaluator

from sqnxt_sim import ConvLayer, SimulatorError, Uncosted, load_accelerator, read_onnx, simulate

ACCELERATOR = load_accelerator("squeezelerator-8x8")


def model(nodes, shape, tensors=(), *, output_rank=4, opset=21, domains=()):
    """A model from input `x` to output `y`; tensors are (name, array)."""
    graph = make_graph(
        nodes,
        "graph",
        [make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [make_tensor_value_info("y", TensorProto.FLOAT, [f"d{i}" for i in range(output_rank)])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in tensors],
    )
    return make_model(
        graph, opset_imports=[make_opsetid("", opset), *(make_opsetid(d, 1) for d in domains)], ir_version=10
    )


@pytest.fixture
def read(tmp_path):
    def save_and_read(proto, **options):
        path = tmp_path / "model.onnx"
        path.write_bytes(proto.SerializeToString())
        return read_onnx(path, **options)

    return save_and_read


def floats(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def sparse_integers(*shape, kind=np.int8):
    return np.random.default_rng(1).integers(-2, 3, size=shape).astype(kind)


@st.composite
def convolutions(draw):
    """A Conv node's attributes, input and weight shapes, in 1-D or 2-D."""
    rank = draw(st.integers(1, 2))

    def each(low, high):
        return [draw(st.integers(low, high)) for _ in range(rank)]

    group, filters, channels = (draw(st.integers(1, 3)) for _ in range(3))
    kernel = each(1, 4)
    given = {"group": group, "strides": each(1, 3), "dilations": each(1, 2)}
    padding = draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    if padding == "NOTSET":
        given["pads"] = each(0, 2) + each(0, 2)
    else:
        given["auto_pad"] = padding
        if padding != "VALID":
            # onnx's own evaluator rejects dilated kernels with automatic padding.
            given["dilations"] = [1] * rank
    data = [draw(st.integers(1, 2)), group * channels, *each(1, 9)]
    return given, data, [group * filters, channels, *kernel]


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_convolutions_have_the_shape_that_onnx_computes(tmp_path_factory, convolution):
    attributes, data, weights = convolution
    proto = model(
        [make_node("Conv", ["x", "w"], ["y"], **attributes)], data, [("w", floats(*weights))], output_rank=len(data)
    )
    try:
        (result,) = ReferenceEvaluator(proto).run(None, {"x": floats(*data)})
    except Exception:
        assume(False)
    assume(result.size)
    path = tmp_path_factory.mktemp("conv") / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    (layer,) = read_onnx(path).layers
    spatial = (layer.out_height, layer.out_width)[4 - len(data) :]
    assert (layer.batch, layer.out_channels, *spatial) == result.shape
    # Independent of any shape formula: each output value takes one MAC for each weight of its filter.
    assert layer.macs == result.size * prod(weights[1:])
    assert layer.nonzero_weights == prod(weights)


@pytest.mark.parametrize(("transpose_a", "transpose_b"), product((0, 1), repeat=2))
def test_gemm(read, transpose_a, transpose_b):
    weights = floats(7, 5) if transpose_b else floats(5, 7)
    node = make_node("Gemm", ["x", "w"], ["y"], name="fc", transA=transpose_a, transB=transpose_b)
    (layer,) = read(model([node], [5, 3] if transpose_a else [3, 5], [("w", weights)], output_rank=2)).layers
    assert (layer.op, layer.in_channels, layer.out_channels, layer.batch, layer.macs) == ("Gemm", 5, 7, 3, 105)
    assert (layer.kernel_height, layer.kernel_width, layer.in_height, layer.in_width) == (1, 1, 1, 1)


def test_matmul_over_a_sequence_shares_its_weights(read):
    (layer,) = read(
        model([make_node("MatMul", ["x", "w"], ["y"])], [2, 9, 5], [("w", floats(5, 7))], output_rank=3)
    ).layers
    assert (layer.batch, layer.in_width, layer.macs) == (2, 9, 2 * 9 * 5 * 7)


def test_matmul_of_activations_has_no_model(read):
    workload = read(model([make_node("MatMul", ["x", "x"], ["y"])], [4, 4], output_rank=2))
    report = simulate(workload, ACCELERATOR)
    assert workload.layers[0].why is Uncosted.NO_MODEL
    assert not report.to_json()["complete"]
    assert "MatMul" in report.notes[0]


CONV = make_node("Conv", ["x", "w"], ["y"], name="conv")
WEIGHTS = sparse_integers(4, 3, 3, 3)
NONZERO = int(np.count_nonzero(WEIGHTS))


def conv_layer(read, nodes, tensors, shape=(1, 3, 8, 8)):
    return next(x for x in read(model(nodes, shape, tensors)).layers if isinstance(x, ConvLayer) and x.op == "Conv")


def weights_facts(layer):
    return layer.weight_bits, layer.nonzero_weights


def test_float_weights_count_their_zeros(read):
    assert weights_facts(conv_layer(read, [CONV], [("w", WEIGHTS.astype(np.float32))])) == (None, NONZERO)


def test_negative_zero_is_zero(read):
    weights = np.where(WEIGHTS == 0, -0.0, WEIGHTS).astype(np.float32)
    assert weights_facts(conv_layer(read, [CONV], [("w", weights)])) == (None, NONZERO)


def test_float16_weights_through_a_cast(read):
    nodes = [make_node("Cast", ["h"], ["w"], to=TensorProto.FLOAT), CONV]
    layer = conv_layer(read, nodes, [("h", WEIGHTS.astype(np.float16))])
    assert weights_facts(layer) == (None, NONZERO)


def test_weights_in_a_constant_node(read):
    nodes = [make_node("Constant", [], ["w"], value=numpy_helper.from_array(WEIGHTS.astype(np.float32))), CONV]
    assert weights_facts(conv_layer(read, nodes, [])) == (None, NONZERO)


def test_weights_rearranged_on_the_way(read):
    nodes = [
        make_node("Transpose", ["hwio"], ["t"], perm=[3, 2, 0, 1]),
        make_node("Identity", ["t"], ["i"]),
        make_node("Reshape", ["i", "shape"], ["w"]),
        CONV,
    ]
    tensors = [("hwio", WEIGHTS.transpose(2, 3, 1, 0).astype(np.float32)), ("shape", np.array([4, 3, 3, 3]))]
    assert weights_facts(conv_layer(read, nodes, tensors)) == (None, NONZERO)


@pytest.mark.parametrize(("kind", "bits"), [(np.int8, 8), (np.uint8, 8), (np.int16, 16), (np.uint16, 16)])
@pytest.mark.parametrize("per_channel", [False, True])
def test_dequantised_weights_are_zero_at_their_zero_point(read, kind, bits, per_channel):
    size = (4,) if per_channel else ()
    zero_point = np.full(size, 7 if np.dtype(kind).kind == "u" else 0, kind)
    stored = (WEIGHTS + zero_point.flat[0]).astype(kind)
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"], **({"axis": 0} if per_channel else {})), CONV]
    tensors = [("q", stored), ("s", np.full(size, 0.1, np.float32)), ("z", zero_point)]
    assert weights_facts(conv_layer(read, nodes, tensors)) == (bits, NONZERO)


def test_a_zero_point_for_each_channel(read):
    zero_point = np.array([1, 2, 3, 4], np.uint8)
    stored = (WEIGHTS + zero_point.reshape(4, 1, 1, 1)).astype(np.uint8)
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=0), CONV]
    tensors = [("q", stored), ("s", np.full(4, 0.1, np.float32)), ("z", zero_point)]
    assert weights_facts(conv_layer(read, nodes, tensors)) == (8, NONZERO)


@pytest.mark.parametrize("axis", [1, 9])
def test_zero_points_that_do_not_fit_leave_the_zeros_unknown(read, axis):
    nodes = [make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=axis), CONV]
    tensors = [("q", WEIGHTS), ("s", np.full(4, 0.1, np.float32)), ("z", np.array([1, 2, 3, 4], np.int8))]
    assert weights_facts(conv_layer(read, nodes, tensors)) == (8, None)


def test_floats_quantised_in_the_graph(read):
    """A scale of 2 sends -1, 0 and 1 to zero: halves round to even."""
    nodes = [
        make_node("QuantizeLinear", ["f", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["w"]),
        CONV,
    ]
    tensors = [("f", WEIGHTS.astype(np.float32)), ("s", np.float32(2)), ("z", np.int16(0))]
    assert weights_facts(conv_layer(read, nodes, tensors)) == (16, int(np.count_nonzero(np.abs(WEIGHTS) > 1)))


def test_computed_weights_are_dense_and_said_so(read):
    nodes = [make_node("Mul", ["f", "f"], ["w"]), CONV]
    workload = read(model(nodes, [1, 3, 8, 8], [("f", WEIGHTS.astype(np.float32))]))
    assert weights_facts(workload.conv_layers[0]) == (None, None)
    report = simulate(workload, ACCELERATOR)
    assert any("not known" in note for note in report.notes)


@pytest.mark.parametrize("between", [(), ("Relu",), ("MaxPool",), ("Relu", "Identity")])
def test_activation_bits_come_from_the_quantised_input(read, between):
    nodes = [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["a0"]),
    ]
    for i, op in enumerate(between):
        nodes.append(make_node(op, [f"a{i}"], [f"a{i + 1}"], **({"kernel_shape": [2, 2]} if op == "MaxPool" else {})))
    nodes.append(make_node("Conv", [f"a{len(between)}", "w"], ["y"]))
    tensors = [("w", floats(4, 3, 3, 3)), ("s", np.float32(0.1)), ("z", np.int16(0))]
    layer = conv_layer(read, nodes, tensors)
    assert (layer.activation_bits, layer.weight_bits) == (16, None)


def test_every_node_is_in_the_workload(read):
    nodes = [
        make_node("Conv", ["x", "w"], ["c"], name="conv"),
        make_node("BatchNormalization", ["c", "one", "one", "one", "one"], ["b"], name="bn"),
        make_node("Add", ["b", "bias"], ["biased"], name="bias"),
        make_node("Relu", ["biased"], ["r"], name="relu"),
        make_node("MaxPool", ["r"], ["p"], name="pool", kernel_shape=[2, 2]),
        make_node("Add", ["p", "p"], ["sum"], name="shortcut"),
        make_node("ConvTranspose", ["sum", "t"], ["up"], name="up"),
        make_node("Fancy", ["up"], ["y"], name="fancy", domain="somewhere"),
    ]
    one = np.ones(4, np.float32)
    tensors = [("w", floats(4, 3, 3, 3)), ("one", one), ("bias", one.reshape(4, 1, 1)), ("t", floats(4, 2, 2, 2))]
    report = simulate(read(model(nodes, [1, 3, 8, 8], tensors, domains=["somewhere"])), ACCELERATOR)
    rows = report.to_json()["layers"]
    assert [(row["name"], row["status"]) for row in rows] == [
        ("conv", "costed"),
        ("bn", "folded"),
        ("bias", "folded"),
        ("relu", "folded"),
        ("pool", "not_costed"),
        ("shortcut", "not_costed"),
        ("up", "no_model"),
        ("fancy", "no_model"),
    ]
    assert "ConvTranspose, Fancy" in report.notes[0]
    assert not report.to_json()["complete"]


def test_what_is_computed_from_shapes_is_constant(read):
    """Flatten as PyTorch writes it: Shape, Gather, Concat, Reshape."""
    nodes = [
        make_node("Shape", ["x"], ["shape"]),
        make_node("Gather", ["shape", "zero"], ["n"]),
        make_node("Concat", ["n", "minus_one"], ["target"], axis=0),
        make_node("Reshape", ["x", "target"], ["flat"]),
        make_node("Gemm", ["flat", "w"], ["y"]),
    ]
    tensors = [("zero", np.array([0])), ("minus_one", np.array([-1])), ("w", floats(48, 5))]
    workload = read(model(nodes, ["n", 3, 4, 4], tensors, output_rank=2), batch=2)
    assert [getattr(layer, "why", "costed") for layer in workload.layers] == [*["folded"] * 4, "costed"]
    assert workload.conv_layers[0].macs == 2 * 48 * 5


def test_a_batch_multiplies_the_cost(read):
    one, four = (simulate(read(model([CONV], [n, 3, 8, 8], [("w", floats(4, 3, 3, 3))])), ACCELERATOR) for n in (1, 4))
    assert four.cycles == 4 * one.cycles
    assert four.macs == 4 * one.macs
    assert four.dram_bytes == 4 * one.dram_bytes
    assert four.energy.total == pytest.approx(4 * one.energy.total)


def test_free_dimensions(read):
    channels_first = model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))])
    with pytest.raises(SimulatorError, match=r"'x' has a dynamic shape.*--batch 1` and `--input-size HxW"):
        read(channels_first)
    with pytest.raises(SimulatorError, match="--input-size HxW"):
        read(channels_first, batch=1)
    (layer,) = read(channels_first, batch=2, input_size=(9, 7)).layers
    assert (layer.batch, layer.in_height, layer.in_width) == (2, 9, 7)

    nodes = [make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), make_node("Conv", ["t", "w"], ["y"])]
    channels_last = model(nodes, ["n", None, None, 3], [("w", floats(4, 3, 3, 3))])
    layer = read(channels_last, batch=1, input_size=(9, 7)).layers[1]
    assert (layer.in_channels, layer.in_height, layer.in_width) == (3, 9, 7)

    with pytest.raises(SimulatorError, match="fixed at 1 along axis 0"):
        read(model([CONV], [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))]), batch=2)


@pytest.mark.parametrize("options", [{"batch": 0}, {"batch": 2**70}, {"input_size": (8, -1)}])
def test_sizes_out_of_range(read, options):
    with pytest.raises(SimulatorError, match="out of range"):
        read(model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))]), **options)


@pytest.mark.parametrize("size", [9, np.int64(9), (9, 9), [9, 9]])
def test_input_size_is_a_side_or_both(read, size):
    (layer,) = read(model([CONV], [1, 3, "h", "w"], [("w", floats(4, 3, 3, 3))]), input_size=size).layers
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
def test_sizes_of_the_wrong_type(read, options, fault):
    with pytest.raises(SimulatorError, match=rf"model\.onnx: {fault}"):
        read(model([CONV], ["n", 3, "h", "w"], [("w", floats(4, 3, 3, 3))]), **options)


def test_a_subgraph_is_not_taken_for_a_constant(read):
    """Its inputs are constant, yet it reads the outer graph."""
    branch = make_graph(
        [make_node("Relu", ["x"], ["r"])], "branch", [], [make_tensor_value_info("r", TensorProto.FLOAT, [1, 3])]
    )
    node = make_node("If", ["condition"], ["y"], then_branch=branch, else_branch=branch)
    workload = read(model([node], [1, 3], [("condition", np.array(True))], output_rank=2))
    assert workload.layers[0].why is Uncosted.NO_MODEL


def test_opset_7_with_weights_among_the_inputs(read):
    proto = model([CONV], [1, 3, 8, 8], [("w", floats(4, 3, 3, 3))], opset=7)
    proto.ir_version = 3
    proto.graph.input.append(make_tensor_value_info("w", TensorProto.FLOAT, [4, 3, 3, 3]))
    assert read(proto, batch=1).conv_layers[0].nonzero_weights == 108


def test_local_functions_are_read_through(read):
    body = onnx.helper.make_function(
        "local", "Block", ["a", "b"], ["c"], [make_node("Conv", ["a", "b"], ["c"])], [make_opsetid("", 21)]
    )
    proto = model(
        [make_node("Block", ["x", "w"], ["y"], domain="local")],
        [1, 3, 8, 8],
        [("w", floats(4, 3, 3, 3))],
        domains=["local"],
    )
    proto.functions.append(body)
    assert read(proto).conv_layers[0].macs == 36 * 108
