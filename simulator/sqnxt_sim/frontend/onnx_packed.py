"""Matrices of 2 to 8 bits that ONNX Runtime packs into bytes, block by block: MatMulNBits.

Source: docs/ContribOperators.md of github.com/microsoft/onnxruntime.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto

from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, integer
from sqnxt_sim.frontend.onnx_operators import DENSE, operator
from sqnxt_sim.frontend.onnx_values import constant_values
from sqnxt_sim.frontend.weight_facts import Mask

_WIDTHS = (2, 4, 8)


def packed_bits(node: NodeProto) -> int:
    """Return the width of the weights of a MatMulNBits."""
    return integer(attributes(node), "bits", 4)


def packed_sizes(node: NodeProto) -> tuple[int, int]:
    """Return the input and the output channels of a MatMulNBits."""
    given = attributes(node)
    return integer(given, "K", 0), integer(given, "N", 0)


def packed_mask(graph: OnnxGraph, node: NodeProto) -> Mask | None:
    """Return a mask [input channels, output channels] of the weights that differ from the zero point of their block.

    The zero point is half the range of the integers where none is given. The result is None if the values are computed,
    or are not as many as the node's attributes ask for.

    Example: at 4 bits, two weights share a byte, the first one in its low half. 40 input channels in blocks of 32 are
    two blocks, the second of which has 24 weights too many.
    """
    (inputs, outputs), bits = packed_sizes(node), packed_bits(node)
    block = integer(attributes(node), "block_size", 0)
    packed = constant_values(graph, node.input[1])
    if packed is None or packed.dtype != np.uint8 or bits not in _WIDTHS or min(inputs, outputs, block) < 1:
        return None
    blocks = -(-inputs // block)
    if packed.size * 8 != outputs * blocks * block * bits:
        return None
    zeros = _zero_points(graph, node, (outputs, blocks), bits)
    if zeros is None:
        return None
    values = _unpacked(packed.reshape(-1), bits).reshape(outputs, blocks, block)
    return np.asarray((values != zeros[..., None]).reshape(outputs, -1)[:, :inputs].T)


def _zero_points(graph: OnnxGraph, node: NodeProto, shape: tuple[int, int], bits: int) -> NDArray[Any] | None:
    place = DENSE[operator(node)].zero_point
    if place is None or place >= len(node.input) or not node.input[place]:
        return np.full(shape, 2 ** (bits - 1))
    values = constant_values(graph, node.input[place])
    if values is not None and values.dtype == np.uint8 and values.size % shape[0] == 0:
        # Every row of zero points begins with a byte of its own.
        values = _unpacked(values.reshape(shape[0], -1), bits)[:, : shape[1]]
    return None if values is None or values.size != shape[0] * shape[1] else values.reshape(shape)


def _unpacked(values: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Return the integers of every byte along the last axis, the one in the lowest bits first."""
    parts = [(values >> shift) & (2**bits - 1) for shift in range(0, 8, bits)]
    return np.stack(parts, axis=-1).reshape(*values.shape[:-1], -1)
