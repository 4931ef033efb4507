"""An ONNX graph as a workload: every node is costed, folded, or listed as not costed."""

from math import prod
from pathlib import Path

from onnx import NodeProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.layers import ConvLayer, Uncosted, UncostedLayer, Workload
from sqnxt_sim.onnx_file import OnnxGraph, attributes, load_graph, node_name
from sqnxt_sim.onnx_operators import AFFINE, COSTED, UNCOSTED
from sqnxt_sim.onnx_weights import WeightFacts, activation_bits, constant_names, weight_facts

_ONNX_DOMAINS = ("", "ai.onnx")


def read_onnx(
    path: str | Path, *, batch: int | None = None, input_size: int | tuple[int, int] | None = None
) -> Workload:
    """The workload of an ONNX file.

    Bits come from Q/DQ nodes and initializer types, zeros from the weights themselves. A batch in the graph becomes
    the `batch` of each layer.

    Args:
        path: The .onnx file.
        batch: Size of a free batch dimension.
        input_size: Side in pixels, or (height, width), of free map dimensions.

    Raises:
        SimulatorError: the file is missing or broken, or has a dynamic shape that no argument fixes.
    """
    try:
        graph = load_graph(Path(path), batch=batch, input_size=input_size)
        constants = constant_names(graph)
        layers = tuple(_layer(graph, node, constants) for node in graph.nodes)
    except UnicodeDecodeError as error:
        # protobuf decodes names only when they are looked at
        raise SimulatorError(f"{path}: holds names that are not UTF-8; export it again") from error
    return Workload(name=graph.name, layers=layers)


