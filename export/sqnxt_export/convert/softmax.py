"""A classifier's last softmax, which stays in float in every precision, as logits do.

An artifact returns what its model returns: probabilities if the model ends in a softmax. TFLite's integer softmax would
round them to multiples of 1/256. Most of a thousand classes would then tie at zero, which would prove nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


def ends_in_softmax(model: Any) -> bool:
    """Tell whether the model's only output is a softmax over its last axis: a layer, or the last layer's activation.

    The layer may be the last one of a nested model, to any depth. Nothing else may read its result.
    """
    if len(getattr(model, "outputs", None) or ()) != 1:
        return False
    layer = _last_layer(model)
    if layer is None:
        return False
    if type(layer).__name__ == "Softmax":
        return layer.axis in (-1, len(model.outputs[0].shape) - 1)
    return getattr(getattr(layer, "activation", None), "__name__", "") == "softmax"


@contextlib.contextmanager
def without_softmax(model: Any) -> Iterator[None]:
    """Make a model that ends in a softmax return logits when it is called within the block."""
    layer = _last_layer(model)
    name = "activation" if hasattr(layer, "activation") else "call"
    before = getattr(layer, name)
    setattr(layer, name, _unchanged)
    try:
        yield
    finally:
        setattr(layer, name, before)


def _last_layer(model: Any) -> Any:
    """Return the layer that computes the model's only output; None if it is called more than once.

    A nested model is called once when it is built and once by each model around it.
    """
    layer = model.outputs[0]._keras_history.layer
    if not getattr(layer, "_is_graph_network", False):
        return layer if len(layer._inbound_nodes) == 1 and not layer._outbound_nodes else None
    if len(layer.outputs) != 1 or len(layer._inbound_nodes) > 1 or layer._outbound_nodes:
        return None
    return _last_layer(layer)


def _unchanged(x: Any, *args: Any, **kwargs: Any) -> Any:
    return x
