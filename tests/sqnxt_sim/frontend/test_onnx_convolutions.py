"""Convolutions become layers with the output that onnx infers, and a batch has its cost."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx.helper import make_node
from onnx.reference import ReferenceEvaluator

from helpers.onnx_graphs import floats
from sqnxt_sim import load_accelerator, simulate_workload

ACCELERATOR = load_accelerator("squeezelerator-8x8")
CONV = make_node("Conv", ["x", "w"], ["y"], name="conv")


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[dict[str, Any], list[int], list[int]]:
    """Draw attributes, input shape and weight shape of a Conv node in 1-D to 3-D."""
    rank = draw(st.integers(1, 3))

    def each(low: int, high: int) -> list[int]:
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
def test_convolutions_have_the_shape_that_onnx_computes(onnx_model: Any, read: Any, convolution: Any) -> None:
    attributes, data, weights = convolution
    proto = onnx_model(
        [make_node("Conv", ["x", "w"], ["y"], **attributes)],
        data,
        [("w", floats(*weights))],
        output_rank=len(data),
    )
    try:
        (result,) = ReferenceEvaluator(proto).run(None, {"x": floats(*data)})
    except Exception:
        assume(False)
    assume(result.size)
    (layer,) = read(proto).layers
    spatial = (layer.out_height, layer.out_width)[max(4 - len(data), 0) :]
    # every slice of a volume is an image of its own
    assert layer.batch == result.shape[0] * prod(result.shape[2:-2])
    assert (layer.out_channels, *spatial) == (result.shape[1], *result.shape[2:][-2:])
    # Independent of any shape formula: each output value takes one MAC for each weight of its filter.
    assert layer.macs == result.size * prod(weights[1:])
    assert layer.nonzero_weights == prod(weights)


def test_a_batch_multiplies_the_cost(onnx_model: Any, read: Any) -> None:
    one, four = (
        simulate_workload(read(onnx_model([CONV], [n, 3, 8, 8], [("w", floats(4, 3, 3, 3))])), ACCELERATOR)
        for n in (1, 4)
    )
    assert four.cycles == 4 * one.cycles
    assert four.macs == 4 * one.macs
    assert four.dram_bytes == 4 * one.dram_bytes
    assert four.energy.total == pytest.approx(4 * one.energy.total)
