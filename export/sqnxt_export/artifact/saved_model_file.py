"""The check of a SavedModel folder before TensorFlow loads it: no operation in it may reach files or the network."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqnxt_export.errors import ExportError, one_line

GRAPH = "saved_model.pb"
MODEL_SUFFIXES = (".keras", ".h5", ".hdf5")
_MAX_BYTES = 2 << 30
_MAX_VARIABLE_BYTES = 4 << 30
STATEFUL_BUT_SAFE = frozenset(
    """
    AssignAddVariableOp AssignSubVariableOp AssignVariableOp Assert FakeParam If NoOp Placeholder PartitionedCall
    RandomStandardNormal RandomUniform RandomUniformInt ReadVariableOp ResourceGather StatefulPartitionedCall
    StatelessIf StatelessWhile TensorListReserve TensorListStack TruncatedNormal VarHandleOp VarIsInitializedOp While
    RngReadAndSkip StatefulStandardNormalV2 StatefulUniform StatefulUniformInt
    """.split()  # noqa: SIM905 - as readable as can be
)
"""Operations with state, or that call functions, which stay within the process's own memory."""
_TOUCH_FILES = frozenset("MatchingFiles MergeV2Checkpoints ReadFile RestoreV2 SaveV2 ShardedFilename WriteFile".split())  # noqa: SIM905
"""Operations that TensorFlow does not mark as having state, and that reach files all the same."""


def is_saved_model(path: Path) -> bool:
    """Tell whether a path is the folder of a SavedModel."""
    return path.is_dir() and (path / GRAPH).is_file()


def is_model(path: Path) -> bool:
    """Tell whether a path is a model and not an artifact: a .keras or .h5 file, or the folder of a SavedModel."""
    return is_saved_model(path) or path.suffix.lower() in MODEL_SUFFIXES


def parse_saved_model(path: Path, message: Any) -> Any:
    """Parse the folder's graph into an empty `SavedModel` message, and return its only graph.

    Raises:
        ExportError: The file is damaged, too large, or of TensorFlow 1.
    """
    file, variables = path / GRAPH, list((path / "variables").glob("*"))
    if file.stat().st_size > _MAX_BYTES or sum(item.stat().st_size for item in variables) > _MAX_VARIABLE_BYTES:
        raise ExportError(path, "is larger than 4 GiB", "export a smaller model")
    if any(item.is_symlink() for item in (file, *variables)):
        raise ExportError(path, "refused, since a file in it is a link", "copy the files themselves")
    try:
        message.ParseFromString(file.read_bytes())
    except Exception as error:  # protobuf's DecodeError differs between its implementations
        raise ExportError(path, f"its {GRAPH} is damaged ({one_line(error)})", "export it again") from error
    graphs = [graph for graph in message.meta_graphs if graph.HasField("object_graph_def")]
    if len(graphs) != 1 or len(message.meta_graphs) != 1:
        raise ExportError(path, "is not a SavedModel of TensorFlow 2", "export it again with TensorFlow 2")
    return graphs[0]


def check_operations(path: Path, graph: Any, stateful: Collection[str]) -> None:
    """Refuse a graph whose functions hold an operation that reaches beyond the process's memory.

    The functions that write and read checkpoints are left out, as TensorFlow's loader does not make them: only those
    that the object graph names are made, with all that they call.

    Args:
        path: The folder, for messages.
        graph: The parsed graph.
        stateful: Names of the operations that TensorFlow marks as having state.

    Raises:
        ExportError: There is such an operation.
    """
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    waiting = list(graph.object_graph_def.concrete_functions)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for node in functions[name].node_def:
            if node.op in _TOUCH_FILES or (node.op in stateful and node.op not in STATEFUL_BUT_SAFE):
                raise ExportError(
                    path,
                    f"refused, since operation {node.op[:80]!r} in it reaches beyond the model",
                    "export the part of the model that computes",
                )
            waiting += _called(node, functions)


def _called(node: Any, functions: Mapping[str, Any]) -> Iterator[str]:
    """Yield the functions that a node calls, by attribute or by being named like one."""
    if node.op in functions:
        yield node.op
    for attribute in node.attr.values():
        if attribute.HasField("func"):
            yield attribute.func.name
        yield from (item.name for item in attribute.list.func)
