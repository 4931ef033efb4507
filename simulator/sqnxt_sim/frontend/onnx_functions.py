"""Refuse models whose local functions would grow too large, before they are inlined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from onnx import FunctionProto, ModelProto, NodeProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.onnx_graph import nodes_with_branches

# Exporters' functions expand to a few thousand nodes. A file of a few kilobytes can ask for 2^25: each of 25 functions
# calls the next one twice.
_MAX_INLINED_NODES = 100_000
# Nodes hold constants, and every call copies them. Protobuf itself writes at most twice this.
_MAX_INLINED_BYTES = 2**30

_FunctionId = tuple[str, str, str]


class _Extent(NamedTuple):
    """Nodes and their bytes after inlining. Each level of calls may double both: sums are capped above the limits."""

    nodes: int
    bytes: int

    def plus(self, other: _Extent, times: int) -> _Extent:
        nodes = min(self.nodes + times * other.nodes, _MAX_INLINED_NODES + 1)
        return _Extent(nodes, min(self.bytes + times * other.bytes, _MAX_INLINED_BYTES + 1))


def refuse_expansion(model: ModelProto, path: Path) -> None:
    """Refuse functions that call themselves, or whose inlining would exceed 100,000 nodes or 1 GiB.

    Raises:
        SimulatorError: A function calls itself, is defined twice, or is too large when expanded.
    """
    functions: dict[_FunctionId, FunctionProto] = {}
    for function in model.functions:
        key = _id(function.domain, function.name, function.overload)
        if key in functions:
            raise SimulatorError(path, f"defines function {function.name!r} twice", "export it again")
        functions[key] = function
    own, calls = _extent(model.graph.node, functions)
    extents: dict[_FunctionId, _Extent] = {}
    bodies = {key: _extent(function.node, functions) for key, function in functions.items()}
    for key in _callees_first({key: set(callees) for key, (_, callees) in bodies.items()}, path):
        extents[key] = _expanded(*bodies[key], extents)
    total = _expanded(own, calls, extents)
    if total.nodes > _MAX_INLINED_NODES:
        fault = f"more than {_MAX_INLINED_NODES} nodes"
    elif calls and total.bytes > _MAX_INLINED_BYTES:  # without calls nothing is copied, however large the file is
        fault = f"more than {_MAX_INLINED_BYTES >> 20} MiB of nodes"
    else:
        return
    raise SimulatorError(path, f"its functions expand to {fault}", "export it without functions")


def _id(domain: str, name: str, overload: str) -> _FunctionId:
    return ("" if domain == "ai.onnx" else domain, name, overload)


def _extent(
    nodes: Iterable[NodeProto], functions: dict[_FunctionId, FunctionProto]
) -> tuple[_Extent, Counter[_FunctionId]]:
    """Return the extent of the nodes alone, and how often they call each function."""
    nodes = tuple(nodes)
    everything = tuple(nodes_with_branches(nodes))
    ids = (_id(node.domain, node.op_type, node.overload) for node in everything)
    # The bytes of a node include its branches.
    own = _Extent(len(everything), sum(node.ByteSize() for node in nodes))
    return own, Counter(key for key in ids if key in functions)


def _callees_first(calls: dict[_FunctionId, set[_FunctionId]], path: Path) -> Iterator[_FunctionId]:
    try:
        yield from TopologicalSorter(calls).static_order()
    except CycleError as error:
        name = error.args[1][0][1]
        raise SimulatorError(path, f"function {name!r} calls itself", "export it without functions") from error


def _expanded(own: _Extent, calls: Counter[_FunctionId], extents: dict[_FunctionId, _Extent]) -> _Extent:
    for key, times in calls.items():
        own = own.plus(extents[key], times)
    return own
