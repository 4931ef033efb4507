"""Models that help to train another one: weights to begin with, and a teacher's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqnxt_tf.errors import SqnxtError


def adopt(model: Any, weights: Mapping[str, list[Any]], source: str) -> None:
    """Set the weights of the layers of the same names, the classifier's where it has the same classes.

    Raises:
        SqnxtError: A layer before the classifier has no counterpart of its shape.
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
