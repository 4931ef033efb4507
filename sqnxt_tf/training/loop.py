"""One training run, on any strategy."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any

from ..data.pipeline import Arrays, evaluation_dataset, training_dataset
from ..errors import SqnxtError
from ..progress import Progress, silent
from .optimizer import ChangeGradient, make_optimizer
from .recipes import Recipe
from .run_folder import History, RunFolder
from .strategies import chief_name, is_chief, worker_name


@dataclass(frozen=True, slots=True)
class Trained:
    """A model of no strategy, and what was measured after each epoch."""

    model: Any
    history: History


def train(
    make_model: Callable[[], Any],
    training: Arrays,
    validation: Arrays,
    recipe: Recipe,
    *,
    strategy: Any,
    seed: int = 0,
    folder: RunFolder | None = None,
    progress: Progress = silent,
) -> Trained:
    """Train what `make_model` returns (called in the strategy's scope) by a recipe.

    With a `folder` the run's state is saved after every epoch, and a run that finds its own state goes on from there.
    The order of the images depends on the seed and the epoch alone.
    """
    model, history = fit(
        make_model, training, validation, recipe, strategy=strategy, seed=seed, folder=folder, progress=progress
    )
    return Trained(plain_copy(model), history)


def fit(
    make_model: Callable[[], Any],
    training: Arrays,
    validation: Arrays,
    recipe: Recipe,
    *,
    strategy: Any,
    seed: int = 0,
    folder: RunFolder | None = None,
    callbacks: Sequence[Any] = (),
    change_gradient: ChangeGradient | None = None,
    task: str = "training",
    progress: Progress = silent,
) -> tuple[Any, History]:
    """As `train`, with Keras callbacks, a hand on the gradients, and a name for the progress.

    Returns the model as the strategy holds it.
    """
    steps = recipe.steps_per_epoch(len(training))
    with strategy.scope():
        model = make_model()
        model.compile(
            optimizer=make_optimizer(recipe, steps * recipe.epochs, change_gradient),
            loss=_loss(),
            metrics=["accuracy"],
        )
    state = _State(model, folder)
    first_epoch = state.restore()
    history = folder.read_history(first_epoch) if folder else []
    reporter = _make_reporter(history, state, recipe, steps, partial(progress, task))
    if first_epoch < recipe.epochs:
        model.fit(
            training_dataset(
                training,
                batch=recipe.batch,
                seed=seed,
                first_epoch=first_epoch,
                epochs=recipe.epochs,
                max_shift=recipe.max_shift,
            ),
            initial_epoch=first_epoch,
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            validation_data=evaluation_dataset(validation, batch=recipe.batch),
            callbacks=[*callbacks, reporter],
            verbose=0,
        )
    return model, history


def plain_copy(model: Any) -> Any:
    """The model with variables that belong to no strategy.

    Every worker must call it: some variables, such as batch-norm statistics, are gathered from all of them.
    """
    import tf_keras as keras

    weights = model.get_weights()
    copy = keras.models.clone_model(model)
    copy.set_weights(weights)
    return copy


def _loss() -> Any:
    import tf_keras as keras

    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class _State:
    """Checkpoints after every epoch: weights, optimizer, number of epochs done."""

    def __init__(self, model: Any, folder: RunFolder | None) -> None:
        if folder is None:
            self._checkpoint = None
            return
        import tensorflow as tf

        self._epochs_done = tf.Variable(0, dtype=tf.int64)
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer, epochs_done=self._epochs_done)
        self._folder = folder
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, str(folder.checkpoints(worker_name())), max_to_keep=2, checkpoint_name="epoch"
        )
        self._resume_from = tf.train.latest_checkpoint(str(folder.checkpoints(chief_name())))

    def restore(self) -> int:
        """Go back to the last checkpoint; returns how many epochs are done."""
        if self._checkpoint is None or self._resume_from is None:
            return 0
        import tensorflow as tf

        try:
            self._checkpoint.restore(self._resume_from).assert_existing_objects_matched()
        except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
            raise SqnxtError(
                f"{self._resume_from}: is damaged, or of another version ({_reason(error)}); "
                "use --force to start afresh"
            ) from None
        return int(self._epochs_done.numpy())

    def save(self, epochs_done: int, history: History) -> None:
        """Write history, then checkpoint: a kill between the two repeats an epoch and forgets none."""
        if self._checkpoint is None:
            return
        if is_chief():
            self._folder.write_history(history)
        self._epochs_done.assign(epochs_done)
        import tensorflow as tf

        try:
            self._manager.save(checkpoint_number=epochs_done)
        except tf.errors.OpError as error:
            raise SqnxtError(
                f"{self._folder.path}: the checkpoint of epoch {epochs_done} cannot be written ({_reason(error)}); "
                "free some space, then the same command again goes on from the one before"
            ) from None


def _make_reporter(history: History, state: _State, recipe: Recipe, steps: int, progress: Callable[..., None]) -> Any:
    import tf_keras as keras

    class Reporter(keras.callbacks.Callback):
        """Tells the progress, and writes history and state after each epoch."""

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self._epoch, self._began = epoch, time.monotonic()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            done = self._epoch * steps + batch + 1
            if not isfinite(loss := float((logs or {}).get("loss", 0.0))):
                raise SqnxtError(f"training: the loss is {loss} at step {done}; give a lower --rate")
            progress(done, recipe.epochs * steps, epoch=self._epoch + 1, **_figures(logs))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            rate = float(recipe.rate_at((epoch + 1) * steps - 1, recipe.epochs * steps))
            seconds = time.monotonic() - self._began
            history.append({"epoch": epoch + 1, "rate": rate, **_figures(logs), "seconds": seconds})
            state.save(epoch + 1, history)
            last = {key: history[-1][key] for key in ("loss", "accuracy", "val_accuracy")}
            progress((epoch + 1) * steps, recipe.epochs * steps, epoch=epoch + 1, **last)

    return Reporter()


def _reason(error: Exception) -> str:
    """TensorFlow's message without the names of its nodes and temporary files."""
    return re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", str(error)).strip().splitlines()[0].split("; ")[-1][:120]


def _figures(logs: Any) -> dict[str, float]:
    return {key: float(value) for key, value in (logs or {}).items()}
