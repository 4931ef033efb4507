"""A model that computes with rounded weights and activations, for quantisation-aware training with tfmot.

tfmot's own `quantize_model` refuses nested models, products, batch norm that follows no convolution and layers of one
or three dimensions, and rounds depthwise kernels with one scale for all channels. So its public wrappers are placed
here, layer by layer, on a flat model whose batch norm is folded: what is trained is what the exporters write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqnxt_tf.training.batch_norms import is_batch_norm
from sqnxt_tf.training.flattening import Chain, cloned, flat_copy
from sqnxt_tf.training.quantised_tensors import quantised_outputs
from sqnxt_tf.training.quantizers import activation_config, kernel_axes, kernel_config, rounded_kernel

INPUT = "input"
"""The name under which the range of the model's input is kept."""
Ranges = dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class FakeQuantised:
    """A model with rounded weights and activations; the layer that rounds each activation, and settings, by name."""

    model: Any
    rounders: dict[str, Any]
    configs: dict[str, Any]

    def ranges(self) -> Ranges:
        """Return the range of each rounded activation."""
        return {name: tuple(float(value) for value in _limits(rounder)) for name, rounder in self.rounders.items()}  # type: ignore[misc]

    def copy_weights_to(self, model: Any) -> None:
        """Give an `exportable` model the weights of this one, rounded as in each step."""
        for layer in model.layers:
            if layer.name in self.configs:
                for variable, trained in zip(layer.weights, self.configs[layer.name].variables, strict=True):
                    variable.assign(trained)
            elif layer.weights:
                layer.set_weights(self.model.get_layer(layer.name).get_weights())
        round_weights(model.layers)

    def set_ranges(self, ranges: Ranges) -> None:
        """Set the range of each rounded activation."""
        for name, rounder in self.rounders.items():
            for variable, value in zip(_limits(rounder), ranges[name], strict=True):
                variable.assign(value)


def fake_quantised(model: Any, *, activations: bool) -> FakeQuantised:
    """Return a copy of an `exportable` model that rounds its weights to 8 bits, and its activations where asked.

    Weights are symmetric with a scale for each output channel, activations asymmetric with a scale for each tensor, as
    in both formats of artifacts. The ranges of activations follow a moving average in training; set them first.
    """
    import tensorflow_model_optimization as tfmot
    import tf_keras as keras

    rounded = quantised_outputs(model) if activations else frozenset()
    wrapper = tfmot.quantization.keras.QuantizeWrapperV2
    rounders: dict[str, Any] = {}
    configs: dict[str, Any] = {}

    def rounder(name: str) -> Any:
        identity = keras.layers.Activation("linear", name=f"{name}/rounded")
        rounders[name] = wrapper(identity, activation_config(), name=f"{name}/rounder")
        return rounders[name]

    def wrap(layer: Any, name: str) -> Any:
        core = cloned(layer, name)
        if is_batch_norm(layer):
            core.trainable = False  # what could not be folded keeps its statistics
        if kernel_axes(layer) and layer.trainable:
            configs[name] = kernel_config(kernel_axes(layer))
            core = wrapper(core, configs[name], name=name)
        return Chain([core, rounder(name)]) if name in rounded else core

    result = flat_copy(model, wrap, rounder(INPUT) if activations else lambda tensor: tensor)
    for layer in model.layers:
        if layer.name in configs:
            for variable, values in zip(configs[layer.name].variables, layer.get_weights(), strict=True):
                variable.assign(values)
        elif kernel_axes(layer):  # frozen: rounded once and for all
            copy = result.get_layer(layer.name)
            copy.set_weights(layer.get_weights())
            round_weights([copy])
    return FakeQuantised(result, rounders, configs)


def round_weights(layers: Iterable[Any]) -> None:
    """Round every kernel of some layers in place, as a fake-quantised model does in each step."""
    for layer in layers:
        for part, axes in kernel_axes(layer).items():
            variable = getattr(layer, part)
            variable.assign(rounded_kernel(variable, axes))


def _limits(rounder: Any) -> tuple[Any, Any]:
    found = rounder._output_quantizer_vars
    return found["min_var"], found["max_var"]
