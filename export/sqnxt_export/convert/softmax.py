"""A classifier's last softmax, which stays in float whatever the precision, as logits do.

An artifact gives what its model gives: probabilities where the model ends in a softmax. TFLite's integer softmax would
round them to multiples of 1/256, so that most of a thousand classes tie at zero and nothing can be proved of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


def ends_in_softmax(model: Any) -> bool:
    """Whether the model's output, [n, classes], is a softmax: a layer, or the activation of the last one."""
    layer = _last_layer(model)
    activation = getattr(layer, "activation", None)
    is_softmax = type(layer).__name__ == "Softmax" or getattr(activation, "__name__", "") == "softmax"
    return is_softmax and len(model.outputs[0].shape) == 2


@contextlib.contextmanager
def without_softmax(model: Any) -> Iterator[None]:
    """Let a model that ends in softmax give logits when it is called within the block."""
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
