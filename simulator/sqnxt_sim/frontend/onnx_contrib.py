"""Standard operators in place of those that ONNX Runtime adds (the domain com.microsoft), for shape inference.

onnx neither checks the added operators nor infers their shapes. Each is replaced by standard operators whose output has
the same shape and type, so that onnx can check the rest of the graph strictly. Values do not matter here.

Source: docs/ContribOperators.md of github.com/microsoft/onnxruntime.
"""

from __future__ import annotations

from collections.abc import Callable

from onnx import GraphProto, NodeProto, TensorProto
from onnx.helper import make_tensor

from sqnxt_sim.frontend.onnx_contrib_sequences import attention, lstm, projected_attention
from sqnxt_sim.frontend.onnx_graph import attributes, integer, integers
from sqnxt_sim.frontend.onnx_node_builder import NodeBuilder
from sqnxt_sim.frontend.onnx_operators import LIKE_THEIR_INPUT, is_contrib

_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
_POOL = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
_FLOAT = TensorProto.FLOAT


def standard_nodes(graph: GraphProto, opset: int) -> list[NodeProto]:
    """Return the nodes of `graph` in order, with known operators of ONNX Runtime replaced by standard ones."""
    nodes = list(graph.node)
    types = {tensor.name: int(tensor.data_type) for tensor in graph.initializer}
    for node in nodes:
        if node.op_type == "Constant" and "value" in attributes(node):
            types[node.output[0]] = attributes(node)["value"].t.data_type
    return [replacement for node in nodes for replacement in _Replacement(node, types, opset).nodes()]


