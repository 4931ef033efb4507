"""Transposed convolutions: the phases compute what the ConvTranspose computes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx.helper import make_node

from sqnxt_sim import ConvLayer, SimulatorError
from sqnxt_sim.frontend.onnx_transposed import axis_phases

PADDINGS = ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", "output_shape"]


@st.composite
def transposed(draw: st.DrawFn) -> tuple[dict[str, Any], list[int], list[int]]:
    """Draw attributes, input shape and weight shape of a ConvTranspose node in 1-D to 3-D."""
    rank = draw(st.integers(1, 3))

    def each(low: int, high: int) -> list[int]:
        # volumes are kept small, since their phases multiply
        return [draw(st.integers(low, min(high, 2) if rank == 3 else high)) for _ in range(rank)]

    group, filters, channels = (draw(st.integers(1, 2)) for _ in range(3))
    kernel, strides, dilations, sizes = each(1, 5), each(1, 4), each(1, 2), each(1, 5)
    padding = draw(st.sampled_from(PADDINGS))
    # onnxruntime accepts no larger output padding, and with SAME its output differs from onnx's shapes.
    extra = [0 if padding.startswith("SAME") else draw(st.integers(0, stride - 1)) for stride in strides]
    given = {"group": group, "strides": strides, "dilations": dilations, "output_padding": extra}
    natural = [
        s * (n - 1) + e + (k - 1) * d + 1
        for s, n, e, k, d in zip(strides, sizes, extra, kernel, dilations, strict=True)
    ]
    if padding == "NOTSET":
        given["pads"] = each(0, 4) + each(0, 4)
        cut = [sum(given["pads"][axis::rank]) for axis in range(rank)]
        assume(all(size > pads for size, pads in zip(natural, cut, strict=True)))
    elif padding == "output_shape":
        # onnx's own inference does not support an output that is smaller than its input.
        bounds = zip(sizes, natural, strict=True)
        given["output_shape"] = [draw(st.integers(max(size, whole - 4), whole)) for size, whole in bounds]
        given["auto_pad"] = draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER"]))
    else:
        given["auto_pad"] = padding
    return given, [draw(st.integers(1, 2)), group * channels, *sizes], [group * channels, filters, *kernel]


def whole_numbers(shape: Sequence[int], seed: int) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(np.float32)


def convolve(data: NDArray[Any], weights: NDArray[Any], dilations: list[int], groups: int) -> NDArray[Any]:
    """Convolve [n, c, h, w] with [k, c / groups, *kernel] at stride 1 without padding, one tap after another."""
    outs = [n - (k - 1) * d for n, k, d in zip(data.shape[2:], weights.shape[2:], dilations, strict=True)]
    batch, channels = data.shape[0], data.shape[1] // groups
    result = np.zeros((batch, groups, weights.shape[0] // groups, *outs))
    split = data.reshape(batch, groups, channels, *data.shape[2:])
    filters = weights.reshape(groups, -1, channels, *weights.shape[2:])
    for tap in product(*map(range, weights.shape[2:])):
        window = tuple(slice(t * d, t * d + out) for t, d, out in zip(tap, dilations, outs, strict=True))
        result += np.einsum("ngc...,gkc->ngk...", split[(..., *window)], filters[(..., *tap)])
    return result.reshape(batch, -1, *outs)


def run_phases(
    axes: list[list[Any]],
    data: NDArray[Any],
    weights: NDArray[Any],
    groups: int,
    strides: list[int],
    out_shape: tuple[int, ...],
) -> NDArray[Any]:
    """Compute every phase as an ordinary convolution, and write its results to the rows and columns of the phase."""
    result = np.zeros(out_shape)
    for phases in product(*axes):
        window = tuple(slice(phase.first, phase.first + phase.size) for phase in phases)
        pads = [(0, 0), (0, 0), *((phase.pad_before, phase.pad_after) for phase in phases)]
        taps = weights[np.ix_(*map(range, weights.shape[:2]), *(phase.taps for phase in phases))]
        # [channels, filters of a group, *kernel] as a Conv keeps it
        kernel = (
            taps.reshape(groups, -1, *taps.shape[1:]).swapaxes(1, 2).reshape(-1, len(taps) // groups, *taps.shape[2:])
        )
        part = convolve(np.pad(data[(..., *window)], pads), kernel, [phase.dilation for phase in phases], groups)
        places = tuple(slice(phase.phase, None, stride) for phase, stride in zip(phases, strides, strict=True))
        result[(..., *places)] = part
    return result


@settings(max_examples=150, deadline=None)
@given(transposed())
# This case has a phase with two taps beyond the last row.
@example(({"group": 1, "strides": [4], "dilations": [1], "output_padding": [0], "pads": [1, 2]}, [1, 1, 1], [1, 1, 5]))
def test_the_phases_compute_what_the_node_computes(onnx_model: Any, read: Any, case: Any) -> None:
    attributes, data_shape, weight_shape = case
    data, weights = whole_numbers(data_shape, 0), whole_numbers(weight_shape, 1)
    model = onnx_model(
        [make_node("ConvTranspose", ["x", "w"], ["y"], name="up", **attributes)],
        data_shape,
        [("w", weights)],
        output_rank=len(data_shape),
        opset=13,
    )
    workload = read(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), quiet())
    (expected,) = session.run(None, {"x": data})
    rank, groups, strides = len(data_shape) - 2, attributes["group"], attributes["strides"]
    axes = [
        axis_phases(
            in_size=data_shape[2 + axis],
            out_size=expected.shape[2 + axis],
            kernel=weight_shape[2 + axis],
            stride=strides[axis],
            dilation=attributes["dilations"][axis],
            pad=cut_off(attributes, axis, data_shape, weight_shape, expected.shape),
        )
        for axis in range(rank)
    ]
    np.testing.assert_array_equal(run_phases(axes, data, weights, groups, strides, expected.shape), expected)
    check_layers(workload.conv_layers, list(product(*axes)), weights, expected.shape, strides)


def quiet() -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return options


def cut_off(attributes: dict[str, Any], axis: int, data: list[int], weights: list[int], output: tuple[int, ...]) -> int:
    """Return the rows cut off in front by ONNX's definition; the reader's own code is checked through its layers."""
    if "pads" in attributes:
        return attributes["pads"][axis]
    if attributes["auto_pad"] == "VALID":
        return 0
    whole = attributes["strides"][axis] * (data[2 + axis] - 1) + attributes["output_padding"][axis]
    total = max(whole + (weights[2 + axis] - 1) * attributes["dilations"][axis] + 1 - output[2 + axis], 0)
    return total // 2 if attributes["auto_pad"] == "SAME_UPPER" else total - total // 2


def check_layers(
    layers: tuple[ConvLayer, ...],
    phases: list[tuple[Any, ...]],
    weights: NDArray[Any],
    out_shape: tuple[int, ...],
    strides: list[int],
) -> None:
    """The reader's layers are the phases, with the same maps, pads, taps and zeros."""
    assert len(layers) == len(phases)
    for layer, places in zip(layers, phases, strict=True):
        axes = slice(max(2 - len(places), 0), None)
        assert [layer.pad_top, layer.pad_left][axes] == [phase.pad_before for phase in places[-2:]]
        assert [layer.in_height, layer.in_width][axes] == [phase.size for phase in places[-2:]]
        outs = [
            len(range(phase.phase, size, stride))
            for phase, size, stride in zip(places, out_shape[2:], strides, strict=True)
        ]
        assert [layer.out_height, layer.out_width][axes] == outs[-2:]
        # every slice of a volume is an image of its own
        assert layer.batch == out_shape[0] * prod(outs[:-2])
        taps = weights[np.ix_(*map(range, weights.shape[:2]), *(phase.taps for phase in places))]
        assert layer.weights == taps.size
        assert layer.nonzero_weights == np.count_nonzero(taps)


