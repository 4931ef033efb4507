"""A `tf_keras` model and the filters that survive -> a smaller model that inherits their weights.

The smaller model computes what the large one does with every other filter masked, that is with its channels read as
zero wherever they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.channels import ChannelMap, LayerChannels, trace_channels


def narrow(model: Any, survivors: Mapping[str, NDArray[np.bool_]]) -> Any:
    """A functional model without the filters that do not survive.

    Args:
        model: A functional `tf_keras` model.
        survivors: Name of a layer -> which of its filters survive, bool [filters]. Filters of a layer that is not
            named survive, but for those that share the fate of one that does not: What is added to it, or what a
            depthwise convolution makes of it.

    Raises:
        SqnxtError: A layer that is not there or makes no channels, a mask of another length, a filter that cannot go,
            filters that share a fate and are given different ones, a layer that would have none left; names the layer.
    """
    channels = trace_channels(model)
    return blueprint(model, channels, surviving_fates(channels, survivors))()


def surviving_fates(channels: ChannelMap, survivors: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """The masks of layers as one of all fates, bool [fates].

    Raises:
        SqnxtError: See `narrow`.
    """
    alive, makers = channels.whole(), channels.makers
    masks = {name: _checked_mask(name, mask, makers) for name, mask in survivors.items()}
    killers: dict[int, str] = {}
    for name, mask in masks.items():
        for index in np.flatnonzero(~mask).tolist():
            fate = int(makers[name][index])
            if fate in channels.fixed:
                raise SqnxtError(
                    f"layer {name!r}", f"filter {index} cannot go ({channels.fixed[fate]})", "let it survive"
                )
            killers.setdefault(fate, f"filter {index} of {name!r}")
    alive[list(killers)] = False
    for name, mask in masks.items():
        for index in np.flatnonzero(mask & ~alive[makers[name]])[:1].tolist():
            raise SqnxtError(
                f"layer {name!r}",
                f"filter {index} survives, and {killers[int(makers[name][index])]}, whose fate it shares, does not",
                "give both the same",
            )
    for name, fates in makers.items():
        if not alive[fates].any():
            raise SqnxtError(f"layer {name!r}", "none of its filters survives", "leave it one at least")
    return alive


def _checked_mask(name: str, given: Any, makers: Mapping[str, NDArray[np.int64]]) -> NDArray[np.bool_]:
    if name not in makers:
        near = get_close_matches(name, makers, 1)
        hint = f"did you mean {near[0]}?" if near else "give a convolution or dense layer that is called once"
        raise SqnxtError(f"layer {name!r}", "is not there, or its filters cannot be narrowed", str(hint))
    mask: NDArray[Any] = np.asarray(given)
    if mask.dtype != np.bool_ or mask.shape != makers[name].shape:
        raise SqnxtError(
            f"layer {name!r}",
            f"has {len(makers[name])} filters, and its mask is {mask.dtype} {list(mask.shape)}",
            "give one boolean a filter",
        )
    return mask


def blueprint(
    model: Any, channels: ChannelMap, alive: NDArray[np.bool_], *, seed: int | None = None
) -> Callable[[], Any]:
    """What makes the narrowed model, in whatever strategy's scope it is called: the weights are read here and now.

    With a `seed`, layers that are random in training and have no seed of their own get one.
    """
    weights = {
        layer.name: [
            _sliced(value, axes, alive)
            for value, axes in zip(layer.get_weights(), _axes(channels.layers[layer.name], layer), strict=True)
        ]
        for layer in model.layers
        if layer.weights
    }
    configs = {
        layer.name: _config(layer, channels.layers[layer.name], alive, seed, index)
        for index, layer in enumerate(model.layers)
    }

    def make() -> Any:
        import tf_keras as keras

        copy = keras.models.clone_model(
            model, clone_function=lambda layer: type(layer).from_config(configs[layer.name])
        )
        for name, values in weights.items():
            copy.get_layer(name).set_weights(values)
        return copy

    return make


def _axes(channels: LayerChannels, layer: Any) -> Any:
    """The axes of every variable; of a layer without a rule, as a nested model, all stay."""
    return channels.variables or [(None,) * len(variable.shape) for variable in layer.weights]


def _sliced(value: NDArray[Any], axes: tuple[NDArray[np.int64] | None, ...], alive: NDArray[np.bool_]) -> NDArray[Any]:
    for axis, fates in enumerate(axes):
        if fates is not None:
            value = np.compress(alive[fates], value, axis)
    return value


def _config(layer: Any, channels: LayerChannels, alive: NDArray[np.bool_], seed: int | None, index: int) -> Any:
    config = layer.get_config()
    for key, fates in channels.widths.items():
        width = int(alive[fates].sum())
        config[key] = (*config[key][:-1], width) if key == "target_shape" else width
    if seed is not None and "seed" in config and config["seed"] is None:
        config["seed"] = (seed * 1_000_003 + index) % 2**31
    return config