def _layer(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> ConvLayer | UncostedLayer:
    if all(output in constants for output in node.output if output):
        return _uncosted(node, Uncosted.FOLDED, "constant, computed once and for all")
    if node.domain not in _ONNX_DOMAINS:
        return _uncosted(node, Uncosted.NO_MODEL, f"operator of the domain {node.domain}")
    if node.op_type in COSTED:
        layer = _conv(graph, node, constants) if node.op_type == "Conv" else _dense(graph, node, constants)
        return layer or _uncosted(node, Uncosted.NO_MODEL, "no model for operands of these shapes")
    if node.op_type in AFFINE and any(name in constants for name in node.input):
        return _uncosted(node, Uncosted.FOLDED, "a constant bias or scale, merges into the layer before")
    why, reason = UNCOSTED.get(node.op_type, (Uncosted.NO_MODEL, "no model of this operator"))
    return _uncosted(node, why, reason)


def _uncosted(node: NodeProto, why: Uncosted, reason: str) -> UncostedLayer:
    return UncostedLayer(name=node_name(node), op=node.op_type, why=why, reason=reason)


def _conv(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> ConvLayer | None:
    """A 1-D or 2-D convolution; None for other ranks. In 1-D the height is 1."""
    data, weights = _shape(graph, node, node.input[0]), _shape(graph, node, node.input[1])
    rank = len(data) - 2
    if rank not in (1, 2):
        return None
    groups, strides, dilations = _conv_attributes(node, rank)
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(weights[2:], dilations, strict=True)]
    begin, end = _pads(node, data[2:], spans, strides)
    if data[1] != weights[1] * groups:
        raise _mismatch(graph, node, f"{data[1]} input channels, {groups} groups of {weights[1]}")

    def two(values: list[int] | tuple[int, ...], missing: int) -> list[int]:
        return [missing] * (2 - rank) + list(values)

    in_height, in_width = two(data[2:], 1)
    kernel_height, kernel_width = two(weights[2:], 1)
    stride_height, stride_width = two(strides, 1)
    dilation_height, dilation_width = two(dilations, 1)
    pad_top, pad_left = two(begin, 0)
    pad_bottom, pad_right = two(end, 0)
    facts = _facts(graph, node.input[1], constants)
    layer = ConvLayer(
        name=node_name(node),
        op=node.op_type,
        in_channels=data[1],
        out_channels=weights[0],
        in_height=in_height,
        in_width=in_width,
        kernel_height=kernel_height,
        kernel_width=kernel_width,
        stride_height=stride_height,
        stride_width=stride_width,
        dilation_height=dilation_height,
        dilation_width=dilation_width,
        pad_top=pad_top,
        pad_left=pad_left,
        pad_bottom=pad_bottom,
        pad_right=pad_right,
        groups=groups,
        batch=data[0],
        weight_bits=facts.bits,
        activation_bits=activation_bits(graph, node.input[0]),
        nonzero_weights=facts.nonzero,
    )
    output = _shape(graph, node, node.output[0])
    if output != (data[0], weights[0], *(layer.out_height, layer.out_width)[2 - rank :]):
        raise _mismatch(graph, node, f"an output of {output}")
    return layer


def _conv_attributes(node: NodeProto, rank: int) -> tuple[int, list[int], list[int]]:
    """Groups, strides and dilations, by default one."""
    given = attributes(node)
    groups = given["group"].i if "group" in given else 1
    strides, dilations = (list(given[key].ints) if key in given else [1] * rank for key in ("strides", "dilations"))
    return groups, strides, dilations


def _pads(node: NodeProto, sizes: tuple[int, ...], spans: list[int], strides: list[int]) -> tuple[list[int], list[int]]:
    """Zeros before and after each spatial axis, automatic padding worked out as ONNX defines it."""
    given = attributes(node)
    mode = given["auto_pad"].s.decode() if "auto_pad" in given else "NOTSET"
    if mode == "NOTSET":
        pads = list(given["pads"].ints) if "pads" in given else [0] * (2 * len(sizes))
        return pads[: len(sizes)], pads[len(sizes) :]
    if mode == "VALID":
        return [0] * len(sizes), [0] * len(sizes)
    totals = [
        max((-(-size // stride) - 1) * stride + span - size, 0)
        for size, span, stride in zip(sizes, spans, strides, strict=True)
    ]
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (small, large) if mode == "SAME_UPPER" else (large, small)


def _dense(graph: OnnxGraph, node: NodeProto, constants: frozenset[str]) -> ConvLayer | None:
    """Gemm or MatMul with a constant matrix as a 1x1 convolution; None where the second operand is no such matrix.

    The rows of a 2-D input are a batch; in [..., rows, channels] the rows are a map that shares its weights.
    """
    data, weights = _shape(graph, node, node.input[0]), _shape(graph, node, node.input[1])
    if node.input[1] not in constants or len(weights) != 2 or len(data) < 2:
        return None
    given = attributes(node)
    if "transA" in given and given["transA"].i:
        data = data[::-1]
    in_channels, out_channels = weights[::-1] if "transB" in given and given["transB"].i else weights
    if data[-1] != in_channels:
        raise _mismatch(graph, node, f"{data[-1]} columns and {in_channels} rows")
    facts = _facts(graph, node.input[1], constants)
    return ConvLayer(
        name=node_name(node),
        op=node.op_type,
        in_channels=in_channels,
        out_channels=out_channels,
        in_height=1,
        in_width=data[-2] if len(data) > 2 else 1,
        batch=prod(data[:-2]) if len(data) > 2 else data[0],
        weight_bits=facts.bits,
        activation_bits=activation_bits(graph, node.input[0]),
        nonzero_weights=facts.nonzero,
    )


def _facts(graph: OnnxGraph, name: str, constants: frozenset[str]) -> WeightFacts:
    """Filters that the network computes as it runs count as activations without zeros."""
    if name in constants:
        return weight_facts(graph, name)
    return WeightFacts(bits=activation_bits(graph, name), nonzero=None)


def _shape(graph: OnnxGraph, node: NodeProto, name: str) -> tuple[int, ...]:
    if name not in graph.shapes:
        raise SimulatorError(
            f"{graph.name}: node {node_name(node)!r} has a dynamic shape at {name!r}; export it with static shapes"
        )
    return graph.shapes[name]


def _mismatch(graph: OnnxGraph, node: NodeProto, found: str) -> SimulatorError:
    return SimulatorError(f"{graph.name}: node {node_name(node)!r} does not fit its tensors ({found}); export it again")
