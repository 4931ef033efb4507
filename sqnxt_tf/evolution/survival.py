"""Which filters survive into the next generation: a draw in which the strong are likely to, and none is safe.

Source: the synaptic probability of evolutionary synthesis, exp(w / Z - 1) times an environmental factor (Shafiee,
Mishra and Wong, arXiv 1606.04393, which SquishedNets, arXiv 1711.07459, builds on), taken for whole filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.channels import ChannelMap

BYTES_A_WEIGHT = 4  # float32


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorDraw:
    """The fates that survive, bool [fates], under an environmental factor; how many numbers are left."""

    alive: NDArray[np.bool_]
    environment: float
    parameters: int

    @property
    def bytes(self) -> int:
        """Of the weights in float32."""
        return BYTES_A_WEIGHT * self.parameters


def filter_strengths(model: Any, channels: ChannelMap) -> dict[str, NDArray[np.float64]]:
    """Name of a layer -> strength of each of its filters, float64 [filters], 1 for the strongest of the layer.

    A filter's strength is the Euclidean norm of its weights, times what the batch norm behind it multiplies them by.
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
    """Mean strength of all filters of a fate, float64 [fates], 0 to 1; 1 for a fate without filters."""
    total, count = np.zeros(channels.fates), np.zeros(channels.fates)
    for name, fates in channels.makers.items():
        np.add.at(total, fates, strengths[name])
        np.add.at(count, fates, 1)
    return np.divide(total, count, out=np.ones(channels.fates), where=count > 0)


def draw_survivors(
    channels: ChannelMap, strengths: NDArray[np.float64], generator: np.random.Generator, *, largest: int
) -> SurvivorDraw:
    """Draw who survives, under the mildest environment whose offspring has at most `largest` bytes.

    A channel group of strength s (`group_strengths`) survives with probability min(1, F exp(s - 1)), where F is the
    environmental factor: below 1 even the strongest group may die, and for F >= e every filter survives. A fixed group
    always survives, and so does the luckiest filter of each layer.

    Raises:
        SqnxtError: The model is that small already, or its smallest offspring is larger.
    """
    least = generator.random(channels.fates) / np.exp(strengths - 1)  # the environment that is needed to live
    least[list(channels.fixed)] = -1.0
    for fates in channels.makers.values():
        least[fates[np.argmin(least[fates])]] = min(-1.0, least[fates].min())
    environments = np.append(np.unique(least[least >= 0]), e)
    low, high = 0, len(environments) - 1

    def size(index: int) -> int:
        return BYTES_A_WEIGHT * channels.parameters(least < environments[index])

    if size(high) <= largest:
        raise SqnxtError(
            f"an offspring of {largest:,} bytes", f"the parent has {size(high):,}", "ask for a smaller one"
        )
    if size(low) > largest:
        raise SqnxtError(
            f"an offspring of {largest:,} bytes", f"the smallest has {size(low):,}", "ask for a larger one"
        )
    while high - low > 1:  # of `low` the size is within, of `high` it is not
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) <= largest else (low, middle)
    alive = least < environments[low]
    return SurvivorDraw(alive=alive, environment=float(environments[low]), parameters=channels.parameters(alive))
