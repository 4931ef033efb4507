"""The range of pixels that a Keras model expects, by the layers with which it scales them itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

_SKIPPED = (
    "InputLayer", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomHeight", "RandomRotation",
    "RandomTranslation", "RandomWidth", "RandomZoom", "Resizing", "CenterCrop", "ZeroPadding2D", "Cropping2D",
    "Permute",
)  # fmt: skip
"""Layers that leave the range of pixels as it is."""
_BYTES, _UNIT = (0.0, 255.0), (0.0, 1.0)
_BYTE_SCALE = 1 / 32
"""Factor at and below which a first scaling brings bytes, and no fractions, to the order of one."""
_BYTE_MEAN = 8.0
"""Mean at and above which a first subtraction centres bytes, and no fractions."""


def own_input_range(model: Any) -> tuple[float, float] | None:
    """Return the range of the pixels that a model takes, if its first layer rescales them; None if it does not say.

    Worked examples: `Rescaling(1 / 255)` takes 0 to 255, as does a `Normalization` with a mean of 123. A
    `Rescaling(2, offset=-1)` takes 0 to 1.
    """
    if len(getattr(model, "inputs", None) or ()) != 1:
        return None
    first: Any = next(_layers(model), None)
    kind = type(first).__name__
    if kind == "Rescaling":
        return _by_factor(float(np.max(np.abs(first.scale))))
    if kind == "Normalization":
        return _by_mean(np.asarray(first.mean))
    if kind == "TFOpLambda":
        return _by_operation(first)
    return None


def _layers(model: Any) -> Iterator[Any]:
    """Yield the layers in the order in which Keras runs them, those of nested models too."""
    for layer in getattr(model, "layers", ()):
        if getattr(layer, "layers", None) is not None:
            yield from _layers(layer)
        elif type(layer).__name__ not in _SKIPPED:
            yield layer


def _by_factor(factor: float) -> tuple[float, float] | None:
    return _BYTES if factor <= _BYTE_SCALE else _UNIT if factor > 1 else None


def _by_mean(mean: Any) -> tuple[float, float] | None:
    return _BYTES if np.max(mean) >= _BYTE_MEAN else _UNIT if 0 < np.max(mean) < 1 else None


def _by_operation(layer: Any) -> tuple[float, float] | None:
    """Return the range of an arithmetic operation on the input, as `preprocess_input` leaves it in a model."""
    if not layer._inbound_nodes:
        return None
    node = layer._inbound_nodes[0]
    numbers = [np.asarray(value, np.float64) for value in (*node.call_args[1:], *node.call_kwargs.values())
               if isinstance(value, int | float | list | tuple | np.ndarray)]  # fmt: skip
    if not numbers:
        return None
    value, operation = float(np.max(np.abs(numbers[0]))), layer.name.split(".")[-1].split("_")[0]
    if operation in ("truediv", "divide", "realdiv") and value:
        return _by_factor(1 / value)
    if operation in ("multiply", "mul"):
        return _by_factor(value)
    return _by_mean(value) if operation in ("subtract", "sub", "bias") else None
