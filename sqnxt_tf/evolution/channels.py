"""Channel groups: the channels of a Keras model that are kept or removed together, and those that cannot be removed.

Every channel of every tensor belongs to a *channel group*, which has a number. A convolution's filters make new groups.
A sum of two tensors joins the groups of their channels, one by one. Pooling, batch norm and activations pass groups on.
A group is *fixed*, and cannot be removed, if a layer without a narrower form reads it, or if it is an input or output
of the model. `channel_rules.py` has the rule of each class of layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError

GroupIds = NDArray[np.int64]
"""The number of each channel's group, int64 [channels]."""
Axes = tuple[GroupIds | None, ...]
"""For each axis of a variable the groups of its channels; None for an axis that is not narrowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChannels:
    """The channel groups of one layer.

    Attributes:
        name: The layer's name.
        made: The groups of its own filters; None for a layer without filters.
        variables: The axes of each of its weights, in Keras's order.
        shapes: The shape of each of its weights.
        widths: The settings of its config that count channels, and the groups that they count.
        kernel: The index of the weight that holds the filters.
        norm: The batch norm that alone scales the filters.
    """

    name: str
    made: GroupIds | None = None
    variables: tuple[Axes, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    widths: Mapping[str, GroupIds]
    kernel: int = 0
    norm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMap:
    """All layers of a model with their channel groups, numbered from 0. `fixed` tells why a group cannot be removed."""

    layers: Mapping[str, LayerChannels]
    group_count: int
    fixed: Mapping[int, str]

    @property
    def makers(self) -> dict[str, GroupIds]:
        """The groups of each layer's filters, by the layer's name; without layers that have none."""
        return {name: layer.made for name, layer in self.layers.items() if layer.made is not None}

    def whole(self) -> NDArray[np.bool_]:
        """Return a mask with which every group survives, bool [groups]."""
        return np.ones(self.group_count, np.bool_)

    def parameters(self, alive: NDArray[np.bool_]) -> int:
        """Count the parameters that are left with the groups of `alive`, bool [groups]."""
        return sum(
            prod(
                size if group_ids is None else int(alive[group_ids].sum())
                for size, group_ids in zip(shape, axes, strict=True)
            )
            for layer in self.layers.values()
            for shape, axes in zip(layer.shapes, layer.variables, strict=True)
        )  # fmt: skip

    def filters(self, alive: NDArray[np.bool_]) -> int:
        """Count the filters that are left with the groups of `alive`, bool [groups]."""
        return sum(int(alive[group_ids].sum()) for group_ids in self.makers.values())


class Tracer:
    """Makes, joins and fixes channel groups, layer by layer (a union-find over channels)."""

    def __init__(self) -> None:
        self._joined: list[int] = []
        self._fixed: list[tuple[GroupIds, str]] = []
        self.layers: dict[str, LayerChannels] = {}

    def new(self, channels: int) -> GroupIds:
        """Return new groups, one a channel."""
        first = len(self._joined)
        self._joined.extend(range(first, first + channels))
        return np.arange(first, first + channels, dtype=np.int64)

    def join(self, ours: GroupIds, theirs: GroupIds) -> None:
        """Join the groups of two lists of channels, one by one."""
        for one, other in zip(ours.tolist(), theirs.tolist(), strict=True):
            first, second = sorted((self._root(one), self._root(other)))
            self._joined[second] = first

    def fix(self, group_ids: GroupIds, reason: str) -> None:
        """Record why groups cannot be removed."""
        self._fixed.append((group_ids, reason))

    def opaque(self, inputs: Iterable[GroupIds], channels: int, reason: str) -> GroupIds:
        """Return the output of a layer that cannot be narrowed, and fix all groups that it reads or makes."""
        for group_ids in inputs:
            self.fix(group_ids, reason)
        made = self.new(channels)
        self.fix(made, reason)
        return made

    def finish(self) -> ChannelMap:
        """Return the map, with the groups numbered from 0."""
        roots = np.array([self._root(group) for group in range(len(self._joined))], np.int64)
        kept, numbers = np.unique(roots, return_inverse=True)
        fixed: dict[int, str] = {}
        for group_ids, reason in self._fixed:
            for group in np.unique(numbers[group_ids]).tolist():
                fixed.setdefault(group, reason)
        layers = {name: _renumbered(layer, numbers) for name, layer in self.layers.items()}
        return ChannelMap(layers=layers, group_count=len(kept), fixed=fixed)

    def _root(self, group: int) -> int:
        while self._joined[group] != group:
            self._joined[group] = self._joined[self._joined[group]]
            group = self._joined[group]
        return group


def _renumbered(layer: LayerChannels, numbers: NDArray[np.intp]) -> LayerChannels:
    def number(group_ids: GroupIds | None) -> GroupIds | None:
        return None if group_ids is None else numbers[group_ids].astype(np.int64)

    return LayerChannels(
        name=layer.name,
        made=number(layer.made),
        variables=tuple(tuple(number(axis) for axis in axes) for axes in layer.variables),
        shapes=layer.shapes,
        widths={key: numbers[group_ids].astype(np.int64) for key, group_ids in layer.widths.items()},
        kernel=layer.kernel,
        norm=layer.norm,
    )


def trace_channels(model: Any) -> ChannelMap:
    """Return the channel groups of a functional `tf_keras` model.

    Raises:
        SqnxtError: The model is not functional, or a tensor has an unknown number of channels.
    """
    from sqnxt_tf.evolution.channel_rules import apply_rule

    if not getattr(model, "_is_graph_network", False):
        raise SqnxtError(f"model {model.name!r}", "is not a functional model", "build it from its layers")
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    calls = Counter(node.layer.name for node in nodes)
    tracer, found = Tracer(), dict[int, GroupIds]()
    for node in nodes:
        inputs = [] if node.is_input else [found[id(tensor)] for tensor in node.keras_inputs]
        outputs = listed(node.outputs)
        if any(not tensor.shape or tensor.shape[-1] is None for tensor in outputs):
            raise SqnxtError(f"layer {node.layer.name!r}", "has an unknown number of channels", "give it a fixed shape")
        made = apply_rule(tracer, node, inputs, shared=calls[node.layer.name] > 1)
        found.update((id(tensor), group_ids) for tensor, group_ids in zip(outputs, made, strict=True))
    for tensor in model.outputs:
        tracer.fix(found[id(tensor)], "it is an output of the model")
    _find_norms(tracer, nodes)
    return tracer.finish()


def _find_norms(tracer: Tracer, nodes: list[Any]) -> None:
    """Record which batch norm scales which layer's filters."""
    makers = {id(tensor): node.layer.name for node in nodes for tensor in listed(node.outputs)}
    for node in nodes:
        if type(node.layer).__name__ == "BatchNormalization" and tracer.layers[node.layer.name].variables:
            maker = tracer.layers[makers[id(node.keras_inputs[0])]]
            if maker.made is not None:
                tracer.layers[maker.name] = replace(maker, norm=node.layer.name)


def listed(value: Any) -> list[Any]:
    """Return a list of one value or of several."""
    return list(value) if isinstance(value, list | tuple) else [value]
