"""The operator set of an ONNX graph: the lowest that its operators and types have, so that older runtimes open it.

onnxruntime below 1.18 and several other readers refuse operator set 21, which only 16-bit Q/DQ nodes need. A graph is
relabelled, not rewritten: its nodes must mean the same in both sets, which the schemas of the onnx package and the
table below decide.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping

import onnx

from sqnxt_export.errors import ExportError

LOWEST = 13
"""The first operator set with a scale per channel in DequantizeLinear; no lower one is written."""
_LEAST_IR = 8
"""IR version of 2021; onnxruntime 1.15 was tried, and runs these graphs bit for bit as 1.31 does."""
_CHANGED_MEANING = {"GroupNormalization": 21}
"""Operator -> the first operator set in which it means what it means in 21, where schemas do not tell."""


def with_opset(model: onnx.ModelProto, wanted: int | None = None) -> onnx.ModelProto:
    """Relabel a graph for the lowest operator set that its operators and types have, or for `wanted`; return it.

    The IR version follows, and the shapes of intermediate tensors stay.

    Raises:
        ExportError: The graph needs a higher set than `wanted`, or the onnx package does not know `wanted`.
    """
    lowest, reason = _lowest(model)
    version = lowest if wanted is None else wanted
    if version < lowest:
        raise ExportError(f"opset {wanted}", f"{reason} needs {lowest}", f"use `opset={lowest}` or leave `opset` out")
    _set_version(model, version)
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators that a model asks for; 0 if it asks for none."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def _set_version(model: onnx.ModelProto, version: int) -> None:
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = version
    known = onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", version)], ignore_unknown=True)
    model.ir_version = max(known, _LEAST_IR)


def _lowest(model: onnx.ModelProto) -> tuple[int, str]:
    """Return the lowest operator set that every node has, and what needs it."""
    types = _known_types(model)
    highest, reason = LOWEST, "every graph"
    for node in _nodes(model.graph):
        if node.domain not in ("", "ai.onnx"):
            continue
        given = tuple(types.get(name, "") for name in node.input)
        needed = _needed_by(node.op_type, given, len(node.output), frozenset(item.name for item in node.attribute))
        if needed > highest:
            sixteen = " of 16-bit integers" * ("tensor(int16)" in given or "tensor(uint16)" in given)
            highest, reason = needed, f"operator {node.op_type}{sixteen}"
    return highest, reason


@functools.lru_cache(maxsize=1024)
def _needed_by(op: str, types: tuple[str, ...], outputs: int, attributes: frozenset[str]) -> int:
    """Return the lowest operator set in which a node of these input types and attributes is valid."""
    first = max(LOWEST, _CHANGED_MEANING.get(op, 0))
    newest: int = onnx.defs.onnx_opset_version()
    for version in range(first, newest + 1):
        try:
            schema = onnx.defs.get_schema(op, version, "")
        except onnx.defs.SchemaError:
            continue
        if _is_valid(schema, types, outputs, attributes):
            return version
    return newest


def _is_valid(schema: onnx.defs.OpSchema, types: tuple[str, ...], outputs: int, attributes: frozenset[str]) -> bool:
    if not schema.min_input <= len(types) <= schema.max_input or outputs > schema.max_output:
        return False
    required = {name for name, attribute in schema.attributes.items() if attribute.required}
    if not required <= attributes <= set(schema.attributes):
        return False
    parameters = list(schema.inputs)
    return all(
        not kind or kind in parameters[min(place, len(parameters) - 1)].types for place, kind in enumerate(types)
    )


def _known_types(model: onnx.ModelProto) -> Mapping[str, str]:
    """Return the type of every tensor that says it: constants, inputs and what the graph describes."""
    graph = model.graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kinds.setdefault(value.name, value.type.tensor_type.elem_type)
    names = onnx.TensorProto.DataType
    return {name: f"tensor({names.Name(kind).lower()})" for name, kind in kinds.items() if kind}


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield every node of a graph, including those of its branches and loops."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _nodes(inner)
