"""Composite operators of .tflite files replaced by the operators that they stand for.

A STABLEHLO_COMPOSITE names another graph of the file, its decomposition. A runtime that knows the composite by its name
runs it as one operator, and any other runs the decomposition, as the simulator does.
"""

from __future__ import annotations

from dataclasses import replace

from sqnxt_sim.frontend.tflite_parts import Subgraph, TfliteFile, TfliteOperator, TfliteTensor

COMPOSITE = "STABLEHLO_COMPOSITE"
_DECOMPOSITION = 1
# Composites within composites could describe endless graphs in a small file.
_MAX_DEPTH = 16
_MAX_OPERATORS = 1 << 18


def inlined(file: TfliteFile) -> Subgraph:
    """Return the first graph of a file with its composites replaced.

    Raises:
        ValueError: A decomposition does not fit its composite, or there are too many of them.
    """
    main = file.subgraphs[0]
    if not any(_is_composite(node) for node in main.operators):
        return main
    builder = _Builder(file, list(main.tensors))
    builder.add(main.operators, {place: place for place in range(len(main.tensors))}, depth=0)
    return replace(main, tensors=tuple(builder.tensors), operators=tuple(builder.operators))


class _Builder:
    """A graph that grows by the graphs of composites."""

    def __init__(self, file: TfliteFile, tensors: list[TfliteTensor]) -> None:
        self._file = file
        self.tensors = tensors
        self.operators: list[TfliteOperator] = []

    def add(self, operators: tuple[TfliteOperator, ...], places: dict[int, int], *, depth: int) -> None:
        """Add operators whose tensors are at other places now."""
        if depth > _MAX_DEPTH or len(self.operators) + len(operators) > _MAX_OPERATORS:
            raise ValueError("composite operators within each other without end")
        for node in operators:
            moved = replace(
                node,
                inputs=tuple(places.get(tensor, -1) for tensor in node.inputs),
                outputs=tuple(places.get(tensor, -1) for tensor in node.outputs),
            )
            if _is_composite(node):
                self._add_decomposition(moved, depth)
            else:
                self.operators.append(moved)

    def _add_decomposition(self, node: TfliteOperator, depth: int) -> None:
        number = node.option(_DECOMPOSITION)
        if not 0 < number < len(self._file.subgraphs):
            raise ValueError(f"subgraph {number} of {len(self._file.subgraphs)}")
        graph = self._file.subgraphs[number]
        if len(graph.inputs) != len(node.inputs) or len(graph.outputs) != len(node.outputs):
            raise ValueError(f"a decomposition with {len(graph.inputs)} inputs for {len(node.inputs)}")
        if len(self.tensors) + len(graph.tensors) > _MAX_OPERATORS:
            raise ValueError("composite operators within each other without end")
        places = dict(zip(graph.inputs, node.inputs, strict=True))
        # An input may be returned as it is: then the output of the composite stays without a node that writes it.
        places |= {
            inner: outer for inner, outer in zip(graph.outputs, node.outputs, strict=True) if inner not in places
        }
        for place, tensor in enumerate(graph.tensors):
            if place not in places:
                places[place] = len(self.tensors)
                self.tensors.append(tensor)
        self.add(graph.operators, places, depth=depth + 1)


def _is_composite(node: TfliteOperator) -> bool:
    return node.op == COMPOSITE and not node.is_custom
