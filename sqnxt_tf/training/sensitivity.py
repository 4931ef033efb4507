"""The sensitivity of each layer to pruning: its smallest weights alone are set to zero, without fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.training.kernels import prunable_layers, pruned_kernel

_BATCH = 64  # images a forward pass


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityPoint:
    """Top-1 (a fraction) and loss (mean cross-entropy in nats) with `zeros` weights of one layer at zero."""

    sparsity: float
    zeros: int
    top1: float
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSensitivity:
    """One layer at every sparsity; `sensitivity` is the mean rise of the loss over them."""

    name: str
    weights: int
    points: tuple[SensitivityPoint, ...]
    sensitivity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """Top-1 and loss of the unpruned model on `samples` images, and its layers, the most sensitive first."""

    samples: int
    top1: float
    loss: float
    layers: tuple[LayerSensitivity, ...]


def scan(
    model: Any,
    data: Arrays,
    *,
    sparsities: Sequence[float],
    names: Sequence[str],
    progress: Progress = silent,
) -> Sensitivity:
    """Prune each of the layers `names` alone to each sparsity, and evaluate the model on `data` each time.

    The layers are sorted by the rise of the loss, which moves before top-1 does. The model keeps its weights.
    """
    evaluate = _make_evaluation(model, data)
    top1, loss = evaluate()
    layers, found = prunable_layers(model), []
    for done, name in enumerate(names):
        progress("scanning layers", done, len(names))
        found.append(_scan_layer(name, pruned_kernel(layers[name]), sparsities, evaluate, loss))
    progress("scanning layers", len(names), len(names))
    found.sort(key=lambda layer: layer.sensitivity, reverse=True)
    return Sensitivity(samples=len(data), top1=top1, loss=loss, layers=tuple(found))


def _scan_layer(
    name: str, kernel: Any, sparsities: Sequence[float], evaluate: Callable[[], tuple[float, float]], dense_loss: float
) -> LayerSensitivity:
    values, points = kernel.numpy(), []
    try:
        for sparsity in sparsities:
            pruned = without_smallest(values, round(sparsity * values.size))
            kernel.assign(pruned)
            top1, loss = evaluate()
            points.append(SensitivityPoint(sparsity=sparsity, zeros=int((pruned == 0).sum()), top1=top1, loss=loss))
    finally:
        kernel.assign(values)
    rise = float(np.mean([point.loss for point in points])) - dense_loss
    return LayerSensitivity(name=name, weights=values.size, points=tuple(points), sensitivity=rise)


def without_smallest(values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return a copy of an array with that many of its values, the smallest in magnitude, set to zero."""
    pruned = values.copy().ravel()
    if count:
        pruned[np.argpartition(np.abs(pruned), count - 1)[:count]] = 0
    return pruned.reshape(values.shape)


def _make_evaluation(model: Any, data: Arrays) -> Callable[[], tuple[float, float]]:
    """Return a function that evaluates the model with its current weights, by one compiled forward pass."""
    import tensorflow as tf

    specification = tf.TensorSpec((None, *data.images.shape[1:]), tf.float32)
    forward = tf.function(lambda images: model(images, training=False), input_signature=[specification])
    batches = [tf.constant(data.images[start : start + _BATCH]) for start in range(0, len(data), _BATCH)]

    def evaluate() -> tuple[float, float]:
        logits = np.concatenate([forward(batch).numpy() for batch in batches]).astype(np.float64)
        best = logits.max(axis=1)
        losses = best + np.log(np.exp(logits - best[:, None]).sum(axis=1)) - logits[np.arange(len(data)), data.labels]
        return float(np.mean(logits.argmax(axis=1) == data.labels)), float(losses.mean())

    return evaluate
