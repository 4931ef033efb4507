"""A .tflite file as a workload: every operator becomes a layer, or an entry that says why it is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqnxt_sim.frontend.memory import Step, TensorSize, live_activations
from sqnxt_sim.frontend.reasons import MERGES
from sqnxt_sim.frontend.sizes import checked_sizes
from sqnxt_sim.frontend.tflite_affine import merged_affines
from sqnxt_sim.frontend.tflite_batch import images_per_call, with_batch
from sqnxt_sim.frontend.tflite_convolutions import convolution_layer, volume_layer
from sqnxt_sim.frontend.tflite_dense import dense_layer, matmul_layer
from sqnxt_sim.frontend.tflite_file import read_tflite_file, refusing
from sqnxt_sim.frontend.tflite_folding import CONVOLUTIONS, MapInput, Merged, merged_nodes
from sqnxt_sim.frontend.tflite_graph import TfliteGraph, given, main_graph
from sqnxt_sim.frontend.tflite_names import layer_names
from sqnxt_sim.frontend.tflite_off_array import has_free_shape, is_constant, off_array_node
from sqnxt_sim.frontend.tflite_operators import VIEWS, onnx_name
from sqnxt_sim.frontend.tflite_parts import TfliteOperator
from sqnxt_sim.frontend.tflite_positions import Origins, find_origins
from sqnxt_sim.frontend.tflite_recurrent import RECURRENT, recurrent_layers
from sqnxt_sim.frontend.tflite_transposed import transposed_layers
from sqnxt_sim.workload import ConvLayer, LiveActivations, OffArrayNode, OffArrayReason, Workload

Row = Sequence[ConvLayer | OffArrayNode]
# Their outputs are their inputs under another name: the integers in front of a DEQUANTIZE are kept as they are.
_SHARING = VIEWS | {"DEQUANTIZE"}


def read_tflite(
    path: str | Path,
    *,
    batch: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    dims: Mapping[str, int] | None = None,
) -> Workload:
    """Read the workload of a .tflite file: the same as that of the ONNX file of the same model.

    Bits come from the types of the tensors; zeros are counted in the weights, int4 and sparse ones included. Operators
    have ONNX's names. Layers have the names of Keras layers where the names of tensors tell them.

    Args:
        path: The .tflite file. Its first graph is read.
        batch: Size of a free batch dimension.
        input_size: Side in pixels, or (height, width), to be compared with the one size that the file has.
        dims: Refused, since dimensions of a .tflite file have no names; here for callers that take both formats.

    Raises:
        SimulatorError: The file is missing or broken, or a size is free that no argument can fix.
    """
    file = read_tflite_file(Path(path))
    sizes = checked_sizes(file.path, batch, input_size, dims)
    with refusing(file.path):
        graph = main_graph(file)
        factor = images_per_call(graph, file.path, sizes)
        merged, names = merged_nodes(graph), layer_names(graph)
        origins = find_origins(graph)
        layers = [_layers(graph, place, names[place], merged, origins) for place in range(len(graph.nodes))]
        reasons = {**dict.fromkeys(merged_affines(graph, layers), MERGES), **merged.reasons}
        rows: list[Row] = [
            layers[place] or [off_array_node(graph, node, names[place], reasons.get(place))]
            for place, node in enumerate(graph.nodes)
        ]
        live = _live(graph, rows, names, merged)
    workload = Workload(
        name=graph.name,
        layers=tuple(layer for row in rows for layer in row),
        live=live,
        input_shapes=tuple(graph.shape(tensor) for tensor in graph.inputs),
    )
    return with_batch(workload, factor)


def _layers(graph: TfliteGraph, place: int, name: str, merged: Merged, origins: Origins) -> Sequence[ConvLayer]:
    """Return the layers of a node that the array runs; none for other nodes."""
    node = graph.nodes[place]
    if node.is_custom or is_constant(graph, node) or has_free_shape(graph, node):
        return []
    return _on_array(graph, node, name, merged.inputs.get(place), origins)


def _on_array(
    graph: TfliteGraph, node: TfliteOperator, name: str, map_input: MapInput | None, origins: Origins
) -> Sequence[ConvLayer]:
    """Return the layers of a node by its operator; none for other operators, or if there is no model of its shapes."""
    layers: Sequence[ConvLayer | None] = []
    if node.op in CONVOLUTIONS:
        layers = [convolution_layer(graph, node, name, map_input)]
    elif node.op == "CONV_3D":
        layers = [volume_layer(graph, node, name)]
    elif node.op == "FULLY_CONNECTED":
        layers = [dense_layer(graph, node, name, origins)]
    elif node.op == "BATCH_MATMUL":
        layers = [matmul_layer(graph, node, name, origins)]
    elif node.op == "TRANSPOSE_CONV":
        layers = transposed_layers(graph, node, name)
    elif node.op in RECURRENT:
        layers = recurrent_layers(graph, node, name, onnx_name(graph, node))
    return [layer for layer in layers if layer is not None]


def _live(graph: TfliteGraph, rows: list[Row], names: list[str], merged: Merged) -> tuple[LiveActivations, ...]:
    """Return the activations that are alive while each node runs; empty if a shape is known only at run time.

    State that lives from call to call is always there. A map that only a convolution's border or dilation rearranges is
    never stored in that form.
    """
    active = [place for place in range(len(graph.nodes)) if not is_constant(graph, graph.nodes[place])]
    if any(has_free_shape(graph, graph.nodes[place]) for place in active):
        return ()
    sizes = {
        tensor: TensorSize(values=found.size, bits=graph.bits(tensor))
        for tensor, found in enumerate(graph.tensors)
        if tensor not in graph.constants
    }
    steps = []
    for place in active:
        node, (entry, *_) = graph.nodes[place], rows[place]
        if place in merged.reasons:
            sizes[graph.result(node)] = sizes[graph.operand(node, 0)]
        steps.append(
            Step(
                name=names[place],
                reads=list(given(node.inputs)),
                writes=list(given(node.outputs)),
                is_folded=isinstance(entry, OffArrayNode) and entry.why is OffArrayReason.FOLDED,
                is_view=node.op in _SHARING or place in merged.reasons,
            )
        )
    state = [tensor for tensor, found in enumerate(graph.tensors) if found.is_variable]
    return live_activations(steps, sizes, inputs=[*graph.inputs, *state], outputs=[*graph.outputs, *state])
