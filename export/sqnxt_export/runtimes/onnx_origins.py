"""The node of a file that an operator of onnxruntime's optimised graph comes from.

onnxruntime names rewritten operators after a node of the graph, and operators in the blocked NCHWc layout after the
node's output. Exporters name nodes in different ways, if at all, so the session gets the graph with names of this
module.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import onnx

_MARK = "sqnxt"
_MARKED = re.compile(rf"{_MARK}(\d+)_")
_BLOCKED = re.compile(r"_nchwc(_token_\d+)?$")
_FURTHEST = 4  # steps back from a fused Relu over its Add and the Q/DQ nodes in between


class Origins:
    """The nodes of a graph, found by the names that onnxruntime derives from them.

    Attributes:
        names: Name of each node; its first output's if it has none, or else its operator.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.names = [node.name or next(iter(node.output), "") or node.op_type for node in graph.node]
        self._operators = [node.op_type for node in graph.node]
        self._producers = {output: index for index, node in enumerate(graph.node) for output in node.output if output}
        self._inputs = [list(node.input) for node in graph.node]

    def marked(self, model: onnx.ModelProto) -> bytes:
        """Give the nodes of `model` names that `of` recognises, and return the model serialised."""
        for index, node in enumerate(model.graph.node):
            node.name = f"{_MARK}{index}_"
        data: bytes = model.SerializeToString()
        return data

    def of(self, operators: Mapping[str, str]) -> dict[str, int | None]:
        """Return the index of the node that each operator runs; None for operators that onnxruntime added.

        A convolution in the blocked layout has the name of the last node that was fused into it, such as an Add. It is
        then the nearest convolution before that node which no other operator runs.

        Args:
            operators: Name in the optimised graph -> operator.
        """
        found: dict[str, int | None] = {}
        blocked: dict[str, int] = {}
        for key, operator in operators.items():
            marked = _MARKED.search(key)
            last = self._producers.get(_BLOCKED.sub("", key))
            found[key] = int(marked[1]) if marked else last
            if not marked and last is not None and self._operators[last] != operator:
                blocked[key] = last
        taken = {index for key, index in found.items() if key not in blocked}
        for key, last in blocked.items():
            before = self._nearest_before(last, operators[key], taken)
            if before is not None:
                found[key] = before
                taken.add(before)
        return found

    def _nearest_before(self, index: int, operator: str, taken: Collection[int | None]) -> int | None:
        layer = {index}
        for _ in range(_FURTHEST):
            inputs = {name for node in layer for name in self._inputs[node]}
            layer = {self._producers[name] for name in inputs if name in self._producers}
            if free := [node for node in layer if self._operators[node] == operator and node not in taken]:
                return max(free)
        return None
