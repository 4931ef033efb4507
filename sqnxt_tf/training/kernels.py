"""The kernels of a Keras model: their names, their zeros, and which of them can be pruned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Keras class -> the weights of it that are pruned. Depthwise weights are not: they are few, and each is all that a
# channel has.
_PRUNED_WEIGHTS = {
    "Conv2D": "kernel",
    "Conv2DTranspose": "kernel",
    "Dense": "kernel",
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
    """Return every kernel of a Keras model by the name of its variable."""
    return {
        variable.name: variable for layer in model.layers for variable in layer.weights if "kernel" in variable.name
    }


def count_zeros(model: Any) -> tuple[Zeros, ...]:
    """Count the zeros in every kernel of a model; `<layer>/depthwise` is the first half of a separable convolution."""
    return tuple(
        Zeros(name=_kernel_name(name, layer, variable), zeros=int((kernel == 0).sum()), weights=kernel.size)
        for name, layer in named_layers(model)
        for variable in layer.weights
        if "kernel" in variable.name
        for kernel in (variable.numpy(),)
    )


def _kernel_name(name: str, layer: Any, variable: Any) -> str:
    is_first_half = type(layer).__name__ == "SeparableConv2D" and "depthwise" in variable.name.rpartition("/")[2]
    return f"{name}/depthwise" if is_first_half else name
