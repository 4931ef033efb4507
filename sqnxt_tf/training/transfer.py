"""Begin a training with the weights of another model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqnxt_tf.errors import SqnxtError


def adopt(model: Any, weights: Mapping[str, list[Any]], source: str) -> None:
    """Set the weights of a model from the layers of the same names; the classifier keeps its own if the shapes differ.

    Args:
        model: The model that gets the weights.
        weights: Weights by name of layer.
        source: Where the weights come from, for messages.

    Raises:
        SqnxtError: A layer before the classifier has no counterpart of the same shape.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    for layer in weighted:
        given = weights.get(layer.name)
        if given is not None and [part.shape for part in given] == [tuple(part.shape) for part in layer.weights]:
            layer.set_weights(given)
        elif layer is not weighted[-1]:
            raise SqnxtError(
                source, f"has no weights for layer {layer.name} of {model.name}", "give a model of the same network"
            )
