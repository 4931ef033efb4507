"""An ONNX file as a workload: every node becomes a layer, or an entry that says why it is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from onnx import NodeProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.onnx_affine import is_affine, merged_affines
from sqnxt_sim.frontend.onnx_constants import constant_names
from sqnxt_sim.frontend.onnx_convolutions import convolution_layer
from sqnxt_sim.frontend.onnx_dense import dense_layer
from sqnxt_sim.frontend.onnx_graph import OnnxGraph, node_name
from sqnxt_sim.frontend.onnx_loading import load_graph
from sqnxt_sim.frontend.onnx_memory import graph_memory
from sqnxt_sim.frontend.onnx_operators import (
    ATTENTION,
    CONVOLUTIONS,
    DENSE,
    OFF_ARRAY,
    RECURRENT,
    TRANSPOSED,
    WITH_BRANCHES,
    operator,
)
from sqnxt_sim.frontend.onnx_positions import Origins, find_origins
from sqnxt_sim.frontend.onnx_vector_work import vector_work
from sqnxt_sim.frontend.reasons import CONSTANT, MERGES, MERGES_NOT, NO_SHAPE
from sqnxt_sim.frontend.sizes import checked_sizes
from sqnxt_sim.workload import ConvLayer, OffArrayNode, OffArrayReason, Workload


def read_onnx(
    path: str | Path,
    *,
    batch: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    dims: Mapping[str, int] | None = None,
) -> Workload:
    """Read the workload of an ONNX file.

    Bits come from Q/DQ nodes and from the types of integer tensors; zeros are counted in the weights. A batch in the
    graph becomes the `batch` of each layer. A ConvTranspose becomes one layer for each phase of its stride, an LSTM or
    an attention one layer for each of its matrix products.

    Args:
        path: The .onnx file.
        batch: Size of a free batch dimension.
        input_size: Side in pixels, or (height, width), of free map dimensions; the length of a 1-D map.
        dims: Sizes of free dimensions by name, as in `{"seq": 128}`; `input:axis` names one that has no name.

    Raises:
        SimulatorError: The file is missing or broken, or a shape is dynamic and no argument fixes it.
    """
    try:
        graph = load_graph(Path(path), checked_sizes(Path(path), batch, input_size, dims))
        constants = constant_names(graph)
        origins = find_origins(graph)
        layers = [_layers(graph, node, constants, origins) for node in graph.nodes]
        merged = merged_affines(graph, layers, constants)
        rows: list[tuple[ConvLayer | OffArrayNode, ...]] = [
            made or (_off_array(graph, node, constants, merged),)
            for node, made in zip(graph.nodes, layers, strict=True)
        ]
        folded = [isinstance(row[0], OffArrayNode) and row[0].why is OffArrayReason.FOLDED for row in rows]
        live = graph_memory(graph, folded, constants)
    except UnicodeDecodeError as error:
        # protobuf decodes a name only when it is read.
        raise SimulatorError(path, "holds names that are not UTF-8", "export it again") from error
    return Workload(
        name=graph.name,
        layers=tuple(layer for row in rows for layer in row),
        live=live,
        input_shapes=tuple(graph.shapes[name] for name in graph.inputs if name in graph.shapes),
    )


def _layers(graph: OnnxGraph, node: NodeProto, constants: frozenset[str], origins: Origins) -> tuple[ConvLayer, ...]:
    """Return the layers of a node that the array runs; none for other nodes."""
    if _is_constant(node, constants):
        return ()
    op = operator(node)
    if op in CONVOLUTIONS:
        layer = convolution_layer(graph, node, constants)
    elif op in DENSE:
        layer = dense_layer(graph, node, constants, origins)
    else:
        return tuple(_rare_layers(graph, node, constants, origins))
    return (layer,) if layer else ()


def _rare_layers(graph: OnnxGraph, node: NodeProto, constants: frozenset[str], origins: Origins) -> list[ConvLayer]:
    """Return the layers of operators that few graphs have, so that only these import what reads them."""
    op = operator(node)
    if op in TRANSPOSED:
        from sqnxt_sim.frontend.onnx_transposed import transposed_layers

        return transposed_layers(graph, node, constants) or []
    if op in RECURRENT:
        from sqnxt_sim.frontend.onnx_recurrent import recurrent_layers

        return recurrent_layers(graph, node, constants)
    if op in ATTENTION:
        from sqnxt_sim.frontend.onnx_attention import attention_layers

        return attention_layers(graph, node, constants) or []
    if op == "Einsum":
        from sqnxt_sim.frontend.onnx_einsum import einsum_layer

        layer = einsum_layer(graph, node, constants, origins)
        return [layer] if layer else []
    return []


def _is_constant(node: NodeProto, constants: frozenset[str]) -> bool:
    return all(output in constants for output in node.output if output)


def _off_array(graph: OnnxGraph, node: NodeProto, constants: frozenset[str], merged: frozenset[str]) -> OffArrayNode:
    """Return the entry of a node that is not a layer, with the reason and the work for a vector unit."""
    op = operator(node)
    why, reason = OFF_ARRAY.get(op, (OffArrayReason.NO_MODEL, "no model of this operator"))
    if _is_constant(node, constants):
        why, reason = OffArrayReason.FOLDED, CONSTANT
    elif not op:
        reason = f"operator of the domain {node.domain}"
    elif op in WITH_BRANCHES:
        reason = f"what is inside the {op} is left out"
    elif op in CONVOLUTIONS or op in DENSE or op in TRANSPOSED or op in ATTENTION or op == "Einsum":
        reason = NO_SHAPE
    elif next(iter(node.output), "") in merged:
        why, reason = OffArrayReason.FOLDED, MERGES
    elif is_affine(node, constants):
        reason = MERGES_NOT
    row = OffArrayNode(name=node_name(node), op=node.op_type, why=why, reason=reason)
    return replace(row, work=vector_work(graph, node, constants)) if why is OffArrayReason.NOT_COSTED else row
