"""One training run, on any strategy, that can be cut at any moment and goes on as if it had not been."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Any

from sqnxt_tf.data.batches import Batches
from sqnxt_tf.data.pipeline import Arrays, InMemory
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.training.averaging import adopt_average, averaged
from sqnxt_tf.training.board import Board
from sqnxt_tf.training.losses import make_loss
from sqnxt_tf.training.optimizer import ChangeGradient, make_optimizer
from sqnxt_tf.training.preparing import plain_copy, prepared
from sqnxt_tf.training.randomness import seed_random_layers
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import History, RunFolder
from sqnxt_tf.training.state import Story, named_variables, read_checkpoint, read_values, write_checkpoint
from sqnxt_tf.training.stepping import Figures, Pace, Stepper, one_run
from sqnxt_tf.training.strategies import is_chief, own_rank, workers_watched

__all__ = ["Saving", "Trained", "fit", "plain_copy", "train_model"]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model of no strategy, and what was measured after each epoch."""

    model: Any
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """When a run is saved beside the end of every epoch: every so many steps, every so many minutes."""

    steps: int | None = None
    minutes: float = 10.0

    def __post_init__(self) -> None:
        if (self.steps is not None and self.steps < 1) or not self.minutes > 0:
            raise SqnxtError(f"checkpoints every {self.steps} steps, {self.minutes} minutes", "give numbers above 0")


def train_model(
    make_model: Callable[[], Any], training: Batches | Arrays, validation: Batches | Arrays, recipe: Recipe, **run: Any
) -> Trained:
    """Train what `make_model` returns (called in the strategy's scope) by a recipe; `run` is as for `fit`.

    With a `folder` the run's state is saved as it goes, and a run that finds its own state goes on from there: with
    one worker it ends with the same weights, bit for bit, on the same machine and number of threads.
    """
    with _watched(run["strategy"], run.get("folder")):
        model, history = fit(make_model, training, validation, recipe, **run)
        return Trained(plain_copy(model), history)


def fit(
    make_model: Callable[[], Any],
    training: Batches | Arrays,
    validation: Batches | Arrays,
    recipe: Recipe,
    *,
    strategy: Any,
    seed: int = 0,
    folder: RunFolder | None = None,
    saving: Saving | None = None,
    teacher: Any = None,
    callbacks: Sequence[Any] = (),
    change_gradient: ChangeGradient | None = None,
    task: str = "training",
    progress: Progress = silent,
) -> tuple[Any, History]:
    """As `train_model`, with a hand on the gradients, a name for the progress, and Keras callbacks.

    Of these `set_model`, `on_train_begin` and `on_epoch_end` are called. `teacher` is a model of no strategy whose
    answers the recipe's distillation follows. Returns the model as the strategy holds it.
    """
    training, validation = as_batches(training, recipe), as_batches(validation, recipe)
    steps, rank = training.steps_per_epoch(recipe.batch), own_rank(strategy)
    validation.evaluation(batch=recipe.batch, rank=rank)  # more workers than files are told before the first epoch
    teacher_weights = teacher and teacher.get_weights()  # out here: in another strategy's scope they cannot be read
    with _watched(strategy, folder):
        with strategy.scope():
            model = prepared(make_model(), recipe)
            optimizer = make_optimizer(recipe, steps * recipe.epochs, change_gradient)
            optimizer.build(model.trainable_variables)
            teacher = teacher and copy_of(teacher, teacher_weights)
        stepper = Stepper(model, optimizer, make_loss(recipe, teacher), strategy, rank)
        seed_random_layers(model, seed, stepper.step)
        run = _Run(
            model=model, optimizer=optimizer, stepper=stepper, training=training, validation=validation, recipe=recipe,
            seed=seed, strategy=strategy, folder=folder, saving=saving or Saving(), callbacks=callbacks,
            progress=partial(progress, task),
        )  # fmt: skip
        run.go()
    return model, run.story.history


def _watched(strategy: Any, folder: RunFolder | None) -> AbstractContextManager[None]:
    return workers_watched(strategy, folder.path if folder else None)


def copy_of(model: Any, weights: Any) -> Any:
    """The model anew, in the scope of the strategy that is entered.

    Its weights, `get_weights()`, are given, because those of one strategy cannot be read in the scope of another.
    """
    import tf_keras as keras

    copy = keras.models.clone_model(model)
    copy.set_weights(weights)
    return copy


def as_batches(data: Batches | Arrays, recipe: Recipe) -> Batches:
    """Arrays as batches, with the recipe's augmentation in training.

    Raises:
        SqnxtError: An augmentation that images in memory do not have.
    """
    if not isinstance(data, Arrays):
        return data
    if recipe.augmentation != "none":
        raise SqnxtError(
            "recipe", f"augmentation = {recipe.augmentation!r} is of images on disk", "these take max_shift"
        )
    return InMemory(arrays=data, max_shift=recipe.max_shift)


