"""SavedModel folders: one of their functions, loaded without running any Python of theirs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqnxt_base.opening import opening, temporary_folder
from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.artifact.saved_model_file import GRAPH, check_operations, parse_saved_model
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.signatures import Signature
from sqnxt_export.runtimes.tensors import TensorInfo

_DEFAULT = "serving_default"
_COMPILED = "_XlaMustCompile"


class SavedFunction:
    """A function of a SavedModel, used like a model.

    Attributes:
        name: Its name, for messages and graphs.
        signature: What it takes and returns.
        variables: Its weights.
        batch: Samples per call if the function fixes them, else None.
    """

    def __init__(self, name: str, function: Any, keep: Any) -> None:
        self.name = name
        self._function, self._keep = function, keep
        _, inputs = function.structured_input_signature
        self._inputs = sorted(inputs, key=_natural)
        self._outputs = sorted(function.structured_outputs, key=_natural)
        self.signature = Signature(
            tuple(_described(key, inputs[key]) for key in self._inputs),
            tuple(_described(key, function.structured_outputs[key]) for key in self._outputs),
        )
        self.variables = list(function.variables)
        first = inputs[self._inputs[0]].shape if self._inputs else None
        self.batch: int | None = first[0] if first is not None and first.rank else None

    def flat_call(self, *tensors: Any) -> list[Any]:
        """Return the outputs for one tensor per input, in the order of the signature."""
        tensorflow = require("tensorflow", "to run a SavedModel")
        given = {key: tensorflow.convert_to_tensor(x) for key, x in zip(self._inputs, tensors, strict=True)}
        outputs = self._function(**given)
        return [outputs[key] for key in self._outputs]

    def inlined(self) -> Callable[..., list[Any]]:
        """Return `flat_call` without the calls inside it, which TensorFlow's converter does not always follow."""
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        frozen = convert_variables_to_constants_v2(self._function, lower_control_flow=False, aggressive_inlining=True)
        taken = [tensor.name.partition(":")[0].rpartition("/")[2] for tensor in frozen.inputs]
        made = sorted(self._outputs)  # in this order TensorFlow flattens a dictionary
        given_order = sorted(self._inputs)

        def call(*tensors: Any) -> list[Any]:
            given = dict(zip(self._inputs, tensors, strict=True))
            places = taken if set(taken) == set(given) else given_order
            outputs = frozen(*(given[key] for key in places))
            found = dict(zip(made, outputs if isinstance(outputs, list | tuple) else [outputs], strict=True))
            return [found[key] for key in self._outputs]

        return call


def load_saved_model(path: Path, signature: str | None = None, name: str | None = None) -> SavedFunction:
    """Load one function of a SavedModel folder that may come from anyone.

    Args:
        path: The folder.
        signature: Name of the function; "serving_default", or the only one, if None.
        name: Name of the model; that of the folder if None.

    Raises:
        ExportError: The folder is damaged, an operation in it reaches files or the network, or it has no such function.
    """
    tensorflow = require("tensorflow", "to load a SavedModel")
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow.python.framework import op_def_registry

    message = SavedModel()
    graph = parse_saved_model(path, message)
    names = {node.op for function in graph.graph_def.library.function for node in function.node_def}
    known = {op: op_def_registry.get(op) for op in names}
    functions = {function.signature.name for function in graph.graph_def.library.function}
    stateful = {op for op, found in known.items() if op not in functions and (found is None or found.is_stateful)}
    check_operations(path, graph, stateful)
    chosen = _chosen(path, sorted(key for key in graph.signature_def if not key.startswith("__")), signature)
    try:
        with quiet_stderr(), temporary_folder() as place, opening(path):
            # What was checked is what is loaded, and converters can read it: they leave compiled calls as they are.
            _leave_uncompiled(graph)
            Path(place, GRAPH).write_bytes(message.SerializeToString())
            for part in ("variables", "assets"):
                if (path / part).is_dir():
                    Path(place, part).symlink_to((path / part).resolve(), target_is_directory=True)
            loaded = tensorflow.saved_model.load(place)
            return SavedFunction(name or path.resolve().name, loaded.signatures[chosen], loaded)
    except Exception as error:  # TensorFlow raises classes of many kinds
        raise ExportError(path, f"TensorFlow cannot load it ({one_line(error)})", "export it again") from error


def _leave_uncompiled(graph: Any) -> None:
    """Clear the marks of functions that TensorFlow compiles just in time, as those of grouped convolutions."""
    for function in graph.graph_def.library.function:
        for part in (function, *function.node_def):
            if _COMPILED in part.attr:
                del part.attr[_COMPILED]


def _chosen(path: Path, names: list[str], signature: str | None) -> str:
    shown = ", ".join(names) or "none"
    if signature is not None:
        if signature not in names:
            raise ExportError(path, f"has no signature {signature!r}", f"give one of: {shown}")
        return signature
    if _DEFAULT in names:
        return _DEFAULT
    if len(names) != 1:
        raise ExportError(path, f"has the signatures {shown}", "give `signature`")
    return names[0]


def _natural(key: str) -> list[tuple[int, str]]:
    """Sort `output_2` before `output_10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", key)]


def _described(name: str, spec: Any) -> TensorInfo:
    sides = spec.shape.as_list()[1:] if spec.shape.rank else []
    return TensorInfo(name=name, shape=tuple(-1 if side is None else side for side in sides), dtype=spec.dtype.name)
