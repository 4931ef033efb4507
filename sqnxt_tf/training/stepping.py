"""One optimizer step, and one batch of evaluation, compiled for all replicas of a strategy."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_tf.data.batches import Batches, WorkerRank
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.kernels import kernels
from sqnxt_tf.training.mixing import mixed
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_options import RunOptions

_LARGEST_SEED = 2**31 - 1
_MIXING = 1_000_003  # the purpose of random numbers; layers use their places in the model


@dataclass(frozen=True, slots=True)
class MetricSums:
    """Sums of loss, right answers and images over all workers; `flags` counts the replicas that raised their flag."""

    loss: float = 0.0
    right: float = 0.0
    images: float = 0.0
    flags: float = 0.0

    def __add__(self, other: MetricSums) -> MetricSums:
        return MetricSums(
            self.loss + other.loss, self.right + other.right, self.images + other.images, self.flags + other.flags
        )

    def means(self, prefix: str = "") -> dict[str, float]:
        """Return mean loss and accuracy, their names with a prefix."""
        return {
            f"{prefix}loss": self.loss / max(self.images, 1),
            f"{prefix}accuracy": self.right / max(self.images, 1),
        }


class Throughput:
    """Images per second over the last steps; the time between two epochs does not count."""

    WINDOW = 50  # steps

    def __init__(self) -> None:
        self._steps: deque[tuple[float, float]] = deque(maxlen=self.WINDOW)

    def after(self, images: float) -> float:
        """Return the images per second after a step of that many images, or 0 before the second step."""
        self._steps.append((time.monotonic(), images))
        seconds = self._steps[-1][0] - self._steps[0][0]
        return sum(count for _, count in list(self._steps)[1:]) / seconds if seconds else 0.0

    def pause(self) -> None:
        """Forget the last steps, because something else is done now."""
        self._steps.clear()


class Stepper:
    """Takes steps with a model of a strategy. Every worker must take the same steps.

    A worker hands all its images to each of its replicas, and each replica takes its own part of them. So a step has
    one graph for any number of images, which makes a resumed run equal to an uninterrupted one, bit for bit.
    """

    def __init__(
        self, model: Any, optimizer: Any, loss: Any, run: RunOptions, rank: WorkerRank, *, mixup: float = 0.0
    ) -> None:
        import tensorflow as tf

        strategy = run.strategy
        self._model, self._optimizer, self._loss, self._strategy, self._rank = model, optimizer, loss, strategy, rank
        self._mixup, self._seed = mixup, run.seed
        self._change = run.change_gradient
        self._places = {id(variable): place for place, variable in kernels(model).items()} if self._change else {}
        self._local = max(strategy.num_replicas_in_sync // rank.workers, 1)
        with strategy.scope():
            self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        images = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
        batch = [images, tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.float32)]
        self._train = tf.function(self._train_all, input_signature=[*batch, tf.TensorSpec([], tf.float32)])
        self._test = tf.function(self._test_all, input_signature=batch)

    def train(self, step: int, images: Any, labels: Any, *, flag: bool = False) -> MetricSums:
        """Take one optimizer step on this worker's part of a batch, and return the sums of the whole batch."""
        self.step.assign(step)
        return _sums_of(self._train(*self._padded(images, labels), float(flag)))

    def evaluate(self, batches: Batches, batch: int) -> MetricSums:
        """Return the sums of the loss (plain cross-entropy) and of right answers over all images."""
        total = MetricSums()
        for images, labels in batches.evaluation(batch=batch, rank=self._rank):
            total += _sums_of(self._test(*self._padded(images, labels)))
        return total

    def check_together(self, step: int, folder: Path) -> None:
        """Refuse to continue where the workers have read different states: they would wait for each other for ever.

        Raises:
            SqnxtError: The state of another worker is of another step.
        """
        import tensorflow as tf

        if self._rank.workers == 1:
            return

        def mean_of_all(own: Any) -> Any:
            return self._strategy.reduce("MEAN", self._strategy.run(lambda: own), axis=None)

        mean = tf.function(mean_of_all)(tf.constant(step, tf.float64))
        if int(mean) != step:
            raise SqnxtError(
                folder,
                f"worker {self._rank.worker} finds step {step} there, and other workers find another step",
                "give all workers the same folder on a common disk",
            )

    def _padded(self, images: Any, labels: Any) -> tuple[Any, Any, Any]:
        """Return images, labels and weights, padded to one image for each replica: batch norm of no image gives NaN.

        The padding repeats the worker's own images with weight 0, so that batch norm's statistics see true images. A
        worker without any readable image takes black ones; this is the one case where the statistics see anything else.
        Example: 2 images for 3 replicas become images 0, 1, 0 with weights 1, 1, 0.
        """
        import tensorflow as tf

        images, labels = tf.convert_to_tensor(images, tf.float32), tf.cast(labels, tf.int64)
        missing = max(self._local - len(labels), 0)
        weights = np.r_[np.ones(len(labels), np.float32), np.zeros(missing, np.float32)]
        if missing and len(labels):
            again = np.arange(self._local) % len(labels)
            images, labels = tf.gather(images, again), tf.gather(labels, again)
        elif missing:
            images = tf.zeros((missing, *images.shape[1:]))
            labels = tf.zeros(missing, tf.int64)
        return images, labels, weights

    def _train_all(self, images: Any, labels: Any, weights: Any, flag: Any) -> Any:
        return self._sum(self._strategy.run(self._train_one, (images, labels, weights, flag)))

    def _test_all(self, images: Any, labels: Any, weights: Any) -> Any:
        return self._sum(self._strategy.run(self._test_one, (images, labels, weights)))

    def _sum(self, per_replica: Any) -> Any:
        return self._strategy.reduce("SUM", per_replica, axis=None)

    def _part(self, *tensors: Any) -> tuple[Any, ...]:
        """Return this replica's part of its worker's batch, cut on the host: only the part is sent to a device."""
        import tensorflow as tf

        if self._local == 1:
            return tensors
        replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int32) % self._local
        with tf.device("/cpu:0"):
            count = tf.shape(tensors[-1])[0]
            first, last = (count * place // self._local for place in (replica, replica + 1))
            return tuple(tensor[first:last] for tensor in tensors)

    def _train_one(self, images: Any, labels: Any, weights: Any, flag: Any) -> Any:
        import tensorflow as tf

        images, labels, weights = self._part(images, labels, weights)
        context = tf.distribute.get_replica_context()
        count = tf.reduce_sum(weights)
        everywhere = tf.maximum(context.all_reduce("SUM", count), 1.0)  # perhaps no image of the batch is readable
        variables = self._model.trainable_variables
        loss = self._loss
        if self._mixup:
            images, loss = mixed(images, labels, loss, alpha=self._mixup, seed=self._step_seed(context))
        with tf.GradientTape() as tape:
            logits = tf.cast(self._model(images, training=True), tf.float32)
            losses = weights * loss(labels, logits, images)
            objective = tf.reduce_sum(losses) / everywhere
            if self._model.losses:
                objective += tf.add_n(self._model.losses) / context.num_replicas_in_sync
            scaled = _scaled(self._optimizer, objective)
        gradients = _unscaled(self._optimizer, tape.gradient(scaled, variables))
        changed = [self._changed(*pair) for pair in zip(gradients, variables, strict=True)]
        self._optimizer.apply_gradients(zip(changed, variables, strict=True))
        return tf.stack([tf.reduce_sum(losses), _right(labels, logits, weights), count, flag])

    def _step_seed(self, context: Any) -> Any:
        """Return a seed that differs between steps and replicas, so that a resumed run draws the same again."""
        import tensorflow as tf

        fold = tf.random.experimental.stateless_fold_in
        return fold(fold([self._seed & _LARGEST_SEED, _MIXING], self.step), context.replica_id_in_sync_group)

    def _changed(self, gradient: Any, variable: Any) -> Any:
        place = self._places.get(id(variable))
        return gradient if self._change is None or place is None else self._change(place, gradient)

    def _test_one(self, images: Any, labels: Any, weights: Any) -> Any:
        import tensorflow as tf

        images, labels, weights = self._part(images, labels, weights)
        logits = tf.cast(self._model(images, training=False), tf.float32)
        losses = weights * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        return tf.stack([tf.reduce_sum(losses), _right(labels, logits, weights), tf.reduce_sum(weights), 0.0])


def one_run(
    batches: Batches, recipe: Recipe, seed: int, first_step: int, rank: WorkerRank
) -> Generator[tuple[Any, Any], None, None]:
    """Yield this worker's batches from a step to the end of a run; once it is closed, no thread prepares any more.

    Raises:
        SqnxtError: The data end before the run does.
    """
    last_step = batches.steps_per_epoch(recipe.batch) * recipe.epochs
    source = iter(
        batches.training(batch=recipe.batch, seed=seed, first_step=first_step, last_step=last_step, rank=rank)
    )
    for step in range(first_step, last_step):
        try:
            yield next(source)
        except StopIteration:
            raise SqnxtError(
                batches.name, f"ends at step {step} of {last_step}", "check that all data are there"
            ) from None


def _right(labels: Any, logits: Any, weights: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_sum(weights * tf.cast(tf.argmax(logits, axis=-1) == labels, tf.float32))


def _scaled(optimizer: Any, loss: Any) -> Any:
    return optimizer.get_scaled_loss(loss) if hasattr(optimizer, "get_scaled_loss") else loss


def _unscaled(optimizer: Any, gradients: Any) -> Any:
    return optimizer.get_unscaled_gradients(gradients) if hasattr(optimizer, "get_unscaled_gradients") else gradients


def _sums_of(sums: Any) -> MetricSums:
    return MetricSums(*np.asarray(sums, np.float64).tolist())
