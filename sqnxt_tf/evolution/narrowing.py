"""Build a smaller `tf_keras` model that inherits the weights of the surviving filters.

The smaller model computes the same as the large one with all other filters masked, so that their channels read as zero.
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
    """Return a copy of a functional model that has the surviving filters only.

    Args:
        model: A functional `tf_keras` model.
        survivors: For the name of a layer, which of its filters survive, bool [filters]. Filters of other layers
            survive unless they are in the channel group of a filter that does not, such as a filter that is added to
            it, or the filter of a depthwise convolution that reads it.

    Raises:
        SqnxtError: A layer does not exist or has no filters, its mask has another length, a filter cannot be removed,
            two filters of one group have different masks, or no filter of a layer survives. The error names the layer.
    """
    channels = trace_channels(model)
    return prepare_narrowing(model, channels, surviving_groups(channels, survivors))()


def surviving_groups(channels: ChannelMap, survivors: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Combine the masks of layers into one mask of all groups, bool [groups].

    Raises:
        SqnxtError: See `narrow`.
    """
    alive, makers = channels.whole(), channels.makers
    masks = {name: _checked_mask(name, mask, makers) for name, mask in survivors.items()}
    removers: dict[int, str] = {}
    for name, mask in masks.items():
        for index in np.flatnonzero(~mask).tolist():
            group = int(makers[name][index])
            if group in channels.fixed:
                raise SqnxtError(
                    f"layer {name!r}", f"filter {index} cannot be removed ({channels.fixed[group]})", "let it survive"
                )
            removers.setdefault(group, f"filter {index} of {name!r}")
    alive[list(removers)] = False
    for name, mask in masks.items():
        for index in np.flatnonzero(mask & ~alive[makers[name]])[:1].tolist():
            raise SqnxtError(
                f"layer {name!r}",
                f"filter {index} survives, and {removers[int(makers[name][index])]} of the same channel group does not",
                "give both the same mask",
            )
    for name, group_ids in makers.items():
        if not alive[group_ids].any():
            raise SqnxtError(f"layer {name!r}", "has no surviving filter", "keep one at least")
    return alive


def _checked_mask(name: str, given: Any, makers: Mapping[str, NDArray[np.int64]]) -> NDArray[np.bool_]:
    if name not in makers:
        near = get_close_matches(name, makers, 1)
        hint = f"did you mean {near[0]}?" if near else "give a convolution or dense layer that is called once"
        raise SqnxtError(f"layer {name!r}", "does not exist, or its filters cannot be removed", hint)
    mask: NDArray[Any] = np.asarray(given)
    if mask.dtype != np.bool_ or mask.shape != makers[name].shape:
        raise SqnxtError(
            f"layer {name!r}",
            f"has {len(makers[name])} filters, and its mask is {mask.dtype} {list(mask.shape)}",
            "give one boolean for each filter",
        )
    return mask


def prepare_narrowing(
    model: Any, channels: ChannelMap, alive: NDArray[np.bool_], *, seed: int | None = None
) -> Callable[[], Any]:
    """Read the weights now, and return a function that builds the narrowed model, in the scope of any strategy.

    With a `seed`, random layers that have no seed of their own get one.
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
    """Return the axes of every variable. All axes of a layer without a rule, such as a nested model, are kept."""
    return channels.variables or [(None,) * len(variable.shape) for variable in layer.weights]


def _sliced(value: NDArray[Any], axes: tuple[NDArray[np.int64] | None, ...], alive: NDArray[np.bool_]) -> NDArray[Any]:
    for axis, group_ids in enumerate(axes):
        if group_ids is not None:
            value = np.compress(alive[group_ids], value, axis)
    return value


def _config(layer: Any, channels: LayerChannels, alive: NDArray[np.bool_], seed: int | None, index: int) -> Any:
    config = layer.get_config()
    for key, group_ids in channels.widths.items():
        width = int(alive[group_ids].sum())
        config[key] = (*config[key][:-1], width) if key == "target_shape" else width
    if seed is not None and "seed" in config and config["seed"] is None:
        config["seed"] = (seed * 1_000_003 + index) % 2**31
    return config
