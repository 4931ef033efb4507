"""The kernels of a Keras model: their places and zeros, and which of them can be pruned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Keras class -> the weights of it that are pruned. Depthwise weights are not: they are few, and each is all that a
# channel has.
_PRUNED_WEIGHTS = {
    "Conv1D": "kernel",
    "Conv2D": "kernel",
    "Conv3D": "kernel",
    "Conv1DTranspose": "kernel",
    "Conv2DTranspose": "kernel",
    "Conv3DTranspose": "kernel",
    "Dense": "kernel",
    "SeparableConv1D": "pointwise_kernel",
    "SeparableConv2D": "pointwise_kernel",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Zeros:
    """The number of zeros among a layer's weights."""

    name: str
    zeros: int
    weights: int

    @property
    def sparsity(self) -> float:
        """Zeros as a fraction of the weights."""
        return self.zeros / self.weights


def named_layers(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every layer with its name; a layer inside a nested model is called `<nested>/<layer>`."""
    for layer in model.layers:
        name = prefix + layer.name
        if is_nested(layer):
            yield from named_layers(layer, f"{name}/")
        else:
            yield name, layer


def is_nested(layer: Any) -> bool:
    """Tell whether a layer is a model itself."""
    import tf_keras as keras

    return isinstance(layer, keras.Model)


def prunable_layers(model: Any) -> dict[str, Any]:
    """Return the layers that can be pruned, by name: convolutions, fully connected layers, pointwise halves."""
    return {name: layer for name, layer in named_layers(model) if type(layer).__name__ in _PRUNED_WEIGHTS}


def pruned_kernel(layer: Any) -> Any:
    """Return the variable of a layer that is pruned; its last two axes are input and output channels."""
    return getattr(layer, _PRUNED_WEIGHTS[type(layer).__name__])


def kernels(model: Any) -> dict[str, Any]:
    """Return every kernel of a Keras model by its place, such as `stem/kernel` or `<nested>/<layer>/kernel`.

    The name of a variable does not identify it: two nested models may each have a variable of that name. A layer that
    several nested models share has one place, the first.
    """
    return {f"{name}/{part}": variable for name, part, _, variable in _kernels(model)}


def _kernels(model: Any) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield name of the layer, name within the layer, layer and variable of each kernel, once."""
    seen: set[int] = set()
    for name, layer in named_layers(model):
        parts: set[str] = set()
        for variable in layer.weights:
            part = _last_part(variable)
            if not part.endswith("kernel") or id(variable) in seen:
                continue
            if part in parts:  # a wrapper may hold two layers: the name of the inner one tells them apart
                part = variable.name.partition(":")[0]
            seen.add(id(variable))
            parts.add(part)
            yield name, part, layer, variable


def has_kernel(layer: Any) -> bool:
    """Tell whether one of the layer's weights is a kernel."""
    return any(_last_part(variable).endswith("kernel") for variable in layer.weights)


def _last_part(variable: Any) -> str:
    name: str = variable.name
    return name.rpartition("/")[2].partition(":")[0]


def count_zeros(model: Any) -> tuple[Zeros, ...]:
    """Count the zeros in every kernel of a model; `<layer>/depthwise` is the first half of a separable convolution."""
    return tuple(
        Zeros(name=_kernel_name(name, part, layer), zeros=int((kernel == 0).sum()), weights=kernel.size)
        for name, part, layer, variable in _kernels(model)
        for kernel in (variable.numpy(),)
    )


def _kernel_name(name: str, part: str, layer: Any) -> str:
    """Name a kernel by its layer, and by its part where a layer has several."""
    if type(layer).__name__.startswith("SeparableConv"):
        return f"{name}/depthwise" if part == "depthwise_kernel" else name
    return name if part in ("kernel", "depthwise_kernel") else f"{name}/{part}"