@dataclass(kw_only=True)
class _Run:
    """A run as it goes on."""

    model: Any
    optimizer: Any
    stepper: Stepper
    training: Batches
    validation: Batches
    recipe: Recipe
    seed: int
    strategy: Any
    folder: RunFolder | None
    saving: Saving
    callbacks: Sequence[Any]
    progress: Callable[..., None]
    story: Story = field(default_factory=Story)

    def __post_init__(self) -> None:
        self._steps = self.training.steps_per_epoch(self.recipe.batch)
        self._total = self._steps * self.recipe.epochs
        self._variables = named_variables(self.model, self.optimizer)
        self._pace = Pace()
        self._board = Board(self.folder.path / "tensorboard" if self.folder and is_chief() else None)

    def go(self) -> None:
        """From the last checkpoint, or the beginning, to the end."""
        self._restore()
        for callback in self.callbacks:
            callback.set_model(self.model)
            callback.on_train_begin()
        batches = one_run(self.training, self.recipe, self.seed, self.story.step, own_rank(self.strategy))
        self._saved = self._clock = time.monotonic()
        with closing(self._board), closing(batches):  # threads that still read Python's images would wait at its exit
            for images, labels in batches:
                self._step(images, labels)
        if self.recipe.ema:
            adopt_average(self.model, self.optimizer)

    def _step(self, images: Any, labels: Any) -> None:
        figures = self.stepper.train(self.story.step, images, labels, flag=self._is_late())
        self._count(figures)
        self._tell(self._pace.after(figures.images))
        if ended := self.story.step % self._steps == 0:
            self._end_epoch()
        if ended or figures.flags or (self.saving.steps and self.story.step % self.saving.steps == 0):
            self._save()

    def _restore(self) -> None:
        if self.folder is None:
            return
        self.story = read_checkpoint(self.folder.checkpoint, self._variables) or Story()
        self.stepper.check_together(self.story.step, self.folder.path)
        self.story.take_over(own_rank(self.strategy).workers, self.training, self.recipe.batch, self.folder.path)
        if self.story.history and is_chief():
            self.folder.write_history(self.story.history)

    def _count(self, figures: Figures) -> None:
        self.story.step += 1
        self.story.epoch += figures
        if not isfinite(figures.loss):
            loss = figures.means()["loss"]
            raise SqnxtError("training", f"the loss is {loss} at step {self.story.step}", "give a lower --rate")

    def _tell(self, images_per_second: float) -> None:
        done, means = self.story.step, self.story.epoch.means()
        epoch = (done - 1) // self._steps + 1
        self._board.step(done, {**means, "rate": self._rate(done - 1), "images_per_second": images_per_second})
        self.progress(done, self._total, epoch=epoch, **means, **{"images/s": images_per_second})

    def _end_epoch(self) -> None:
        epoch = self.story.step // self._steps
        with self.strategy.scope():  # as in Keras's own loop; tfmot's callbacks change variables of all replicas
            for callback in self.callbacks:
                callback.on_epoch_end(epoch - 1)
        with averaged(self.model, self.optimizer, self.recipe):
            validation = self.stepper.evaluate(self.validation, self.recipe.batch).means("val_")
        self._take_time()
        row = {
            "epoch": epoch,
            "rate": float(self._rate(self.story.step - 1)),
            **self.story.epoch.means(),
            **validation,
            "seconds": self.story.seconds,
        }
        self.story.history.append(row)
        self.story.epoch, self.story.seconds = Figures(), 0.0
        self._pace.pause()
        self._board.epoch(epoch, row)
        last = {key: row[key] for key in ("loss", "accuracy", "val_accuracy")}
        self.progress(self.story.step, self._total, epoch=epoch, **last)

    def _take_time(self) -> None:
        """Count what has passed since the last time towards the epoch."""
        now = time.monotonic()
        self.story.seconds += now - self._clock
        self._clock = now

    def _rate(self, step: int) -> float:
        return float(self.recipe.rate_at(step, self._total))

    def _is_late(self) -> bool:
        """Whether it is time to save: the chief's clock counts, and all workers hear of it with the step's figures."""
        return self.folder is not None and is_chief() and time.monotonic() - self._saved > 60 * self.saving.minutes

    def _save(self) -> None:
        """The checkpoint, then the history, which a resumed run writes anew from it."""
        if self.folder is None:
            return
        self._take_time()
        values = read_values(self._variables)  # every worker, or those that do wait for ever
        if is_chief():
            write_checkpoint(self.folder.checkpoint, values, self.story)
            self.folder.write_history(self.story.history)
        self._saved = time.monotonic()
