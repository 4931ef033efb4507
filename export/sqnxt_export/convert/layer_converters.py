"""The table of functions that convert Keras layers, and the argument that such a function receives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqnxt_export.convert.graph import Graph
from sqnxt_export.errors import ExportError

Handler = Callable[["LayerCall"], str]
_HANDLERS: dict[str, Handler] = {}


@dataclass(frozen=True, slots=True)
class LayerCall:
    """One call of a Keras layer.

    Attributes:
        graph: The graph to which the converter adds nodes; its tensors are NCHW.
        layer: The Keras layer.
        name: The layer's name, with the names of the models around it in front.
        inputs: Names of the input tensors in `graph`.
        input_shapes: Keras's shapes of the inputs, without the batch, channels last.
        output_shape: Keras's shape of the output.
        arguments: Positional arguments of the call, with names of tensors in place of Keras's tensors.
        keywords: Keyword arguments of the call, likewise.
    """

    graph: Graph
    layer: Any
    name: str
    inputs: list[str]
    input_shapes: list[tuple[int, ...]]
    output_shape: tuple[int, ...]
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def input(self) -> str:
        """Name of the only input tensor."""
        return self.inputs[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the only input."""
        return self.input_shapes[0]

    def add(self, op: str, inputs: list[str], suffix: str = "", **attributes: Any) -> str:
        """Append a node named after the layer; helper nodes get a suffix."""
        return self.graph.add(op, inputs, self.name + suffix, **attributes)

    def constant(self, suffix: str, values: Any) -> str:
        """Add a constant called `<layer>/<suffix>`."""
        return self.graph.constant(f"{self.name}/{suffix}", values)

    def unsupported(self, why: str) -> ExportError:
        """Return the error for a known layer that is used in an unsupported way."""
        return ExportError(
            f"layer {self.layer.name!r} ({type(self.layer).__name__})",
            f"{why} cannot be exported to ONNX",
            "replace the layer or export to TFLite",
        )


def handles(*classes: str) -> Callable[[Handler], Handler]:
    """Register a function as the converter of the Keras layers with these class names."""

    def register(handler: Handler) -> Handler:
        _HANDLERS.update(dict.fromkeys(classes, handler))
        return handler

    return register


def convert_layer(call: LayerCall) -> str:
    """Convert one layer call, and return the name of its output tensor.

    A subclass is converted like its nearest base class; parity with the model shows whether that was right.

    Raises:
        ExportError: The layer's class has no converter, or the layer works on channels-first data.
    """
    if getattr(call.layer, "data_format", "channels_last") not in ("channels_last", None):
        raise call.unsupported("channels-first data")
    for base in type(call.layer).__mro__:
        if handler := _HANDLERS.get(base.__name__):
            return handler(call)
    raise ExportError(
        f"layer {call.layer.name!r}",
        f"no ONNX equivalent is known for class {type(call.layer).__name__}",
        "replace the layer or export to TFLite",
    )
