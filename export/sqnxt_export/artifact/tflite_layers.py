"""The operators of a .tflite file by the names of their layers, and how they are connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqnxt_export.artifact.frontend_errors import as_export_errors
from sqnxt_sim.frontend.tflite_file import read_tflite_file, refusing
from sqnxt_sim.frontend.tflite_graph import given, main_graph
from sqnxt_sim.frontend.tflite_names import layer_names
from sqnxt_sim.frontend.tflite_operators import onnx_name


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOperator:
    """One operator of a file.

    Attributes:
        name: Its layer, as in a simulation of the file.
        op: TensorFlow Lite's name of it; a custom one's own.
        onnx_op: ONNX's name of it; TensorFlow Lite's where ONNX has none.
        inputs: Places of the tensors that it reads.
        outputs: Places of the tensors that it writes.
        is_constant: Whether its outputs are the same in every run, as converted weights are.
    """

    name: str
    op: str
    onnx_op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    is_constant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteLayers:
    """The operators that a runtime runs, in execution order.

    Attributes:
        operators: The operators.
        sides: Name of each input -> its sides, -1 where one is free.
        producers: Place of a tensor -> place of the operator that writes it.
        readers: Place of a tensor -> places of the operators that read it.
    """

    operators: tuple[NamedOperator, ...]
    sides: Mapping[str, tuple[int, ...]]
    producers: Mapping[int, int]
    readers: Mapping[int, tuple[int, ...]]


def read_tflite_layers(path: Path) -> TfliteLayers:
    """Read the main graph of a file.

    Raises:
        ExportError: The file is not a .tflite file, is cut short, or is inconsistent.
    """
    with as_export_errors(), refusing(path):
        graph = main_graph(read_tflite_file(path))
        inputs = [graph.tensors[tensor] for tensor in graph.inputs]
        return TfliteLayers(
            operators=tuple(
                NamedOperator(
                    name=name,
                    op=node.op,
                    onnx_op=onnx_name(graph, node),
                    inputs=tuple(given(node.inputs)),
                    outputs=tuple(given(node.outputs)),
                    is_constant=all(tensor in graph.constants for tensor in given(node.outputs)),
                )
                for node, name in zip(graph.nodes, layer_names(graph), strict=True)
            ),
            sides={tensor.name: tensor.signature or tensor.shape for tensor in inputs},
            producers=graph.producers,
            readers=graph.readers,
        )
