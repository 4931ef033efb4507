"""Which channels of a Keras model stand and fall together, and which cannot fall at all.

Every channel of every tensor belongs to a *fate*. A convolution's filters have fates of their own; what adds two maps
joins the fates of their channels, one by one; what only passes channels on (pooling, batch norm, activations) keeps
them. A fate is fixed where something reads its channels in a way that has no narrower form, or where they are the
model's image or answer. `channel_rules.py` says what each class of layer does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError

Fates = NDArray[np.int64]
Axes = tuple[Fates | None, ...]
"""For each axis of a variable the fates of its channels; None for an axis that stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChannels:
    """The channels of one layer.

    `made` are those of its own filters (None for a layer that makes none), `variables` the axes of each of its weights
    in Keras's order, `widths` the settings of its config that count channels. `kernel` is the index of the variable
    whose filters are `made`, and `norm` the batch norm that alone scales them.
    """

    name: str
    made: Fates | None = None
    variables: tuple[Axes, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    widths: Mapping[str, Fates]
    kernel: int = 0
    norm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMap:
    """All layers of a model with their channels. Fates are numbered from 0; `fixed` tells why one cannot fall."""

    layers: Mapping[str, LayerChannels]
    fates: int
    fixed: Mapping[int, str]

    @property
    def makers(self) -> dict[str, Fates]:
        """Name of every layer that has filters -> their fates."""
        return {name: layer.made for name, layer in self.layers.items() if layer.made is not None}

    def whole(self) -> NDArray[np.bool_]:
        """Everything survives, bool [fates]."""
        return np.ones(self.fates, np.bool_)

    def parameters(self, alive: NDArray[np.bool_]) -> int:
        """How many numbers the weights hold when the fates of `alive`, bool [fates], are left."""
        return sum(
            prod(
                size if fates is None else int(alive[fates].sum())
                for size, fates in zip(shape, axes, strict=True)
            )
            for layer in self.layers.values()
            for shape, axes in zip(layer.shapes, layer.variables, strict=True)
        )  # fmt: skip

    def filters(self, alive: NDArray[np.bool_]) -> int:
        """How many filters are left in all layers."""
        return sum(int(alive[fates].sum()) for fates in self.makers.values())


class Tracer:
    """Makes, joins and fixes fates while a model is walked through."""

    def __init__(self) -> None:
        self._joined: list[int] = []
        self._fixed: list[tuple[Fates, str]] = []
        self.layers: dict[str, LayerChannels] = {}

    def new(self, channels: int) -> Fates:
        """Fates that nothing else has."""
        first = len(self._joined)
        self._joined.extend(range(first, first + channels))
        return np.arange(first, first + channels, dtype=np.int64)

    def join(self, ours: Fates, theirs: Fates) -> None:
        """Let channels stand and fall together, one by one."""
        for one, other in zip(ours.tolist(), theirs.tolist(), strict=True):
            first, second = sorted((self._root(one), self._root(other)))
            self._joined[second] = first

    def fix(self, fates: Fates, reason: str) -> None:
        """Say that none of these can fall, and why."""
        self._fixed.append((fates, reason))

    def opaque(self, inputs: Iterable[Fates], channels: int, reason: str) -> Fates:
        """The output of a layer that cannot be narrowed: nothing that it reads or makes can fall."""
        for fates in inputs:
            self.fix(fates, reason)
        made = self.new(channels)
        self.fix(made, reason)
        return made

    def finish(self) -> ChannelMap:
        """The map, its fates numbered from 0."""
        roots = np.array([self._root(fate) for fate in range(len(self._joined))], np.int64)
        kept, numbers = np.unique(roots, return_inverse=True)
        fixed: dict[int, str] = {}
        for fates, reason in self._fixed:
            for fate in np.unique(numbers[fates]).tolist():
                fixed.setdefault(fate, reason)
        layers = {name: _renumbered(layer, numbers) for name, layer in self.layers.items()}
        return ChannelMap(layers=layers, fates=len(kept), fixed=fixed)

    def _root(self, fate: int) -> int:
        while self._joined[fate] != fate:
            self._joined[fate] = self._joined[self._joined[fate]]
            fate = self._joined[fate]
        return fate


def _renumbered(layer: LayerChannels, numbers: NDArray[np.intp]) -> LayerChannels:
    def number(fates: Fates | None) -> Fates | None:
        return None if fates is None else numbers[fates].astype(np.int64)

    return LayerChannels(
        name=layer.name,
        made=number(layer.made),
        variables=tuple(tuple(number(axis) for axis in axes) for axes in layer.variables),
        shapes=layer.shapes,
        widths={key: numbers[fates].astype(np.int64) for key, fates in layer.widths.items()},
        kernel=layer.kernel,
        norm=layer.norm,
    )


def trace_channels(model: Any) -> ChannelMap:
    """The channels of a functional `tf_keras` model.

    Raises:
        SqnxtError: It is not functional, or a tensor has an unknown number of channels.
    """
    from sqnxt_tf.evolution.channel_rules import apply_rule

    if not getattr(model, "_is_graph_network", False):
        raise SqnxtError(f"model {model.name!r}", "is no functional model", "narrow one that is built from its layers")
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    calls = Counter(node.layer.name for node in nodes)
    tracer, found = Tracer(), dict[int, Fates]()
    for node in nodes:
        inputs = [] if node.is_input else [found[id(tensor)] for tensor in node.keras_inputs]
        outputs = listed(node.outputs)
        if any(not tensor.shape or tensor.shape[-1] is None for tensor in outputs):
            raise SqnxtError(f"layer {node.layer.name!r}", "has an unknown number of channels", "give it a fixed shape")
        fates = apply_rule(tracer, node, inputs, shared=calls[node.layer.name] > 1)
        found.update((id(tensor), made) for tensor, made in zip(outputs, fates, strict=True))
    for tensor in model.outputs:
        tracer.fix(found[id(tensor)], "they are the model's answer")
    _find_norms(tracer, nodes)
    return tracer.finish()


def _find_norms(tracer: Tracer, nodes: list[Any]) -> None:
    """Note which batch norm scales which layer's filters."""
    from dataclasses import replace

    makers = {id(tensor): node.layer.name for node in nodes for tensor in listed(node.outputs)}
    for node in nodes:
        if type(node.layer).__name__ == "BatchNormalization" and tracer.layers[node.layer.name].variables:
            maker = tracer.layers[makers[id(node.keras_inputs[0])]]
            if maker.made is not None:
                tracer.layers[maker.name] = replace(maker, norm=node.layer.name)


def listed(value: Any) -> list[Any]:
    """A list of one or of several."""
    return list(value) if isinstance(value, list | tuple) else [value]
