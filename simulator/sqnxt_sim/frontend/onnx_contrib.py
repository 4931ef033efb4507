"""Standard operators in place of those that ONNX Runtime adds (the domain com.microsoft), for shape inference.

onnx neither checks the added operators nor infers their shapes. Each is replaced by standard operators whose output has
the same shape and type, so that onnx can check the rest of the graph strictly. Values do not matter here.

Source: docs/ContribOperators.md of github.com/microsoft/onnxruntime.
"""

from __future__ import annotations

from collections.abc import Callable

from onnx import AttributeProto, GraphProto, NodeProto, TensorProto
from onnx.helper import make_attribute, make_node, make_tensor

from sqnxt_sim.frontend.onnx_graph import attributes, integer, integers, node_name
from sqnxt_sim.frontend.onnx_operators import CONTRIB_DOMAIN, LIKE_THEIR_INPUT

_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
_POOL = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
_FLOAT = TensorProto.FLOAT
# The opset in which ONNX first defines the operator.
_SINCE = {"LayerNormalization": 17, "SimplifiedLayerNormalization": 2**31}


def standard_nodes(graph: GraphProto, opset: int) -> list[NodeProto]:
    """Return the nodes of `graph` in order, with known operators of ONNX Runtime replaced by standard ones."""
    nodes = list(graph.node)
    if not any(_is_contrib(node, opset) for node in nodes):
        return nodes
    types = {tensor.name: int(tensor.data_type) for tensor in graph.initializer}
    for node in nodes:
        if node.op_type == "Constant" and "value" in attributes(node):
            types[node.output[0]] = attributes(node)["value"].t.data_type
    return [replacement for node in nodes for replacement in _Replacement(node, types, opset).nodes()]


def _is_contrib(node: NodeProto, opset: int) -> bool:
    """Tell whether ONNX Runtime defines the operator: in its own domain, or in ONNX's if ONNX does not (yet)."""
    return node.domain == CONTRIB_DOMAIN or (node.op_type in _SINCE and opset < _SINCE[node.op_type])


