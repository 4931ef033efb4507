"""The layers of a .tflite file by the tensors that they write, for estimates of others who name tensors."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqnxt_sim.frontend.tflite_file import read_tflite_file, refusing
from sqnxt_sim.frontend.tflite_graph import given, main_graph
from sqnxt_sim.frontend.tflite_names import layer_names
from sqnxt_sim.frontend.tflite_operators import onnx_name


class NamedLayer(NamedTuple):
    """A layer's name in the workload of the file, ONNX's name of its operator, and the layers that feed it."""

    name: str
    op: str
    feeders: tuple[str, ...] = ()


def layers_by_output(path: str | Path) -> dict[str, NamedLayer]:
    """Return the layer that writes each tensor of a .tflite file, by the tensor's name, in the order of execution.

    Raises:
        SimulatorError: The file is missing or broken.
    """
    file = read_tflite_file(Path(path))
    with refusing(file.path):
        graph = main_graph(file)
        names = layer_names(graph)
        found: dict[str, NamedLayer] = {}
        for node, name in zip(graph.nodes, names, strict=True):
            feeders = tuple(
                names[graph.producers[tensor]] for tensor in given(node.inputs) if tensor in graph.producers
            )
            layer = NamedLayer(name, onnx_name(graph, node), feeders)
            found |= {graph.tensors[tensor].name: layer for tensor in given(node.outputs)}
        return found
