"""The training loop, on any strategy. A run that is interrupted at any moment can be resumed without a difference."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from sqnxt_tf.data.batches import Batches
from sqnxt_tf.data.pipeline import Arrays, InMemory
from sqnxt_tf.errors import DivergedError, SqnxtError
from sqnxt_tf.training.averaging import adopt_average, averaged
from sqnxt_tf.training.best_epoch import BestEpoch
from sqnxt_tf.training.losses import make_loss
from sqnxt_tf.training.optimizer import make_optimizer
from sqnxt_tf.training.preparing import plain_copy, prepared
from sqnxt_tf.training.randomness import seed_random_layers
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import History
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.state import RunState, named_variables, read_checkpoint, read_values, write_checkpoint
from sqnxt_tf.training.stepping import MetricSums, Stepper, Throughput, one_run
from sqnxt_tf.training.strategies import is_chief, own_rank, workers_watched
from sqnxt_tf.training.tensorboard import TensorBoardWriter


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model, which belongs to no strategy, and the figures of each epoch."""

    model: Any
    history: History


def train_model(
    make_model: Callable[[], Any],
    training: Batches | Arrays,
    validation: Batches | Arrays,
    recipe: Recipe,
    run: RunOptions,
) -> Trained:
    """Train a model by a recipe, and return a copy of it that belongs to no strategy.

    With a `run.folder` the state of the run is saved as it goes, and a run that finds its own state there is resumed.
    A resumed run of one worker ends with the same weights, bit for bit, on the same machine and number of threads.

    Args:
        make_model: Returns the untrained model; it is called in the scope of the strategy.
        training: Images to train on.
        validation: Images to measure the model on after each epoch.
        recipe: The numbers of the training.
        run: Strategy, seed, state on disk and the like.

    Raises:
        SqnxtError: The loss is not a finite number, the data end early, the state in the folder does not fit, or a
            checkpoint cannot be written.
        WorkerLostError: Another worker is gone.
    """
    with _watched(run):
        model, history = train_in_strategy(make_model, training, validation, recipe, run)
        return Trained(plain_copy(model), history)


def train_in_strategy(
    make_model: Callable[[], Any],
    training: Batches | Arrays,
    validation: Batches | Arrays,
    recipe: Recipe,
    run: RunOptions,
) -> tuple[Any, History]:
    """Train a model as `train_model` does, but return it as the strategy holds it, with the figures of each epoch.

    Raises:
        SqnxtError, WorkerLostError: See `train_model`.
    """
    training, validation = as_batches(training, recipe), as_batches(validation, recipe)
    steps, rank = training.steps_per_epoch(recipe.batch), own_rank(run.strategy)
    validation.evaluation(batch=recipe.batch, rank=rank)  # refuses more workers than files before the first epoch
    teacher = run.teacher
    teacher_weights = teacher and teacher.get_weights()  # read here: the scope of another strategy cannot read them
    with _watched(run):
        with run.strategy.scope():
            model = prepared(make_model(), recipe)
            optimizer = make_optimizer(recipe, steps * recipe.epochs)
            optimizer.build(model.trainable_variables)
            teacher = teacher and copy_of(teacher, teacher_weights)
        maker = run.make_loss
        loss = make_loss(recipe, teacher) if maker is None else maker(model, recipe, optimizer.iterations)
        stepper = Stepper(model, optimizer, loss, run, rank, mixup=recipe.mixup)
        seed_random_layers(model, run.seed, stepper.step)
        loop = _Loop(
            model=model, optimizer=optimizer, stepper=stepper, training=training, validation=validation, recipe=recipe,
            options=run,
        )  # fmt: skip
        loop.run()
    return model, loop.state.history


def _watched(run: RunOptions) -> AbstractContextManager[None]:
    return workers_watched(run.strategy, run.folder.path if run.folder else None)


def copy_of(model: Any, weights: Any) -> Any:
    """Return a copy of the model in the scope of the strategy that is entered.

    `weights` are the model's `get_weights()`. The caller reads them, because the weights of one strategy cannot be read
    in the scope of another.
    """
    import tf_keras as keras

    copy = keras.models.clone_model(model)
    copy.set_weights(weights)
    return copy


def as_batches(data: Batches | Arrays, recipe: Recipe) -> Batches:
    """Return the batches of arrays, with the recipe's augmentation in training.

    Raises:
        SqnxtError: The recipe has an augmentation that is for images on disk only.
    """
    if not isinstance(data, Arrays):
        return data
    if recipe.augmentation != "none":
        raise SqnxtError(
            "recipe",
            f"augmentation = {recipe.augmentation!r} is for images on disk only",
            "give `max_shift` for images in memory",
        )
    return InMemory(arrays=data, max_shift=recipe.max_shift)


