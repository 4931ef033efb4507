"""The QuantizeLinear and DequantizeLinear nodes of a graph, with their constants."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.quantise.graph_edit import GraphEdit, channel_axis
from sqnxt_export.quantise.integer_scales import IntegerScale, divisible


class QdqPairs:
    """A maker of Q/DQ nodes that quantises each tensor once per integer type.

    Every reader gets a DequantizeLinear of its own: OpenCV 5.0 stops at an assertion where two nodes read one. In
    onnxruntime they cost nothing, neither time nor a bit of the outputs.

    Attributes:
        edit: The graph; constants are added to it.
        nodes: The nodes made so far, which the caller adds to the graph.
    """

    def __init__(self, edit: GraphEdit) -> None:
        self.edit = edit
        self.nodes: list[onnx.NodeProto] = []
        self._done: dict[tuple[str, Any], tuple[list[str], str]] = {}
        self._results: Counter[str] = Counter()

    def activation(self, tensor: str, scale: IntegerScale) -> str:
        """Quantise a tensor, dequantise it for one reader, and return the name of the result.

        A tensor that layers of two widths read is quantised for each width.
        """
        key = tensor, scale.zero_point.dtype
        if key not in self._done:
            taken = any(name == tensor for name, _ in self._done)
            name = f"{tensor}/{scale.zero_point.dtype}" if taken else tensor
            constants = [
                self.edit.add_constant(f"{name}/activation_scale", np.float32(scale.scale)),
                self.edit.add_constant(f"{name}/activation_zero_point", scale.zero_point),
            ]
            stored = f"{name}/quantized"
            self.nodes.append(
                onnx.helper.make_node("QuantizeLinear", [tensor, *constants], [stored], f"{name}/quantize")
            )
            self._done[key] = [stored, *constants], name
        inputs, name = self._done[key]
        result = self._numbered(f"{name}/dequantized")
        node = result.replace("/dequantized", "/dequantize")
        self.nodes.append(onnx.helper.make_node("DequantizeLinear", inputs, [result], node))
        return result

    def weight(
        self, node: onnx.NodeProto, dtype: type[np.signedinteger[Any]], smallest: Any = 0.0
    ) -> tuple[str, NDArray[np.float32]]:
        """Store a node's weights as integers, symmetric around zero, with a scale per output channel.

        Args:
            node: A convolution or dense layer.
            dtype: The integer type.
            smallest: Lower bound of the scales, one number or one per channel.

        Returns:
            The name of the dequantised tensor, and the scale of each output channel; the groups of a transposed
            convolution have them in common.
        """
        name, weights, axis = node.input[1], self.edit.values(node.input[1]), channel_axis(node)
        limit = np.iinfo(dtype).max
        largest = np.abs(weights).max(axis=tuple(other for other in range(weights.ndim) if other != axis))
        scales = divisible(np.maximum(largest / limit, smallest))
        shaped = np.expand_dims(scales, [other for other in range(weights.ndim) if other != axis]).astype(np.float64)
        integers = np.clip(np.round(weights / shaped), -limit, limit).astype(dtype)
        return self._dequantize(name, integers, scales, axis), scales

    def bias(self, node: onnx.NodeProto, scales: NDArray[np.float32]) -> str:
        """Store a node's bias as int32 with the given scale per channel, and return the dequantised tensor's name."""
        limit = np.iinfo(np.int32).max
        rounded = np.round(self.edit.values(node.input[2]).astype(np.float64) / scales)
        integers = np.clip(rounded, -limit, limit).astype(np.int32)
        return self._dequantize(node.input[2], integers, scales.astype(np.float32))

    def _dequantize(self, name: str, integers: Any, scales: NDArray[np.float32], axis: int = 0) -> str:
        """Store integers, once for all readers with the same scales, and dequantise them for one reader."""
        key = name, (integers.dtype, scales.tobytes())
        if key not in self._done:
            stored = self._numbered(name)
            self._done[key] = (
                [
                    self.edit.add_constant(f"{stored}/quantized", integers),
                    self.edit.add_constant(f"{stored}/scale", scales),
                    self.edit.add_constant(f"{stored}/zero_point", np.zeros(len(scales), integers.dtype)),
                ],
                stored,
            )
        inputs, stored = self._done[key]
        result = self._numbered(f"{stored}/dequantized")
        node = result.replace("/dequantized", "/dequantize")
        self.nodes.append(onnx.helper.make_node("DequantizeLinear", inputs, [result], node, axis=axis))
        return result

    def _numbered(self, name: str) -> str:
        """Return the name, with a number from its second use on."""
        self._results[name] += 1
        return f"{name}_{self._results[name]}" if self._results[name] > 1 else name
