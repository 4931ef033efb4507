"""Names of the layers of a .tflite file, which has none: they are traced in the names of its tensors.

TensorFlow's converter names a tensor after all operators that it fused, separated by semicolons, each with the path of
its layer: `net/conv1_relu/Relu;net/conv1_bn/FusedBatchNormV3;net/conv1/Conv2D`. The kernel of that layer is called
`net/conv1/Conv2D`, so the layer is conv1 of the model net.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from sqnxt_sim.frontend.tflite_graph import TfliteGraph, given
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_weights import trace, weight_operands

# Last words of a path that are TensorFlow's operators or their operands, perhaps with a number that makes them unique.
_OPERATION = re.compile(
    r"(AddV2|AvgPool|BatchMatMul(V2)?|BiasAdd|Const|Conv[123]D|Einsum|Elu|ExpandDims|FakeQuantWithMinMaxVars|LeakyRelu"
    r"|FusedBatchNorm(V[23])?|MatMul|MaxPool|Mean|Mul|Pad|ReadVariableOp|Relu6?|Reshape|Shape|Sigmoid|Softmax|Squeeze"
    r"|Sum|Tanh|Tensordot|Transpose|add|concat|conv2d_transpose|depthwise|mul|resource|separable_conv2d|strided_slice|sub"
    r"|transpose|weights(_quant)?)[_\d]*"
)
_KERNEL = re.compile(
    r"(BatchMatMul(V2)?|Conv[123]D|Einsum|MatMul|Tensordot|conv2d_transpose|depthwise|separable_conv2d)[_\d]*"
)
_FOLLOWER = re.compile(r"_(activation|add|bn|relu6?|softmax)$")
"""What builders of networks append to the name of a convolution for the layer behind it."""
_GENERIC = re.compile(r"(StatefulPartitionedCall|PartitionedCall|Identity)(_\d+)?(:\d+)?\d*")


def layer_names(graph: TfliteGraph) -> list[str]:
    """Return a name for each node, each once: that of its layer where a tensor tells it, else that of its output.

    Nodes with weights choose first. Others that would have the same name get that of their operator behind it.
    """
    model = _common_prefix(graph)
    names: dict[int, str] = {}
    taken: Counter[str] = Counter()
    with_weights = {place for place, node in enumerate(graph.nodes) if any(True for _ in weight_operands(graph, node))}
    for place in sorted(range(len(graph.nodes)), key=lambda place: (place not in with_weights, place)):
        node = graph.nodes[place]
        name = _of_kernel(graph, node, model) if place in with_weights else _of_output(graph, node, model)
        if taken[name] and place not in with_weights:
            name = f"{name}/{node.op.lower()}"
        taken[name] += 1
        names[place] = name if taken[name] == 1 else f"{name} {taken[name]}"
    return [names[place] for place in range(len(graph.nodes))]


def _of_kernel(graph: TfliteGraph, node: TfliteOperator, model: str) -> str:
    """Return the layer that a node's kernel is named after.

    A grouped convolution loses its path, but the layers that are fused with it keep theirs.
    """
    kernel = next(graph.tensors[trace(graph, node.inputs[number])[0]].name for number in weight_operands(graph, node))
    paths = [path for path in _paths(kernel) if len(path) > 1]
    own = [path for path in paths if _KERNEL.fullmatch(path[-1])]
    if found := _trimmed(own[-1:], model):
        return found
    if found := _trimmed(paths + _paths(_output(graph, node)), model):
        return _FOLLOWER.sub("", found)
    return _of_output(graph, node, model)


def _of_output(graph: TfliteGraph, node: TfliteOperator, model: str) -> str:
    output = _output(graph, node)
    paths = [path for path in _paths(output) if not _GENERIC.fullmatch(path[-1])]
    return _trimmed(paths[-1:], model) or output or node.op


def _output(graph: TfliteGraph, node: TfliteOperator) -> str:
    return next((graph.tensors[tensor].name for tensor in given(node.outputs)), "")


def _paths(name: str) -> list[list[str]]:
    parts = (part.removesuffix("/float16") for part in name.split(";"))
    return [[word for word in part.split("/") if word] for part in parts if part.strip("/")]


def _trimmed(paths: Sequence[Sequence[str]], model: str) -> str:
    """Return the first path that names a layer, without the model's name in front and operators at its end."""
    for path in paths:
        words = list(path[1:] if path[0] == model and len(path) > 1 else path)
        while len(words) > 1 and _OPERATION.fullmatch(words[-1]):
            words.pop()
        if _is_depthwise_half(path):
            words.append("depthwise")
        if not _GENERIC.fullmatch(words[-1]) and (len(words) > 1 or not _KERNEL.fullmatch(words[0])):
            return "/".join(words)
    return ""


def _is_depthwise_half(path: Sequence[str]) -> bool:
    """Tell whether a path is that of the first half of a separable convolution, which is a layer of its own here."""
    return len(path) > 2 and path[-1].startswith("depthwise") and path[-2].startswith("separable_conv2d")


def _common_prefix(graph: TfliteGraph) -> str:
    """Return the first word of all paths, which is the model's name; empty if they differ."""
    firsts = Counter(_firsts(graph))
    most = firsts.most_common(1)
    return most[0][0] if most and most[0][1] > 0.8 * firsts.total() else ""


def _firsts(graph: TfliteGraph) -> Iterator[str]:
    for tensor in graph.tensors:
        for path in _paths(tensor.name):
            if len(path) > 2:
                yield path[0]
