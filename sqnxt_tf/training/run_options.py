"""How a recipe is carried out: on which devices, from which seed, with which state on disk, watched by whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import RunFolder

ChangeGradient = Callable[[str, Any], Any]
"""A function from a variable's gradient and the variable to the gradient that the optimizer applies."""

LossMaker = Callable[[Any, Recipe, Any], Any]
"""A function from the model as the strategy holds it, the recipe and the variable of the step to a loss of labels [b],
logits [b, classes] and images, which gives the loss of each image, float32 [b]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """When a run writes a checkpoint, in addition to the end of every epoch.

    Attributes:
        steps: Steps between two checkpoints (at least 1); by default only `minutes` counts.
        minutes: Minutes between two checkpoints (above 0).
    """

    steps: int | None = None
    minutes: float = 10.0

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise SqnxtError("checkpoints", f"steps = {self.steps} is out of range", "give a number of at least 1")
        if not self.minutes > 0:
            raise SqnxtError("checkpoints", f"minutes = {self.minutes:g} is out of range", "give a number above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Everything about a training run that is neither its model, its data nor its recipe.

    Attributes:
        strategy: The `tf.distribute.Strategy` that the model is trained in.
        seed: Seed of order, augmentation and random layers.
        folder: Where the run's state is saved, so that it can be resumed; by default nowhere.
        saving: When a checkpoint is written.
        teacher: A `tf_keras` model of no strategy whose answers the recipe's distillation follows.
        make_loss: Makes the loss from the model itself, in place of the recipe's.
        callbacks: Keras callbacks, of which `set_model`, `on_train_begin` and `on_epoch_end` are called.
        change_gradient: Returns the gradient of a kernel, given its place (see `kernels`) and its own gradient.
        task: Name of the work in progress reports.
        progress: Called after every step.
    """

    strategy: Any
    seed: int = 0
    folder: RunFolder | None = None
    saving: Saving = field(default_factory=Saving)
    teacher: Any = None
    make_loss: LossMaker | None = None
    callbacks: Sequence[Any] = ()
    change_gradient: ChangeGradient | None = None
    task: str = "training"
    progress: Progress = silent
