"""A classifier's last softmax, which stays in float in every precision, as logits do.

An artifact returns what its model returns: probabilities if the model ends in a softmax. TFLite's integer softmax would
round them to multiples of 1/256. Most of a thousand classes would then tie at zero, which would prove nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


def ends_in_softmax(model: Any) -> bool:
    """Tell whether the model's output, [n, classes], is a softmax: a layer, or the last layer's activation."""
    layer = _last_layer(model)
    activation = getattr(layer, "activation", None)
    is_softmax = type(layer).__name__ == "Softmax" or getattr(activation, "__name__", "") == "softmax"
    return is_softmax and len(model.outputs[0].shape) == 2


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
    return model.outputs[0]._keras_history.layer


def _unchanged(x: Any, *args: Any, **kwargs: Any) -> Any:
    return x