@dataclass(kw_only=True)
class _Loop:
    """A run in progress."""

    model: Any
    optimizer: Any
    stepper: Stepper
    training: Batches
    validation: Batches
    recipe: Recipe
    options: RunOptions
    state: RunState = field(default_factory=RunState)

    def __post_init__(self) -> None:
        self._steps = self.training.steps_per_epoch(self.recipe.batch)
        self._total = self._steps * self.recipe.epochs
        self._may_choose = not self.options.callbacks and self.options.change_gradient is None
        keeps_best = self.recipe.keep == "best" and self._may_choose
        self._best = BestEpoch(self.model) if keeps_best else None
        self._variables = {
            **named_variables(self.model, self.optimizer), **(self._best.variables if self._best else {})
        }  # fmt: skip
        self._throughput = Throughput()
        self._folder = self.options.folder
        self._curves = TensorBoardWriter(self._folder.path / "tensorboard" if self._folder and is_chief() else None)

    def run(self) -> None:
        """Train from the last checkpoint, or from the beginning, to the end."""
        self._restore()
        for callback in self.options.callbacks:
            callback.set_model(self.model)
            callback.on_train_begin()
        rank = own_rank(self.options.strategy)
        batches = one_run(self.training, self.recipe, self.options.seed, self.state.step, rank)
        self._saved = self._clock = time.monotonic()
        if not self.state.step:
            self._progress()  # the first step takes long: it is compiled
        with closing(self._curves), closing(batches):  # threads that still read images would block Python's exit
            while not self._is_over():
                self._step(*next(batches))
        if self._best is not None:
            self._best.give_back()
        elif self.recipe.ema:
            adopt_average(self.model, self.optimizer)

    def _is_over(self) -> bool:
        patience = self.recipe.patience if self._may_choose else 0
        return self.state.step >= self._total or self.state.is_stale(patience)

    def _step(self, images: Any, labels: Any) -> None:
        sums = self.stepper.train(self.state.step, images, labels, flag=self._is_late())
        self._count(sums)
        with self.options.strategy.scope():
            for callback in self.options.callbacks:
                callback.on_train_batch_end(self.state.step)
        self._report(self._throughput.after(sums.images))
        if ended := self.state.step % self._steps == 0:
            self._end_epoch()
        every = self.options.saving.steps
        if ended or sums.flags or (every and self.state.step % every == 0):
            self._save()

    def _restore(self) -> None:
        if self._folder is None:
            return
        path, rank = self._folder.path, own_rank(self.options.strategy)
        self.state = read_checkpoint(self._folder.checkpoint, self._variables) or RunState()
        self.stepper.check_together(self.state.step, path)
        self.state.take_over(rank.workers, self.training, self.recipe.batch, path)
        if self.state.history and is_chief():
            self._folder.write_history(self.state.history)

    def _count(self, sums: MetricSums) -> None:
        self.state.step += 1
        self.state.epoch += sums
        if not isfinite(sums.loss):
            loss = sums.means()["loss"]
            raise DivergedError("training", f"the loss is {loss} at step {self.state.step}", "give a lower `rate`")

    def _report(self, images_per_second: float) -> None:
        done, means = self.state.step, self.state.epoch.means()
        epoch = (done - 1) // self._steps + 1
        self._curves.step(done, {**means, "rate": self._rate(done - 1), "images_per_second": images_per_second})
        self._progress(epoch=epoch, **means, **{"images/s": images_per_second})

    def _progress(self, **figures: float) -> None:
        self.options.progress(self.options.task, self.state.step, self._total, **figures)

    def _end_epoch(self) -> None:
        epoch = self.state.step // self._steps
        with self.options.strategy.scope():  # as Keras's own loop does: tfmot's callbacks change all replicas
            for callback in self.options.callbacks:
                callback.on_epoch_end(epoch - 1)
        row = {"epoch": epoch, "rate": float(self._rate(self.state.step - 1)), **self.state.epoch.means()}
        self.state.history.append(row)
        with averaged(self.model, self.optimizer, self.recipe):
            row.update(self.stepper.evaluate(self.validation, self.recipe.batch).means("val_"))
            if self.state.note_best() and self._best is not None:
                self._best.keep()
        self._take_time()
        row["seconds"] = self.state.seconds
        self.state.epoch, self.state.seconds = MetricSums(), 0.0
        self._throughput.pause()
        self._curves.epoch(epoch, row)
        self._progress(epoch=epoch, **{key: row[key] for key in ("loss", "accuracy", "val_accuracy")})

    def _take_time(self) -> None:
        """Add the time since the last call to the epoch's seconds."""
        now = time.monotonic()
        self.state.seconds += now - self._clock
        self._clock = now

    def _rate(self, step: int) -> float:
        return float(self.recipe.rate_at(step, self._total))

    def _is_late(self) -> bool:
        """Tell whether a checkpoint is due by the chief's clock; all workers learn it from the flag of the step."""
        due = 60 * self.options.saving.minutes
        return self._folder is not None and is_chief() and time.monotonic() - self._saved > due

    def _save(self) -> None:
        """Write the checkpoint, then the history, which a resumed run rewrites from the checkpoint."""
        if self._folder is None:
            return
        self._take_time()
        values = read_values(self._variables)  # by every worker: one that reads alone would wait for ever
        if is_chief():
            self._folder.keep()
            write_checkpoint(self._folder.checkpoint, values, self.state)
            self._folder.write_history(self.state.history)
        self._saved = time.monotonic()
