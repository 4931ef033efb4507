"""The structure of quantised graphs, and their workarounds for faults of runtimes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sqnxt_export import ExportError, quantise_onnx, to_onnx
from sqnxt_export.convert.graph import Graph, GraphEnd
from sqnxt_export.quantise.integer_scales import activation16
from sqnxt_export.runtimes.onnx_runner import fast_options


def _run(model: onnx.ModelProto, images: Any, *, optimise: bool = True) -> Any:
    options = onnxruntime.SessionOptions()
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"input": image[None]})[0] for image in images.transpose(0, 3, 1, 2)])


def _one_conv(weights: Any, bias: Any) -> onnx.ModelProto:
    graph = Graph()
    inputs = ["input", graph.constant("conv/kernel", weights), graph.constant("conv/bias", bias)]
    geometry = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1]}
    convolved = graph.add("Conv", inputs, "conv", group=1, **geometry)
    graph.outputs = [graph.add("Flatten", [convolved], "flatten", axis=1)]
    ends = [GraphEnd("input", (3, 2, 2), channels_first=True)], [GraphEnd("logits", None)]
    return graph.model("one", 1, *ends)


def test_int16_puts_pairs_only_where_weights_meet_activations(models: Any, images: Any) -> None:
    model = to_onnx(models["squeezenext_like"])
    graph = quantise_onnx(model, "int16", images).graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    weighted = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    for node in weighted:
        assert [makers[name].op_type for name in node.input] == ["DequantizeLinear"] * len(node.input)
        assert constants[makers[node.input[1]].input[0]].dtype == np.int16
        zero_point = constants[makers[node.input[0]].input[2]]
        assert zero_point.dtype == np.int16
        assert zero_point == (0 if node.name == "stem" else -32768)  # all but the stem read the output of a Relu
    read = {node.input[0] for node in model.graph.node if node.op_type in ("Conv", "Gemm")}
    assert Counter(node.op_type for node in graph.node)["QuantizeLinear"] == len(read)
    assert [node.name for node in weighted] == [n.name for n in model.graph.node if n.op_type in ("Conv", "Gemm")]


def _upscaled_rows() -> onnx.ModelProto:
    """Return a grouped transposed convolution, a dense layer on the rows of its map, and one that is used twice."""
    random = np.random.default_rng(5)
    graph = Graph()
    inputs = [
        "input",
        graph.constant("up/kernel", random.normal(size=(4, 3, 2, 2)).astype(np.float32)),
        graph.constant("up/bias", random.normal(size=6).astype(np.float32)),
    ]
    geometry = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0] * 4, "dilations": [1, 1]}
    rows = graph.add("ConvTranspose", inputs, "up", group=2, **geometry)
    rows = graph.add("MatMul", [rows, graph.constant("dense/kernel", np.float32(random.normal(size=(12, 5))))], "dense")
    shared = graph.constant("shared/kernel", np.float32(random.normal(size=(5, 5))))
    for name in ("first", "second"):
        rows = graph.add("Relu", [graph.add("MatMul", [rows, shared], name)], f"{name}/relu")
    graph.outputs = [graph.add("Flatten", [rows], "flatten", axis=1)]
    return graph.model("rows", 1, [GraphEnd("input", (4, 6, 6), channels_first=True)], [GraphEnd("logits", None)])


@pytest.mark.parametrize(("precision", "tolerance"), [("float16", 2e-3), ("int16", 1e-3), ("int8", 4e-2)])
def test_constant_matrices_and_transposed_convolutions_are_stored_in_the_precision(
    precision: str, tolerance: float
) -> None:
    """Whatever has weights is quantised, and weights that two nodes read are stored once."""
    images = np.random.default_rng(6).normal(size=(64, 6, 6, 4)).astype(np.float32)
    model = _upscaled_rows()
    quantised = quantise_onnx(model, precision, images)
    stored = [tensor for tensor in quantised.graph.initializer if len(tensor.dims) > 1]
    assert {onnx.numpy_helper.to_array(tensor).dtype.name for tensor in stored} == {precision}
    assert sorted(tuple(tensor.dims) for tensor in stored) == [(4, 3, 2, 2), (5, 5), (12, 5)]
    makers = {node.output[0]: node.op_type for node in quantised.graph.node}
    read = {makers.get(node.input[0]) for node in quantised.graph.node if node.op_type in ("ConvTranspose", "MatMul")}
    assert (read == {"DequantizeLinear"}) == precision.startswith("int")
    expected, found = _run(model, images), _run(quantised, images)
    assert np.abs(expected - found).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize(("precision", "tolerance"), [("int16", 1e-4), ("int8", 2e-2)])
def test_a_bias_that_dwarfs_the_weights(precision: str, tolerance: float) -> None:
    """Batch norm makes such channels, and onnxruntime's own 16-bit bias conversion overflows on them."""
    weights = np.array([[1e-6] * 3, [0.0] * 3, [0.5, -1.0, 0.25]], np.float32).reshape(3, 3, 1, 1)
    model = _one_conv(weights, np.array([40.0, -7.3, 0.01], np.float32))
    images = np.random.default_rng(0).uniform(-1, 1, (4, 2, 2, 3)).astype(np.float32)
    expected = _run(model, images)
    for optimise in (False, True):
        values = _run(quantise_onnx(model, precision, images), images, optimise=optimise)
        assert np.abs(values - expected).reshape(4, 3, 4).max(axis=(0, 2)) == pytest.approx(0, abs=tolerance)


