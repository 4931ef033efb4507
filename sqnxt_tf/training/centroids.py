"""Fine-tuning of shared weights: all weights of a kernel that are equal move together, and zeros not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.pipeline import Arrays, InMemory
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.training.kernels import kernels
from sqnxt_tf.training.loop import copy_of, fit, plain_copy
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import History


@dataclass(frozen=True, slots=True)
class FineTuned:
    """The model with its new centroids, what was measured after each epoch, and the loss on all training images.

    Where the loss did not fall, `model` has the centroids that it had, and `loss_after` equals `loss_before`.
    """

    model: Any
    history: History
    loss_before: float
    loss_after: float


def fine_tune_centroids(
    model: Any,
    training: Arrays,
    validation: Arrays,
    recipe: Recipe,
    *,
    strategy: Any,
    seed: int = 0,
    progress: Progress = silent,
) -> FineTuned:
    """Train the distinct values of each kernel of `model` by their weights' gradients, a group at a time.

    Deep Compression (arXiv 1510.00149, section 3.3) moves a shared value by the sum of its weights' gradients; here it
    is their mean. The mean is gradient descent in the space of all weights, projected onto the weights that stay
    shared, so that it is as stable as ordinary training and takes its learning rates. By the sum a value steps further
    the more weights share it: on 1.0-SqNxt-23v5 with 3 bits a rate of 1e-5 already diverged, and 1e-6 came to 57 % of
    the digits in three epochs where the mean came to 96 %.

    Biases are trained as ever; what batch norm is left keeps its statistics.
    """
    groups = {name: _Groups.of(variable.numpy()) for name, variable in kernels(model).items()}
    weights = model.get_weights()

    def make_model() -> Any:
        copy = copy_of(model, weights)
        for layer in copy.layers:
            if type(layer).__name__ == "BatchNormalization":
                layer.trainable = False
        return copy

    def together(gradient: Any, variable: Any) -> Any:
        return groups[variable.name].mean(gradient) if variable.name in groups else gradient

    trained, history = fit(
        make_model,
        training,
        validation,
        recipe,
        strategy=strategy,
        seed=seed,
        change_gradient=together,
        task="fine-tuning",
        progress=progress,
    )
    result = plain_copy(trained)
    for name, variable in kernels(result).items():
        variable.assign(groups[name].levelled(variable.numpy()))
    before, after = (_loss(candidate, training, recipe.batch) for candidate in (model, result))
    if not after < before:
        return FineTuned(plain_copy(model), history, before, before)
    return FineTuned(result, history, before, after)


@dataclass(frozen=True, slots=True)
class _Groups:
    """Which weights of a kernel are equal: `of_weight` [n], int32, is 0 for zeros; `sizes` [groups]."""

    of_weight: NDArray[np.int32]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, kernel: NDArray[np.float32]) -> _Groups:
        values, inverse = np.unique(kernel[kernel != 0], return_inverse=True)
        of_weight = np.zeros(kernel.size, np.int32)
        of_weight[kernel.ravel() != 0] = inverse.ravel() + 1
        return cls(of_weight, np.bincount(of_weight, minlength=len(values) + 1))

    def mean(self, gradient: Any) -> Any:
        """Each weight's gradient replaced by the mean over its group; none for zeros."""
        import tensorflow as tf

        sums = tf.math.unsorted_segment_sum(tf.reshape(gradient, [-1]), self.of_weight, len(self.sizes))
        scale = 1 / np.maximum(self.sizes, 1).astype(np.float32)
        scale[0] = 0
        return tf.reshape(tf.gather(sums * scale, self.of_weight), gradient.shape)

    def levelled(self, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each weight replaced by its group's mean: equal steps may differ in the last bit from lane to lane."""
        sums = np.bincount(self.of_weight, kernel.ravel().astype(np.float64), minlength=len(self.sizes))
        means = sums / np.maximum(self.sizes, 1)
        means[0] = 0
        return means.astype(np.float32)[self.of_weight].reshape(kernel.shape)


def _loss(model: Any, arrays: Arrays, batch: int) -> float:
    """The mean cross-entropy over `arrays`."""
    import tf_keras as keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    total = 0.0
    for images, labels in InMemory(arrays=arrays).evaluation(batch=batch):
        total += float(np.sum(loss(labels, model(images, training=False))))
    return total / len(arrays)