class _Replacement(NodeBuilder):
    """Builder of the standard nodes that replace one node of ONNX Runtime."""

    def nodes(self) -> list[NodeProto]:
        """Return the replacements, or the node itself if none are known."""
        node = self.node
        if not is_contrib(node, self.opset) or not node.output:
            return [node]
        if node.op_type in LIKE_THEIR_INPUT:
            self.last("Identity", [node.input[0]])
        elif node.op_type in _RULES:
            _RULES[node.op_type](self)
        else:
            return [node]
        return self.made

    def conv(self) -> None:
        """Replace a convolution with a fused activation, or with channels last; its `Z` is added to the result."""
        node = self.node
        last = node.op_type.startswith("Nhwc") or integer(self.given, "channels_last", 0) == 1
        rank = len(integers(self.given, "kernel_shape") or [1, 1])
        data = self.channels_first(node.input[0], rank) if last else node.input[0]
        if node.op_type == "QLinearConv":
            op, inputs = "QLinearConv", [data, *node.input[1:]]
        else:
            op, inputs = "Conv", [data, *node.input[1:3]]
        given = self.shared(_CONV)
        if last:
            self.channels_last(self.then(op, inputs, **given), rank)
        else:
            self.last(op, inputs, **given)

    def pool(self) -> None:
        """Replace average and maximum pooling of integers by MaxPool, which ONNX defines for integers too."""
        node = self.node
        last = node.op_type.startswith("Nhwc") or integer(self.given, "channels_last", 0) == 1
        rank = len(integers(self.given, "kernel_shape") or [1, 1])
        if last:
            pooled = self.then("MaxPool", [self.channels_first(node.input[0], rank)], **self.shared(_POOL))
            self.channels_last(pooled, rank)
        else:
            self.last("MaxPool", [node.input[0]], **self.shared(_POOL))

    def global_pool(self) -> None:
        """Replace global pooling; 2-D maps are assumed, because the channels-last form does not tell the rank."""
        data, last = self.to_float(self.node.input[0]), integer(self.given, "channels_last", 0) == 1
        if last:
            pooled = self.then("GlobalAveragePool", [self.channels_first(data, 2)])
            data = self.then("Transpose", [pooled], perm=[0, 2, 3, 1])
        else:
            data = self.then("GlobalAveragePool", [data])
        self.last("Cast", [data], to=self.scale_type(4))

    def reduce_mean(self) -> None:
        """Replace the mean of integers by ReduceMean, whose axes are an input from opset 18 on."""
        axes, keep = integers(self.given, "axes"), integer(self.given, "keepdims", 1)
        inputs = [self.to_float(self.node.input[0])]
        given: dict[str, object] = {"keepdims": keep}
        if axes is not None and self.opset >= 18:
            inputs.append(self.constant(make_tensor("axes", TensorProto.INT64, [len(axes)], axes)))
        elif axes is not None:
            given["axes"] = axes
        self.last("Cast", [self.then("ReduceMean", inputs, **given)], to=self.scale_type(4))

    def broadcast(self) -> None:
        """Replace sums and products of integers by Where, which broadcasts every type."""
        true = self.constant(make_tensor("true", TensorProto.BOOL, [], [True]))
        self.last("Where", [true, self.node.input[0], self.node.input[3]])

    def where(self) -> None:
        """Replace a Where that has a scale and a zero point for each operand."""
        self.last("Where", [self.node.input[index] for index in (0, 1, 4)])

    def concat(self) -> None:
        """Replace a Concat that has a scale and a zero point for each input."""
        self.last("Concat", list(self.node.input[2::3]), axis=integer(self.given, "axis", 0))

    def quantise(self) -> None:
        """Replace QuantizeLinear and DequantizeLinear, which exist in this domain for types that ONNX added later."""
        quantise = self.node.op_type == "QuantizeLinear"
        self.last(
            "Cast", [self.node.input[0]], to=self.scale_type(2) if quantise else self.scale_type(1, default=_FLOAT)
        )

    def gemm(self) -> None:
        """Replace a Gemm with a fused activation, or of integers; a QGemm without an output scale returns floats."""
        node = self.node
        transposed = self.shared(("transA", "transB"))
        if node.op_type == "FusedGemm":
            self.last("Gemm", list(node.input[:3]), **transposed)
            return
        product = self.then("Gemm", [self.to_float(node.input[0]), self.to_float(node.input[3])], **transposed)
        scaled = len(node.input) > 7 and node.input[7]
        self.last("Cast", [product], to=self.scale_type(8) if scaled else _FLOAT)

    def matmul(self) -> None:
        """Replace products of integers, which are batched like MatMul."""
        node = self.node
        to: int = TensorProto.INT32 if node.op_type == "MatMulInteger16" else _FLOAT
        if node.op_type == "MatMulIntegerToFloat":
            to = self.scale_type(2, default=_FLOAT)
        product = self.then("MatMul", [self.to_float(name) for name in node.input[:2]])
        self.last("Cast", [product], to=to)

    def fused_matmul(self) -> None:
        """Replace a MatMul that transposes the last two axes of an operand of any rank."""
        if integer(self.given, "transBatchA", 0) or integer(self.given, "transBatchB", 0):
            self.made.append(self.node)
            return
        operands = [
            self.then("Einsum", [name], equation="...ij->...ji") if integer(self.given, transposed, 0) else name
            for name, transposed in zip(self.node.input, ("transA", "transB"), strict=False)
        ]
        self.last("MatMul", operands)

    def packed_matmul(self) -> None:
        """Replace a MatMulNBits, whose K x N matrix is packed in blocks."""
        sizes = [integer(self.given, "K", 0), integer(self.given, "N", 0)]
        shape = self.constant(make_tensor("shape", TensorProto.INT64, [2], sizes))
        matrix = self.then("ConstantOfShape", [shape])
        self.last(
            "Cast", [self.then("MatMul", [self.to_float(self.node.input[0]), matrix])], to=self.scale_type(2, _FLOAT)
        )


_RULES: dict[str, Callable[[_Replacement], None]] = {
    **dict.fromkeys(("FusedConv", "NhwcConv", "NhwcFusedConv", "QLinearConv"), _Replacement.conv),
    **dict.fromkeys(("QLinearAveragePool", "NhwcMaxPool"), _Replacement.pool),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), _Replacement.broadcast),
    **dict.fromkeys(("DequantizeLinear", "QuantizeLinear"), _Replacement.quantise),
    **dict.fromkeys(("Attention", "QAttention"), projected_attention),
    **dict.fromkeys(("GroupQueryAttention", "MultiHeadAttention"), attention),
    "DynamicQuantizeLSTM": lstm,
    **dict.fromkeys(("FusedGemm", "QGemm"), _Replacement.gemm),
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul"), _Replacement.fused_matmul),
    **dict.fromkeys(("DynamicQuantizeMatMul", "MatMulInteger16", "MatMulIntegerToFloat"), _Replacement.matmul),
    "MatMulNBits": _Replacement.packed_matmul,
    "QLinearConcat": _Replacement.concat,
    "QLinearGlobalAveragePool": _Replacement.global_pool,
    "QLinearReduceMean": _Replacement.reduce_mean,
    "QLinearWhere": _Replacement.where,
}