class _Replacement:
    """Builder of the standard nodes that replace one node of ONNX Runtime."""

    def __init__(self, node: NodeProto, types: dict[str, int], opset: int) -> None:
        self._node = node
        self._given = attributes(node)
        self._types = types
        self._opset = opset
        self._made: list[NodeProto] = []

    def nodes(self) -> list[NodeProto]:
        """Return the replacements, or the node itself if none are known."""
        node = self._node
        if not _is_contrib(node, self._opset) or not node.output:
            return [node]
        if node.op_type in LIKE_THEIR_INPUT:
            self._last("Identity", [node.input[0]])
        elif node.op_type in _RULES:
            _RULES[node.op_type](self)
        else:
            return [node]
        return self._made

    def conv(self) -> None:
        """Replace a convolution with a fused activation, or with channels last; its `Z` is added to the result."""
        node = self._node
        last = node.op_type.startswith("Nhwc") or integer(self._given, "channels_last", 0) == 1
        rank = len(integers(self._given, "kernel_shape") or [1, 1])
        data = self._channels_first(node.input[0], rank) if last else node.input[0]
        if node.op_type == "QLinearConv":
            op, inputs = "QLinearConv", [data, *node.input[1:]]
        else:
            op, inputs = "Conv", [data, *node.input[1:3]]
        given = self._shared(_CONV)
        if last:
            self._channels_last(self._then(op, inputs, **given), rank)
        else:
            self._last(op, inputs, **given)

    def pool(self) -> None:
        """Replace average and maximum pooling of integers by MaxPool, which ONNX defines for integers too."""
        node = self._node
        last = node.op_type.startswith("Nhwc") or integer(self._given, "channels_last", 0) == 1
        rank = len(integers(self._given, "kernel_shape") or [1, 1])
        if last:
            pooled = self._then("MaxPool", [self._channels_first(node.input[0], rank)], **self._shared(_POOL))
            self._channels_last(pooled, rank)
        else:
            self._last("MaxPool", [node.input[0]], **self._shared(_POOL))

    def global_pool(self) -> None:
        """Replace global pooling; 2-D maps are assumed, because the channels-last form does not tell the rank."""
        data, last = self._float(self._node.input[0]), integer(self._given, "channels_last", 0) == 1
        if last:
            pooled = self._then("GlobalAveragePool", [self._channels_first(data, 2)])
            data = self._then("Transpose", [pooled], perm=[0, 2, 3, 1])
        else:
            data = self._then("GlobalAveragePool", [data])
        self._last("Cast", [data], to=self._type(4))

    def reduce_mean(self) -> None:
        """Replace the mean of integers by ReduceMean, whose axes are an input from opset 18 on."""
        axes, keep = integers(self._given, "axes"), integer(self._given, "keepdims", 1)
        inputs = [self._float(self._node.input[0])]
        given: dict[str, object] = {"keepdims": keep}
        if axes is not None and self._opset >= 18:
            inputs.append(self._constant(make_tensor("axes", TensorProto.INT64, [len(axes)], axes)))
        elif axes is not None:
            given["axes"] = axes
        self._last("Cast", [self._then("ReduceMean", inputs, **given)], to=self._type(4))

    def broadcast(self) -> None:
        """Replace sums and products of integers by Where, which broadcasts every type."""
        true = self._constant(make_tensor("true", TensorProto.BOOL, [], [True]))
        self._last("Where", [true, self._node.input[0], self._node.input[3]])

    def where(self) -> None:
        """Replace a Where that has a scale and a zero point for each operand."""
        self._last("Where", [self._node.input[index] for index in (0, 1, 4)])

    def concat(self) -> None:
        """Replace a Concat that has a scale and a zero point for each input."""
        self._last("Concat", list(self._node.input[2::3]), axis=integer(self._given, "axis", 0))

    def quantise(self) -> None:
        """Replace QuantizeLinear and DequantizeLinear, which exist in this domain for types that ONNX added later."""
        quantise = self._node.op_type == "QuantizeLinear"
        self._last("Cast", [self._node.input[0]], to=self._type(2) if quantise else self._type(1, default=_FLOAT))

    def gemm(self) -> None:
        """Replace a Gemm with a fused activation, or of integers; a QGemm without an output scale returns floats."""
        node = self._node
        transposed = self._shared(("transA", "transB"))
        if node.op_type == "FusedGemm":
            self._last("Gemm", list(node.input[:3]), **transposed)
            return
        product = self._then("Gemm", [self._float(node.input[0]), self._float(node.input[3])], **transposed)
        scaled = len(node.input) > 7 and node.input[7]
        self._last("Cast", [product], to=self._type(8) if scaled else _FLOAT)

    def matmul(self) -> None:
        """Replace products of integers, which are batched like MatMul."""
        node = self._node
        to: int = TensorProto.INT32 if node.op_type == "MatMulInteger16" else _FLOAT
        if node.op_type == "MatMulIntegerToFloat":
            to = self._type(2, default=_FLOAT)
        product = self._then("MatMul", [self._float(name) for name in node.input[:2]])
        self._last("Cast", [product], to=to)

    def fused_matmul(self) -> None:
        """Replace a MatMul that transposes the last two axes of an operand of any rank."""
        if integer(self._given, "transBatchA", 0) or integer(self._given, "transBatchB", 0):
            self._made.append(self._node)
            return
        operands = [
            self._then("Einsum", [name], equation="...ij->...ji") if integer(self._given, transposed, 0) else name
            for name, transposed in zip(self._node.input, ("transA", "transB"), strict=False)
        ]
        self._last("MatMul", operands)

    def packed_matmul(self) -> None:
        """Replace a MatMulNBits, whose K x N matrix is packed in blocks."""
        sizes = [integer(self._given, "K", 0), integer(self._given, "N", 0)]
        shape = self._constant(make_tensor("shape", TensorProto.INT64, [2], sizes))
        matrix = self._then("ConstantOfShape", [shape])
        self._last("Cast", [self._then("MatMul", [self._float(self._node.input[0]), matrix])], to=self._type(2, _FLOAT))

    def _shared(self, names: tuple[str, ...]) -> dict[str, object]:
        """Return the node's attributes that the standard operator has too."""
        return {name: a for name, a in self._given.items() if name in names}

    def _type(self, index: int, default: int = TensorProto.UINT8) -> int:
        """Return the type of a scale or zero point, which is also the type of the tensor that it belongs to."""
        name = self._node.input[index] if index < len(self._node.input) else ""
        return self._types.get(name, default)

    def _float(self, name: str) -> str:
        return self._then("Cast", [name], to=_FLOAT)

    def _channels_first(self, name: str, rank: int) -> str:
        return self._then("Transpose", [name], perm=[0, rank + 1, *range(1, rank + 1)])

    def _channels_last(self, name: str, rank: int) -> None:
        self._last("Transpose", [name], perm=[0, *range(2, rank + 2), 1])

    def _constant(self, value: TensorProto) -> str:
        return self._then("Constant", [], value=value)

    def _then(self, op: str, inputs: list[str], **given: object) -> str:
        """Add a node with an output of its own, and return the name of that output."""
        output = f"{self._node.output[0]}/replacement {len(self._made)}"
        self._add(op, inputs, output, given)
        return output

    def _last(self, op: str, inputs: list[str], **given: object) -> None:
        """Add the node whose output takes the place of the original's output."""
        self._add(op, inputs, self._node.output[0], given)

    def _add(self, op: str, inputs: list[str], output: str, given: dict[str, object]) -> None:
        made = make_node(op, inputs, [output], name=node_name(self._node))
        for key, value in given.items():
            made.attribute.append(value if isinstance(value, AttributeProto) else make_attribute(key, value))
        self._made.append(made)


_RULES: dict[str, Callable[[_Replacement], None]] = {
    **dict.fromkeys(("FusedConv", "NhwcConv", "NhwcFusedConv", "QLinearConv"), _Replacement.conv),
    **dict.fromkeys(("QLinearAveragePool", "NhwcMaxPool"), _Replacement.pool),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), _Replacement.broadcast),
    **dict.fromkeys(("DequantizeLinear", "QuantizeLinear"), _Replacement.quantise),
    **dict.fromkeys(("FusedGemm", "QGemm"), _Replacement.gemm),
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul"), _Replacement.fused_matmul),
    **dict.fromkeys(("DynamicQuantizeMatMul", "MatMulInteger16", "MatMulIntegerToFloat"), _Replacement.matmul),
    "MatMulNBits": _Replacement.packed_matmul,
    "QLinearConcat": _Replacement.concat,
    "QLinearGlobalAveragePool": _Replacement.global_pool,
    "QLinearReduceMean": _Replacement.reduce_mean,
    "QLinearWhere": _Replacement.where,
}
