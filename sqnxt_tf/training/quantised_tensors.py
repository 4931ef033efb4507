"""Which activations of a model an int8 artifact rounds to integers, the same ones as its exporters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOVES_ONLY = (
    "ActivityRegularization",
    "AlphaDropout",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "InputLayer",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Permute",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
)
"""Classes of layers that return values of their input: the rounded input stays rounded."""
_TAKES_IN_RELU = ("Add", "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Dense", "DepthwiseConv2D")
_RELUS = ("relu", "relu6")
_CAPS = (None, 6.0)
"""Largest values of a ReLU that runtimes fuse with the layer before it."""


def quantised_outputs(model: Any) -> frozenset[str]:
    """Return the names of the layers whose output is rounded.

    Left out are layers that only move values, a layer that exists only together with the ReLU behind it, and a softmax
    at the end, which stays in float.

    Args:
        model: A functional model without nested models.
    """
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth]
    readers: dict[int, list[Any]] = {}
    for node in nodes:
        for tensor in () if node.is_input else node.keras_inputs:
            readers.setdefault(id(tensor), []).append(node)
    ends = {id(tensor) for tensor in model.outputs}
    found = set()
    for node in nodes:
        tensors = list(_listed(node.outputs))
        if _only_moves(node.layer) or len(tensors) != 1 or not tensors[0].dtype.is_floating:
            continue
        if id(tensors[0]) in ends and activation_of(node.layer) == "softmax":
            continue
        if not _is_fused(node.layer, tensors[0], readers, ends):
            found.add(node.layer.name)
    return frozenset(found)


def activation_of(layer: Any) -> str:
    """Return the name of the activation that a layer applies, `linear` if it applies none."""
    kind = type(layer).__name__
    if kind == "Softmax":
        return "softmax"
    if kind == "ReLU":
        plain = not float(layer.negative_slope) and not float(layer.threshold) and layer.max_value in _CAPS
        return "relu" if plain else "other"
    return getattr(getattr(layer, "activation", None), "__name__", "linear")


def _only_moves(layer: Any) -> bool:
    kind = type(layer).__name__
    if kind.startswith("UpSampling"):
        return getattr(layer, "interpolation", "nearest") == "nearest"
    return kind in MOVES_ONLY or (kind == "Activation" and activation_of(layer) == "linear")


def _is_fused(layer: Any, tensor: Any, readers: dict[int, list[Any]], ends: set[int]) -> bool:
    """Tell whether a layer's output is read by a ReLU alone, which becomes part of the layer."""
    if type(layer).__name__ not in _TAKES_IN_RELU or activation_of(layer) != "linear":
        return False
    while id(tensor) not in ends and len(readers.get(id(tensor), ())) == 1:
        reader = readers[id(tensor)][0]
        if activation_of(reader.layer) in _RELUS and type(reader.layer).__name__ in ("Activation", "ReLU"):
            return True
        if not (type(reader.layer).__name__ == "Activation" and activation_of(reader.layer) == "linear"):
            return False
        tensor = next(_listed(reader.outputs))
    return False


def _listed(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list | tuple) else [value]
