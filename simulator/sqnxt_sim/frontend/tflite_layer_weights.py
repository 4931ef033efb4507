"""The weights of every layer of a .tflite file, without anything else of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sqnxt_sim.frontend.tflite_file import read_tflite_file, refusing
from sqnxt_sim.frontend.tflite_graph import TfliteGraph, main_graph
from sqnxt_sim.frontend.tflite_names import layer_names
from sqnxt_sim.frontend.tflite_operators import onnx_name
from sqnxt_sim.frontend.tflite_weights import trace, weight_facts, weight_operands
from sqnxt_sim.frontend.weight_facts import LayerWeights


def tflite_weights(path: Path) -> tuple[LayerWeights, ...]:
    """Return the weights of every convolution, matrix product and recurrent operator of a file, in execution order.

    Raises:
        SimulatorError: The file is missing or broken.
    """
    file = read_tflite_file(path)
    with refusing(path):
        return tuple(_layers(main_graph(file)))


def _layers(graph: TfliteGraph) -> Iterator[LayerWeights]:
    names, tensors = layer_names(graph), _unique_names(graph)
    for node, name in zip(graph.nodes, names, strict=True):
        for number in weight_operands(graph, node):
            tensor = node.inputs[number]
            facts = weight_facts(graph, tensor)
            yield LayerWeights(
                layer=name,
                op=onnx_name(graph, node),
                operand=number,
                tensor=tensors[trace(graph, tensor)[0]],
                shape=graph.shape(tensor),
                bits=facts.bits,
                nonzero=facts.nonzero,
            )


def _unique_names(graph: TfliteGraph) -> list[str]:
    """Return the names of the tensors, which the format does not promise to be unique."""
    counts = Counter(tensor.name for tensor in graph.tensors)
    return [
        tensor.name if counts[tensor.name] == 1 else f"{tensor.name} (tensor {place})"
        for place, tensor in enumerate(graph.tensors)
    ]
