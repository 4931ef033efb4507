"""Residual branches that begin small, so that gradients do not grow from layer to layer.

Batch norm makes the signals of every layer as large as those of any other, and the gradients of random layers grow by
a fifth each time (Yang et al., A Mean Field Theory of Batch Normalization, arXiv 1902.08129). A SqueezeNext has five
layers a block: relative to its weights, the first layer of 1.0-SqNxt-23v5 has 7,000 times the gradient of the last
ones. Adam then moves the first layers at random, and four epochs of photographs teach it nothing. Small branches
leave a short way from the first layer to the last one, through the sums.
"""

from __future__ import annotations

from typing import Any

from sqnxt_tf.training.batch_norms import is_batch_norm

_ACTIVATIONS = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Activation")


def scale_branches(model: Any, scale: float) -> tuple[str, ...]:
    """Set the scale (gamma) of the last batch norm of every residual branch, and return the names of these layers.

    A branch is an input of a sum that ends in a batch norm, with or without an activation behind it. Where all inputs
    do, one of them is the projection that stands for the skip connection: the longest is the branch.

    Args:
        model: A functional `tf_keras` model.
        scale: The gamma of all channels. Zero would be final where a ReLU follows, since no gradient passes it.
    """
    found = []
    for layer in model.layers:
        if type(layer).__name__ == "Add":
            ends = {norm.name: (norm, length) for norm, length in map(_end, layer.input) if norm is not None}
            if ends:
                norm, _ = max(ends.values(), key=lambda end: end[1])
                norm.gamma.assign([scale] * norm.gamma.shape[0])
                found.append(norm.name)
    return tuple(found)


def _end(tensor: Any) -> tuple[Any, int]:
    """Return the batch norm that ends a branch, or None, and the number of layers in the branch."""
    layer = tensor._keras_history.layer
    if type(layer).__name__ in _ACTIVATIONS:
        layer = layer.input._keras_history.layer
    if not is_batch_norm(layer) or not layer.scale:
        return None, 0
    norm, length = layer, 0
    while len(layer._inbound_nodes) == 1 and not isinstance(layer.input, list) and len(layer._outbound_nodes) <= 1:
        length += 1
        if not hasattr(layer.input, "_keras_history") or type(layer).__name__ == "InputLayer":
            break
        layer = layer.input._keras_history.layer
    return norm, length
