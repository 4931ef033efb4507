"""The random draw of the filters that survive into the next generation; strong filters are more likely to survive.

Source: the synaptic probability of evolutionary synthesis, exp(w / Z - 1) times an environmental factor (Shafiee,
Mishra and Wong, arXiv 1606.04393, which SquishedNets, arXiv 1711.07459, builds on), applied to whole filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.channels import ChannelMap

BYTES_PER_WEIGHT = 4  # float32


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorDraw:
    """The groups that survive, bool [groups], their environmental factor, and the parameters that are left."""

    alive: NDArray[np.bool_]
    environment: float
    parameters: int

    @property
    def bytes(self) -> int:
        """The bytes of the weights in float32."""
        return BYTES_PER_WEIGHT * self.parameters


def filter_strengths(model: Any, channels: ChannelMap) -> dict[str, NDArray[np.float64]]:
    """Return the strength of each filter of each layer, float64 [filters]; 1 for the strongest of the layer.

    A filter's strength is the Euclidean norm of its weights times the factor of the batch norm behind it.

    Example: filters with the norms 2, 4 and 1 have the strengths 0.5, 1 and 0.25.
    """
    strengths = {}
    for name, maker in channels.layers.items():
        if maker.made is None:
            continue
        layer = model.get_layer(name)
        kernel = np.asarray(layer.get_weights()[maker.kernel], np.float64)
        if type(layer).__name__ == "Conv2DTranspose":
            kernel = kernel.swapaxes(-1, -2)
        strength = np.sqrt((kernel.reshape(-1, len(maker.made)) ** 2).sum(axis=0))
        if maker.norm is not None:
            norm = model.get_layer(maker.norm)
            gain = np.asarray(norm.gamma, np.float64) if norm.scale else 1.0
            strength = strength * np.abs(gain) / np.sqrt(np.asarray(norm.moving_variance, np.float64) + norm.epsilon)
        strengths[name] = strength / (strength.max() or 1.0)
    return strengths


def group_strengths(channels: ChannelMap, strengths: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean strength of the filters of each group, float64 [groups], 0 to 1; 1 for a group without any."""
    total, count = np.zeros(channels.group_count), np.zeros(channels.group_count)
    for name, group_ids in channels.makers.items():
        np.add.at(total, group_ids, strengths[name])
        np.add.at(count, group_ids, 1)
    return np.divide(total, count, out=np.ones(channels.group_count), where=count > 0)


def draw_survivors(
    channels: ChannelMap, strengths: NDArray[np.float64], generator: np.random.Generator, *, largest: int
) -> SurvivorDraw:
    """Draw the groups that survive, with the largest environmental factor whose offspring has at most `largest` bytes.

    A channel group of strength s (`group_strengths`) survives with probability min(1, F exp(s - 1)), where F is the
    environmental factor: for F < 1 even the strongest group may be removed, and for F >= e every filter survives. A
    fixed group always survives, and so does one filter of each layer, the one that needs the smallest factor.

    Example: with F = 0.8 a group of strength 1 survives with probability 0.8, and one of strength 0.5 with
    0.8 exp(-0.5) = 0.49.

    Raises:
        SqnxtError: The model has at most `largest` bytes already, or its smallest offspring has more.
    """
    least = generator.random(channels.group_count) / np.exp(strengths - 1)  # the factor above which a group survives
    least[list(channels.fixed)] = -1.0
    for group_ids in channels.makers.values():
        least[group_ids[np.argmin(least[group_ids])]] = min(-1.0, least[group_ids].min())
    environments = np.append(np.unique(least[least >= 0]), e)
    low, high = 0, len(environments) - 1

    def size(index: int) -> int:
        return BYTES_PER_WEIGHT * channels.parameters(least < environments[index])

    if size(high) <= largest:
        raise SqnxtError(
            f"an offspring of {largest:,} bytes",
            f"is no smaller than its parent of {size(high):,}",
            "give a smaller size",
        )
    if size(low) > largest:
        raise SqnxtError(
            f"an offspring of {largest:,} bytes",
            f"cannot be drawn, as the smallest has {size(low):,}",
            "give a larger size",
        )
    while high - low > 1:  # the offspring of `low` is small enough, that of `high` is not
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= largest else (low, middle)
    alive = least < environments[low]
    return SurvivorDraw(alive=alive, environment=float(environments[low]), parameters=channels.parameters(alive))