@pytest.mark.parametrize(
    ("kernel", "given"),
    [
        (4, {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
        (2, {"strides": [2, 2]}),
        (3, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
        (4, {"strides": [4, 4]}),
        (3, {"pads": [1, 1, 1, 1]}),
    ],
)
@pytest.mark.parametrize("group", [1, 2])
def test_upsampling_takes_a_kernel_for_each_input_pixel(
    onnx_model: Any, read: Any, kernel: int, given: dict[str, list[int]], group: int
) -> None:
    weights = whole_numbers((6, 4, kernel, kernel), 2)
    node = make_node("ConvTranspose", ["x", "w"], ["y"], name="up", group=group, **given)
    layers = read(onnx_model([node], [2, 6, 7, 5], [("w", weights)])).conv_layers
    assert sum(layer.macs for layer in layers) == 2 * 7 * 5 * weights.size
    assert sum(layer.weights for layer in layers) == weights.size
    assert sum(layer.nonzero_weights for layer in layers) == np.count_nonzero(weights)


def test_names_and_operator_of_the_phases(onnx_model: Any, read: Any) -> None:
    node = make_node("ConvTranspose", ["x", "w"], ["y"], name="up", strides=[2, 3])
    layers = read(onnx_model([node], [1, 2, 4, 4], [("w", whole_numbers((2, 3, 3, 2), 3))])).layers
    assert {layer.op for layer in layers} == {"ConvTranspose"}
    # Each input column gives three output columns, of which a kernel of width two reaches two.
    assert [layer.name for layer in layers] == [f"up phase {y},{x}" for y in (0, 1) for x in (0, 1)]


def test_one_dimension(onnx_model: Any, read: Any) -> None:
    node = make_node("ConvTranspose", ["x", "w"], ["y"], name="up", strides=[2])
    layers = read(onnx_model([node], [1, 2, 4], [("w", whole_numbers((2, 3, 4), 3))], output_rank=3)).layers
    assert [(layer.name, layer.in_height, layer.kernel_height) for layer in layers] == [
        ("up phase 0", 1, 1),
        ("up phase 1", 1, 1),
    ]


def test_integer_weights_per_channel(onnx_model: Any, read: Any) -> None:
    """Zeros are counted in the taps of each phase, with a zero point for each output channel."""
    weights = np.random.default_rng(4).integers(-1, 2, (2, 3, 4, 4))
    zero_point = np.array([3, 5, 7], np.uint8)
    nodes = [
        make_node("QuantizeLinear", ["x", "one", "zero"], ["xq"]),
        make_node("DequantizeLinear", ["xq", "one", "zero"], ["xd"]),
        make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1),
        make_node("ConvTranspose", ["xd", "w"], ["y"], name="up", strides=[2, 2]),
    ]
    stored = (weights + zero_point.reshape(1, 3, 1, 1)).astype(np.uint8)
    tensors = [("q", stored), ("s", np.ones(3, np.float32)), ("z", zero_point)]
    tensors += [("one", np.float32(1)), ("zero", np.int16(0))]
    layers = read(onnx_model(nodes, [1, 2, 3, 3], tensors)).conv_layers
    for layer, (row, column) in zip(layers, product((0, 1), repeat=2), strict=True):
        assert (layer.activation_bits, layer.weight_bits) == (16, 8)
        assert layer.nonzero_weights == np.count_nonzero(weights[:, :, row::2, column::2])


def test_an_absurd_number_of_phases(onnx_model: Any, read: Any) -> None:
    node = make_node("ConvTranspose", ["x", "w"], ["y"], name="up", strides=[100, 100])
    with pytest.raises(SimulatorError, match="'up' has a stride of more than 4096 phases"):
        read(onnx_model([node], [1, 1, 2, 2], [("w", whole_numbers((1, 1, 100, 100), 0))]))


@pytest.mark.parametrize("pads", [[3, 0, 0, 0], [0, 0, 3, 0]])
def test_rows_that_are_cut_off_are_not_read(onnx_model: Any, read: Any, pads: list[int]) -> None:
    node = make_node("ConvTranspose", ["x", "w"], ["y"], name="up", pads=pads)
    (layer,) = read(onnx_model([node], [1, 1, 8, 8], [("w", whole_numbers((1, 1, 2, 2), 0))])).layers
    assert (layer.in_height, layer.out_height, prod((layer.in_width, layer.out_width))) == (6, 6, 8 * 9)
