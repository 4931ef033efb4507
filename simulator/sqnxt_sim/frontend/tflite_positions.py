"""The origin of every tensor of a .tflite file: the batch and the map that the rows of a matrix come from."""

from __future__ import annotations

from sqnxt_sim.frontend.positions import Origin
from sqnxt_sim.frontend.tflite_graph import TfliteGraph, given

_ON_MAPS = frozenset(
    {
        "AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "L2_POOL_2D",
        "MAX_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SPACE_TO_DEPTH", "TRANSPOSE_CONV",
    }
)  # fmt: skip
Origins = dict[int, Origin]


def find_origins(graph: TfliteGraph) -> Origins:
    """Return the origin of every tensor that depends on the network's input."""
    origins = {tensor: _of_map(graph.shape(tensor)) for tensor in graph.inputs}
    for node in graph.nodes:
        before = next((origins[tensor] for tensor in given(node.inputs) if tensor in origins), None)
        if before is not None:
            for tensor in given(node.outputs):
                origins[tensor] = _of_map(graph.shape(tensor)) if node.op in _ON_MAPS else before
    return origins


def _of_map(shape: tuple[int, ...]) -> Origin:
    """Return the origin of a tensor [batch, height, width, channels], or of one of another rank."""
    if len(shape) < 2:
        return Origin()
    return Origin(batch=max(shape[0], 1), maps=((shape[1], shape[2]),) if len(shape) == 4 else ())
