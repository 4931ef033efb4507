"""The main graph of a .tflite file in execution order, and what is known of its tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.tflite_inlining import inlined
from sqnxt_sim.frontend.tflite_parts import TfliteFile, TfliteOperator, TfliteTensor

_FLOATS = frozenset({"float16", "float32", "float64", "bfloat16"})
_NO_INTEGERS = _FLOATS | {"complex64", "complex128", "string", "resource", "variant", "unknown"}
_UNPREDICTABLE = frozenset(
    {
        "CALL", "CALL_ONCE", "IF", "MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "READ_VARIABLE",
        "STABLEHLO_RNG_BIT_GENERATOR", "VAR_HANDLE", "WHILE",
    }
)  # fmt: skip
"""Operators whose output may vary although their inputs do not."""
_SHAPES = frozenset({"RANK", "SHAPE"})
"""Operators that read no values, only shapes, which are fixed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteGraph:
    """A graph by numbers: tensors and nodes are named by their place in `tensors` and `nodes`.

    `producers` maps a tensor to the node that writes it, and `readers` to those that read it. `constants` are the
    tensors that do not depend on the network's input. `free` are those with a size that is known only when the file
    runs, apart from the batch.
    """

    name: str
    tensors: tuple[TfliteTensor, ...]
    nodes: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    producers: dict[int, int]
    readers: dict[int, tuple[int, ...]]
    constants: frozenset[int]
    free: frozenset[int]

    def producer(self, tensor: int) -> TfliteOperator | None:
        """Return the node that writes a tensor; None for inputs and stored constants."""
        place = self.producers.get(tensor)
        return None if place is None else self.nodes[place]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return the shape of a tensor."""
        return self.tensors[tensor].shape

    def bits(self, tensor: int) -> int | None:
        """Return the width of integers; None for floats."""
        kind = self.tensors[tensor].kind
        return None if kind.name in _NO_INTEGERS else kind.bits

    def mismatch(self, node: TfliteOperator, found: str) -> SimulatorError:
        """Return the error for a node whose tensors contradict each other."""
        return SimulatorError(self.name, f"operator {node.op} does not fit its tensors ({found})", "convert it again")

    def operand(self, node: TfliteOperator, number: int) -> int:
        """Return an input of a node that must be there, as the place of its tensor.

        Raises:
            SimulatorError: It is left out.
        """
        tensor = node.inputs[number] if number < len(node.inputs) else -1
        if tensor < 0:
            raise self.mismatch(node, f"input {number} is missing")
        return tensor

    def result(self, node: TfliteOperator) -> int:
        """Return the first output of a node, as the place of its tensor.

        Raises:
            SimulatorError: It has none.
        """
        if not node.outputs or node.outputs[0] < 0:
            raise self.mismatch(node, "it has no output")
        return node.outputs[0]


def main_graph(file: TfliteFile) -> TfliteGraph:
    """Return the first graph of a file, the one that a runtime calls, with composite operators replaced.

    Raises:
        SimulatorError: A node reads a tensor that a later one writes, or two nodes write the same tensor.
        ValueError: The decomposition of a composite does not fit it.
    """
    graph = inlined(file)
    producers: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    for place, node in enumerate(graph.operators):
        for tensor in given(node.inputs):
            readers.setdefault(tensor, []).append(place)
        for tensor in given(node.outputs):
            if tensor in producers or tensor in readers:
                raise SimulatorError(
                    file.path, f"tensor {graph.tensors[tensor].name[:80]!r} is written out of order", "convert it again"
                )
            producers[tensor] = place
    return TfliteGraph(
        name=file.path.name,
        tensors=graph.tensors,
        nodes=graph.operators,
        inputs=tuple(given(graph.inputs)),
        outputs=tuple(given(graph.outputs)),
        producers=producers,
        readers={tensor: tuple(places) for tensor, places in readers.items()},
        constants=_constants(graph.tensors, graph.operators),
        free=frozenset(place for place, tensor in enumerate(graph.tensors) if -1 in tensor.signature[1:]),
    )


def given(tensors: Iterable[int]) -> Iterator[int]:
    """Yield the tensors that are not left out."""
    return (tensor for tensor in tensors if tensor >= 0)


def values(graph: TfliteGraph, tensors: Iterable[int]) -> int:
    """Return the number of values in tensors."""
    return sum(prod(graph.shape(tensor)) for tensor in tensors)


def _constants(tensors: tuple[TfliteTensor, ...], nodes: tuple[TfliteOperator, ...]) -> frozenset[int]:
    found = {place for place, tensor in enumerate(tensors) if tensor.is_constant and not tensor.is_variable}
    for node in nodes:
        if node.is_custom or node.op in _UNPREDICTABLE:
            continue
        inputs = list(given(node.inputs))
        if node.op in _SHAPES or (inputs and all(tensor in found for tensor in inputs)):
            found.update(given(node.outputs))
    return frozenset(found)
