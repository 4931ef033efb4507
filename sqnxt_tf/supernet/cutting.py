"""Cut a network out of a supernet, as an ordinary model with its own weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.networks.squeezenext_names import spec_name
from sqnxt_tf.supernet.choices import SIZE, Choice, SupernetChoices
from sqnxt_tf.supernet.layer_program import LayerProgram

Statistics = NDArray[np.float32]
"""Mean and variance of all batch norms of a supernet, [2, channels]; what a choice leaves out is 0."""


def cut_out(model: Any, choices: SupernetChoices, choice: Choice, statistics: Statistics) -> Any:
    """Return the network of a choice with its slice of a supernet's weights, and the given batch-norm statistics.

    Args:
        model: The supernet's model, the largest network.
        choices: The networks that it holds.
        choice: The network to cut out.
        statistics: The statistics that were estimated for this network.
    """
    classes = int(model.output_shape[-1])
    network = build(spec_name(choices.spec(choice)), classes=classes, input_size=choice[SIZE])
    slots = LayerProgram.of(choices, classes).slots
    for layer in network.layers:
        if not layer.weights:
            continue
        own, given = layer.get_weights(), model.get_layer(layer.name).get_weights()
        if layer.name.endswith("_bn"):
            slot = slots[layer.name.removesuffix("_bn")]
            given = [*given[:2], *statistics[:, slot.slice]]
        layer.set_weights([_slice(large, small.shape) for large, small in zip(given, own, strict=True)])
    return network


def _slice(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the first channels of weights; of a kernel's height and width, the centre."""
    channels = (
        values[tuple(slice(0, size) for size in shape)] if len(shape) < 4 else values[..., : shape[2], : shape[3]]
    )
    if len(shape) < 4:
        return channels
    top, left = ((large - small) // 2 for large, small in zip(values.shape[:2], shape[:2], strict=True))
    return channels[top : top + shape[0], left : left + shape[1]]