@pytest.mark.parametrize("network", ["squeezenext_like", "alexnet_like", "mobilenet_like"])
@pytest.mark.parametrize("precision", ["int16", "int8"])
def test_every_reader_has_a_dequantizelinear_of_its_own(models: Any, images: Any, network: str, precision: str) -> None:
    """OpenCV 5.0 stops at an assertion where two nodes read one, and tensors are still quantised once."""
    graph = quantise_onnx(to_onnx(models[network]), precision, images).graph
    readers = Counter(name for node in graph.node for name in node.input)
    results = [node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"]
    assert results
    assert {readers[name] for name in results} == {1}
    quantised = [node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert len(quantised) == len(set(quantised))


def test_int8_weights_round_kernels_alone(models: Any, images: Any) -> None:
    plain = to_onnx(models["squeezenext_like"])
    model = quantise_onnx(plain, "int8-weights")
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    makers = {node.output[0]: node for node in model.graph.node}
    assert "QuantizeLinear" not in {node.op_type for node in model.graph.node}
    for node, before in zip(_weighted(model), _weighted(plain), strict=True):
        integers, scales, zeros = (constants[name] for name in makers[node.input[1]].input)
        assert (integers.dtype, scales.shape, zeros.any()) == (np.int8, (len(integers),), False)
        assert node.input[2:] == before.input[2:]
        exact = onnx.numpy_helper.to_array(next(t for t in plain.graph.initializer if t.name == before.input[1]))
        shaped = scales.reshape(-1, *[1] * (exact.ndim - 1))
        assert np.abs(integers * shaped - exact).max(axis=None) <= 0.51 * scales.max()
    assert fast_options(model)["session.disable_quant_qdq"] == "1"  # or each run widens the weights anew
    assert not fast_options(quantise_onnx(plain, "int8", images))


def _weighted(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]


def test_int8_is_fused_to_integer_kernels(models: Any, images: Any, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    model = quantise_onnx(to_onnx(models["squeezenext_like"]), "int8", images)
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ops = Counter(node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node)
    assert not {"Conv", "Gemm", "Add", "Relu", "DequantizeLinear"} & set(ops)
    assert ops["QLinearConv"] == 13
    assert ops["QuantizeLinear"] == 1


def test_float16_halves_the_weights_and_only_them(models: Any) -> None:
    model = to_onnx(models["alexnet_like"])
    half = quantise_onnx(model, "float16")
    casts = [node for node in half.graph.node if node.op_type == "Cast"]
    assert len(casts) == len([node for node in model.graph.node if node.op_type in ("Conv", "Gemm")])
    stored = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    assert all(stored[cast.input[0]] == onnx.TensorProto.FLOAT16 for cast in casts)
    assert half.ByteSize() < 0.8 * model.ByteSize()


def test_weights_beyond_float16_are_refused() -> None:
    model = _one_conv(np.full((3, 3, 1, 1), 1e5, np.float32), np.zeros(3, np.float32))
    with pytest.raises(ExportError, match="layer 'conv': has weights beyond float16"):
        quantise_onnx(model, "float16")


def test_calibration_that_is_not_finite_is_refused(models: Any, images: Any) -> None:
    with pytest.raises(ExportError, match="not all finite"):
        quantise_onnx(to_onnx(models["alexnet_like"]), "int8", images * np.float32(np.inf))
    with pytest.raises(ExportError, match=r"tensor '.*' has values that are not finite"):
        quantise_onnx(_one_conv(np.full((3, 3, 1, 1), 3e38, np.float32), np.zeros(3)), "int8", images[:, :2, :2] * 100)


def test_headroom_ends_where_an_operator_does() -> None:
    """A Clip at 6 needs no integers beyond 6 with any headroom; unbounded values keep their headroom."""
    import tf_keras as keras

    image = keras.Input((8, 8, 3))
    clipped = keras.layers.ReLU(6.0)(keras.layers.Conv2D(4, 3, name="first")(image))
    pooled = keras.layers.MaxPooling2D(2)(clipped)
    free = keras.layers.ReLU()(keras.layers.Conv2D(4, 1, name="bounded")(pooled))
    squashed = keras.activations.sigmoid(keras.layers.Conv2D(4, 1, name="free")(free))
    model = keras.Model(image, keras.layers.Flatten()(keras.layers.Conv2D(2, 1, name="of_one")(squashed)))
    images = np.random.default_rng(0).uniform(-9, 9, (64, 8, 8, 3)).astype(np.float32)
    graph = quantise_onnx(to_onnx(model), "int16", images).graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    scales = {n.name: float(constants[makers[n.input[0]].input[1]]) for n in graph.node if n.op_type == "Conv"}
    assert scales["bounded"] == pytest.approx(6 / 65535)
    assert scales["of_one"] == pytest.approx(1 / 65535)
    largest = np.abs(images).max()
    assert scales["first"] == pytest.approx(largest * 3.75 / 32767)


@given(low=st.floats(-1e4, 0), high=st.floats(0, 1e4), headroom=st.floats(1, 4))
def test_a_16_bit_range_holds_what_it_should_and_zero(low: float, high: float, headroom: float) -> None:
    assume(max(-low, high) > 1e-6)
    found = activation16(low, high, headroom, np.inf)
    smallest, largest = ((end - int(found.zero_point)) * found.scale for end in (-32768, 32767))
    assert found.zero_point.dtype == np.int16
    assert smallest <= low * headroom + found.scale
    assert largest >= high * headroom - found.scale
    assert found.scale <= max(-low, high) * headroom / 32767 * (1 + 1e-6)  # never coarser than a symmetric one


def test_what_is_hardly_negative_takes_nearly_all_integers() -> None:
    assert activation16(-1.0, 1.0, 2.0, np.inf).zero_point == 0
    assert activation16(0.0, 1.0, 2.0, np.inf).zero_point == -32768
    leaky = activation16(-0.1, 1.0, 2.0, np.inf)
    assert leaky.zero_point == pytest.approx(-32768 + 65535 / 11, abs=1)
    assert leaky.scale == pytest.approx(2.2 / 65535)
