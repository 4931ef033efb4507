"""Which function converts which Keras layer, and what such a function gets to see."""

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
    """One call of a layer. Shapes are Keras's, without the batch, channels last; tensors in `graph` are NCHW.

    `arguments` and `keywords` are those of the call, with the names of tensors in place of Keras's.
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
        """The only input tensor."""
        return self.inputs[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the only input."""
        return self.input_shapes[0]

    def add(self, op: str, inputs: list[str], suffix: str = "", **attributes: Any) -> str:
        """Append a node called like the layer; a suffix tells helpers from the layer's main node."""
        return self.graph.add(op, inputs, self.name + suffix, **attributes)

    def constant(self, suffix: str, values: Any) -> str:
        """Add a constant called `<layer>/<suffix>`."""
        return self.graph.constant(f"{self.name}/{suffix}", values)

    def unsupported(self, why: str) -> ExportError:
        """The error for a layer that is known, used in a way that is not."""
        return ExportError(
            f"layer {self.layer.name!r} ({type(self.layer).__name__})",
            f"{why} cannot be exported to ONNX",
            "replace the layer or export to TFLite",
        )


def handles(*classes: str) -> Callable[[Handler], Handler]:
    """Register a function as the converter of the Keras layers of these class names."""

    def register(handler: Handler) -> Handler:
        _HANDLERS.update(dict.fromkeys(classes, handler))
        return handler

    return register


def convert_layer(call: LayerCall) -> str:
    """Convert one layer call; the name of its output tensor.

    A subclass is converted like its nearest base: parity with the model tells whether that was right.

    Raises:
        ExportError: No converter for the layer's class, or channels-first data.
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
