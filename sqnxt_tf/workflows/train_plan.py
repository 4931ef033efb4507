"""What a training run will do, take and write, known before it begins."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqnxt_base.machine import has_graphics_card, memory_bytes
from sqnxt_tf.data.cached import Cached
from sqnxt_tf.data.training_data import TrainingData
from sqnxt_tf.options.training import TrainOptions
from sqnxt_tf.training.estimates import Workload, bounded
from sqnxt_tf.training.fine_tuning import fine_tuning_recipe, qat_recipe
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.recipe_files import DIGITS, PAPER, PHOTOS, RECIPES, recipe_words
from sqnxt_tf.training.strategies import check_cluster

IMAGENET_SIZED = 100_000
"""Training images from which on the paper's recipe is the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """A training run before it begins.

    Attributes:
        network: The network's name.
        data: The name of the data.
        images: Numbers of training and validation images.
        input_size: Height and width of the input.
        classes: Number of classes.
        recipe: Every number of the run.
        recipe_name: Name of the recipe if it is a bundled one, unchanged; else "".
        recipe_words: How the recipe is called: its name, or the nearest one and what differs.
        steps: Steps of the whole run.
        warmup_steps: Steps of the warm-up.
        parameters: Parameters of the network.
        memory_bytes: Estimate of the memory that the run takes, copies of images included.
        cached_bytes: Copies of images that are kept in memory; 0 if images are read again in every epoch.
        seconds: Estimate of the time on this machine's cores, without graphics cards.
        files: Everything that the run writes.
        notes: Warnings.
    """

    network: str
    data: str
    images: tuple[int, int]
    input_size: tuple[int, int]
    classes: int
    recipe: Recipe
    recipe_name: str
    recipe_words: str
    steps: int
    warmup_steps: int
    parameters: int
    memory_bytes: int
    cached_bytes: int
    seconds: float
    files: tuple[Path, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the `train --dry-run` document."""
        return {
            **asdict(self), "images": {"train": self.images[0], "validation": self.images[1]},
            "input_size": list(self.input_size), "files": [str(path) for path in self.files],
            "notes": list(self.notes), "dry_run": True,
        }  # fmt: skip


def default_recipe(options: TrainOptions, images: int = 0) -> Recipe:
    """Return the recipe of a run that names none.

    Args:
        options: What the network is trained on, and where it begins.
        images: Number of training images.
    """
    if options.qat is not None:
        return qat_recipe(digits=options.data.is_digits)
    if options.start_from is not None:
        return fine_tuning_recipe(digits=options.data.is_digits)
    if options.data.is_digits:
        return DIGITS
    return PAPER if images >= IMAGENET_SIZED else PHOTOS


def resolved_recipe(options: TrainOptions, images: int, workload: Workload) -> tuple[Recipe, tuple[str, ...]]:
    """Return the recipe of a run and what was changed in it: its batch is bounded by memory unless the user gives one.

    Several workers divide the batch, and graphics cards have a memory of their own: there it is left as it is.

    Raises:
        SqnxtError: A change of the recipe is unknown or out of range.
    """
    recipe = options.recipe_or(default_recipe(options, images))
    if "batch" in options.changes or check_cluster(options.strategy) > 1 or has_graphics_card():
        return recipe, ()
    smaller = bounded(recipe, workload)
    if smaller == recipe:
        return recipe, ()
    return smaller, (f"a batch of {recipe.batch} does not fit in memory: {smaller.batch} is taken",)


def make_plan(
    network: str, parts: TrainingData, recipe: Recipe, workload: Workload, output: Path, *, notes: tuple[str, ...] = ()
) -> TrainingPlan:
    """Return the plan of a run on opened data."""
    training, validation = parts.training, parts.validation
    steps = recipe.steps_per_epoch(len(training)) * recipe.epochs
    cached = sum(part.bytes for part in (training, validation) if isinstance(part, Cached) and part.fits)
    memory = workload.bytes_for(recipe.batch) + cached
    warmup = recipe.warmup_length(steps)
    return TrainingPlan(
        network=network, data=parts.name, images=(len(training), len(validation)),
        input_size=(parts.preprocessing.height, parts.preprocessing.width), classes=len(parts.class_names),
        recipe=recipe, recipe_name=next((name for name, known in RECIPES.items() if known == recipe), ""),
        recipe_words=recipe_words(recipe),
        steps=steps, warmup_steps=warmup, parameters=workload.parameters, memory_bytes=memory, cached_bytes=cached,
        seconds=recipe.epochs * workload.seconds_for(len(training) + len(validation) // 3), files=_files(output),
        notes=(*notes, *_warnings(recipe, steps, warmup, memory)),
    )  # fmt: skip


def _files(output: Path) -> tuple[Path, ...]:
    folder = output.with_suffix(".train")
    names = ("settings.json", "checkpoint.npz", "history.csv", "history.png", "tensorboard")
    return (output, *(folder / name for name in names))


def _warnings(recipe: Recipe, steps: int, warmup: int, memory: int) -> tuple[str, ...]:
    notes = []
    if warmup >= steps:
        notes.append(
            f"the warm-up of {warmup:,} steps is as long as the run of {steps:,} or longer: the learning rate never "
            f"reaches {recipe.rate:g}; give fewer `warmup_steps`, a smaller `batch`, or more `epochs`"
        )
    if (there := memory_bytes()) and memory > there:
        notes.append(
            f"the run takes about {memory / 1e9:.0f} GB, and this machine has {there / 1e9:.0f}; give a smaller `batch`"
        )
    return tuple(notes)
