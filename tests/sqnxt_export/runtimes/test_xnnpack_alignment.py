"""XNNPACK's operators beside those of a file."""

from __future__ import annotations

import time

import pytest

from sqnxt_export.runtimes.xnnpack_alignment import aligned

CASES = {
    "padding that became part of a convolution, and an activation of its own": (
        ["PAD", "CONV_2D", "ADD"],
        ["Convolution (NHWC, F32) IGEMM", "Add (ND)", "Clamp (NC)"],
        [1, 2, 2],
    ),
    "padding of its own": (["PAD", "CONV_2D"], ["Constant Pad (ND, X32)", "Convolution (NHWC, F32) IGEMM"], [0, 1]),
    "hybrid kernels": (
        ["CONV_2D", "FULLY_CONNECTED", "SOFTMAX"],
        [
            "Convert (NC, F32, QDU8)", "Convolution (NHWC, QDU8, F32, QC8W) IGEMM", "Convert (NC, F32, QDU8)",
            "Fully Connected (NC, QDU8, F32, QC8W) GEMM", "Softmax (NC, F32)",
        ],
        [0, 0, 1, 1, 2],
    ),
    "borders of integers": (
        ["QUANTIZE", "CONV_2D", "DEQUANTIZE"],
        ["Convert (NC)", "Convolution (NHWC, QC8) IGEMM", "Convert (NC)"],
        [0, 1, 2],
    ),
    "a joined map of several copies, and one of none": (
        ["CONCATENATION", "CONV_2D", "CONCATENATION", "MEAN"],
        ["Copy (NC, X32)", "Copy (NC, X32)", "Fully Connected (NC, F32) GEMM", "Mean (ND) Reduce2"],
        [0, 0, 1, 3],
    ),
    "what only changes the shape": (
        ["RESHAPE", "FULLY_CONNECTED", "RESHAPE", "LOGISTIC"],
        ["Fully Connected (NC, F32) GEMM", "Copy (NC, X32)", "Sigmoid (NC)"],
        [1, 2, 3],
    ),
    "a map that is split, and joined in another order": (
        ["SPLIT", "CONCATENATION"],
        ["Copy (NC, X32)", "Copy (NC, X32)"],
        [0, 1],
    ),
    "a foreign operator": (
        ["CONV_2D", "MUL"],
        ["Convolution (NHWC, F32) IGEMM", "Normalize (NC)", "Multiply (ND)"],
        [0, None, 1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_they_are_aligned(name: str) -> None:
    nodes, operators, places = CASES[name]
    assert aligned(nodes, [3] * len(nodes), operators) == places


def test_a_long_network_takes_no_time_to_speak_of() -> None:
    nodes = ["PAD", "CONV_2D", "ADD"] * 150
    operators = ["Convolution (NHWC, F32) IGEMM", "Add (ND)", "Clamp (NC)"] * 150
    began = time.process_time()
    places = aligned(nodes, [3] * len(nodes), operators)
    assert time.process_time() - began < 3
    assert places == [3 * block + place for block in range(150) for place in (1, 2, 2)]
