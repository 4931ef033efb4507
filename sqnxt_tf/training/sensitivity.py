"""How much each layer minds being pruned: its smallest weights set to zero alone, without fine-tuning."""

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
    """The model with `zeros` of one layer's weights at zero; top-1 a fraction, loss the mean cross-entropy in nats."""

    sparsity: float
    zeros: int
    top1: float
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSensitivity:
    """One layer at every sparsity, and how much the loss rises on average over them."""

    name: str
    weights: int
    points: tuple[SensitivityPoint, ...]
    sensitivity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """The model as it came, and its layers, the most sensitive first."""

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
    """Prune each of the layers `names` to each sparsity, alone, and show the model all of `data`.

    The loss moves before top-1 does, so the layers are sorted by it. The model keeps its weights.
    """
    judge = _make_judge(model, data)
    top1, loss = judge()
    layers, found = prunable_layers(model), []
    for done, name in enumerate(names):
        progress("scanning layers", done, len(names))
        found.append(_scan_layer(name, pruned_kernel(layers[name]), sparsities, judge, loss))
    progress("scanning layers", len(names), len(names))
    found.sort(key=lambda layer: layer.sensitivity, reverse=True)
    return Sensitivity(samples=len(data), top1=top1, loss=loss, layers=tuple(found))


def _scan_layer(
    name: str, kernel: Any, sparsities: Sequence[float], judge: Callable[[], tuple[float, float]], dense_loss: float
) -> LayerSensitivity:
    values, points = kernel.numpy(), []
    try:
        for sparsity in sparsities:
            pruned = without_smallest(values, sparsity)
            kernel.assign(pruned)
            top1, loss = judge()
            points.append(SensitivityPoint(sparsity=sparsity, zeros=int((pruned == 0).sum()), top1=top1, loss=loss))
    finally:
        kernel.assign(values)
    rise = float(np.mean([point.loss for point in points])) - dense_loss
    return LayerSensitivity(name=name, weights=values.size, points=tuple(points), sensitivity=rise)


def without_smallest(values: NDArray[np.float32], sparsity: float) -> NDArray[np.float32]:
    """The same array with that fraction of it, the smallest in magnitude, at zero."""
    pruned = values.copy().ravel()
    count = round(sparsity * pruned.size)
    if count:
        pruned[np.argpartition(np.abs(pruned), count - 1)[:count]] = 0
    return pruned.reshape(values.shape)


def _make_judge(model: Any, data: Arrays) -> Callable[[], tuple[float, float]]:
    """What tells top-1 and loss of the model as it is: one compiled forward pass for all of its weights."""
    import tensorflow as tf

    specification = tf.TensorSpec((None, *data.images.shape[1:]), tf.float32)
    forward = tf.function(lambda images: model(images, training=False), input_signature=[specification])
    batches = [tf.constant(data.images[start : start + _BATCH]) for start in range(0, len(data), _BATCH)]

    def judge() -> tuple[float, float]:
        logits = np.concatenate([forward(batch).numpy() for batch in batches]).astype(np.float64)
        best = logits.max(axis=1)
        losses = best + np.log(np.exp(logits - best[:, None]).sum(axis=1)) - logits[np.arange(len(data)), data.labels]
        return float(np.mean(logits.argmax(axis=1) == data.labels)), float(losses.mean())

    return judge
