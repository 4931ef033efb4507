"""Options of the verbs that train: train, prune, prune --scan, evolve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.unreadable import LIMIT
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.space import Space
from sqnxt_tf.options.artifacts import DIGITS
from sqnxt_tf.options.given import parse_data
from sqnxt_tf.preprocessing_rules import check_rule
from sqnxt_tf.training.partners import WAIT_SECONDS
from sqnxt_tf.training.pruning_plan import Pruning, check_sparsity
from sqnxt_tf.training.quantised_training import QatPrecision, check_qat
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.recipe_files import RECIPES
from sqnxt_tf.training.run_options import Saving
from sqnxt_tf.training.strategies import StrategyName

_MOST_DRAWN = 16
_MOST_WORKERS = 64


class _RecipeOptions:
    """Options that may name a recipe, and changes of it or of a default."""

    __slots__ = ()
    recipe: Recipe | None
    changes: Mapping[str, Any]

    def recipe_or(self, default: Recipe) -> Recipe:
        """Return the recipe, or the default, with the changes.

        Raises:
            SqnxtError: A change is unknown or out of range.
        """
        return (self.recipe or default).overridden(**self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions(_RecipeOptions):
    """What a network is trained on, how, and where it begins.

    Attributes:
        data: `digits`, a folder of images by class, a folder of TFRecords, or `tfds:NAME`.
        recipe: Every number of the run. If None `finetune` with `start_from`, `digits` for the digits, `photos` for
            other data below 100,000 training images, and `paper` for more.
        changes: Settings of the recipe by name, in place of the recipe's own.
        model: A `.keras` or `.h5` file of any functional classifier, which is trained from the weights in it. Where
            its number of classes differs, its last layer begins afresh.
        preprocessing: How an image becomes the input of `model`: imagenet, plain, 0..1, -1..1, 0..255 or a TOML file;
            as the model says if None.
        start_from: A `.keras` file of the same network whose weights the run begins with; those of the classifier
            only where the number of classes is the same. A file of another maker is trained as `model` is.
        teacher: A `.keras` file for the same data whose answers the recipe's distillation follows.
        classes: Number of classes that the data must have, as a check.
        input_size: Side in pixels or (height, width); that of `start_from`, 64 for the digits, else the network's own
            if None.
        seed: Random seed of initial weights, order, augmentation and dropout.
        strategy: The `tf.distribute` strategy by name.
        wait: Longest time in seconds to wait for the other workers of a distributed run.
        saving: When the run is saved, in addition to the end of every epoch.
        max_unreadable: Images on disk that may be left out because they cannot be read.
        qat: Fine-tune `start_from` with the rounding of `int8` or `int16x8` artifacts; for 3 epochs at a rate of 1e-4
            if there is no recipe.
        supernet: A space of SqueezeNexts whose networks are trained together, as slices of the largest one, in place of
            a network: the name of a bundled one, a `.toml` file, or a `Space`.
        drawn: Networks of a supernet that each step trains beside the largest and the smallest, 0 to 16.
    """

    data: DataSource = DIGITS
    recipe: Recipe | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    model: str | Path | None = None
    preprocessing: str | None = None
    start_from: str | Path | None = None
    teacher: str | Path | None = None
    classes: int | None = None
    input_size: int | tuple[int, int] | None = None
    seed: int = 0
    strategy: StrategyName = "auto"
    wait: float = WAIT_SECONDS
    saving: Saving | None = None
    max_unreadable: int = LIMIT
    qat: QatPrecision | None = None
    supernet: str | Path | Space | None = None
    drawn: int = 2

    def __post_init__(self) -> None:
        parse_data(self)
        check_qat(self.qat)
        check_rule(self.preprocessing)
        if not 0 <= self.drawn <= _MOST_DRAWN:
            raise SqnxtError("drawn", f"{self.drawn} is out of range", f"give 0 to {_MOST_DRAWN}")
        if self.model is not None and self.start_from is not None:
            raise SqnxtError(self.model, "has the weights to begin with", "leave `start_from` out")
        self.recipe_or(RECIPES["digits"])  # a setting that no recipe has is refused at once


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneOptions(Pruning, _RecipeOptions):
    """What is pruned, how far and when, and how the rest is fine-tuned.

    The fields of `Pruning` come first.

    Attributes:
        data: The model's own data: `digits`, a folder of images or of TFRecords, or `tfds:NAME`. If None those that
            the model's file says it was trained on, and an error where it does not say so.
        recipe: How the model is fine-tuned. If None, `finetune` on the digits, and on other images some epochs of the
            recipe `photos` at a lower rate and without an average (`sqnxt_tf.training.fine_tuning`).
        changes: Settings in place of the recipe's, as `{"epochs": 20}`; those that are None are left as they are.
        seed: Random seed of order, augmentation and dropout.
        strategy: The `tf.distribute` strategy by name.
        wait: Longest time in seconds to wait for the other workers of a distributed run.
        preprocessing: How an image becomes the input: imagenet, plain, 0..1, -1..1, 0..255 or a TOML file; as the model
            says if None.
        labels: A file with one label a line; the model's own labels if None.
        qat: Fine-tune the pruned model once more, as long at a rate of 1e-4, with the rounding of `int8` or `int16x8`
            artifacts.

    Raises:
        SqnxtError: A value is out of range, or two values contradict each other.
    """

    data: DataSource | None = None
    recipe: Recipe | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    strategy: StrategyName = "auto"
    wait: float = WAIT_SECONDS
    preprocessing: str | None = None
    labels: Path | None = None
    qat: QatPrecision | None = None

    def __post_init__(self) -> None:
        Pruning.__post_init__(self)
        check_rule(self.preprocessing)
        parse_data(self)
        check_qat(self.qat)
        self.recipe_or(RECIPES["digits"])  # a setting that no recipe has is refused at once


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """Which layers are pruned for a look at their sensitivity, how far, and on how many images.

    Attributes:
        data: The model's own data, with a validation part; None as in `PruneOptions`.
        sparsities: Fractions of zeros, each tried on each layer.
        excluded: Shell-style patterns of layers that are not scanned.
        images: Largest number of validation images, taken at even distances.
        preprocessing: How an image becomes the input, as in `PruneOptions`.

    Raises:
        SqnxtError: There are no sparsities, one is out of range, or the preprocessing is unknown.
    """

    data: DataSource | None = None
    sparsities: Sequence[float] = (0.3, 0.5, 0.7, 0.9)
    excluded: Sequence[str] = ()
    images: int = 1000
    preprocessing: str | None = None

    def __post_init__(self) -> None:
        parse_data(self)
        check_rule(self.preprocessing)
        if not self.sparsities:
            raise SqnxtError("sparsities", "there are none", "give some fractions, as in 0.3,0.5,0.7,0.9")
        for sparsity in self.sparsities:
            check_sparsity(sparsity)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolveOptions:
    """How a trained model evolves into smaller ones.

    Attributes:
        sizes: Largest float32 weights in bytes of the offspring of each generation. If None there are four
            generations, at the shares of SquishedNets' abstract: a SqueezeNet v1.1 with ten classes goes from 2.4 MB
            to 0.95 MB.
        offspring: Number of offspring in each generation.
        data: The founder's own data, divided into three parts. If None those that its file says it was trained on,
            else the digits.
        recipe: How each offspring is trained. If None `finetune` on the digits, and `photos` for a third of its epochs
            at a third of its rate on other data; each at a lower rate for models without batch norm.
        epochs: Epochs of each offspring, in place of the recipe's.
        batch: Global batch, in place of the recipe's.
        rate: Learning rate, in place of the recipe's.
        accelerator: The accelerator on which the cost is simulated: a preset's name or a `.toml` file.
        seed: Random seed of the draws and of the order of training.
        preprocessing: How an image becomes the founder's input, as in `PruneOptions`.
        workers: Offspring of a generation that are bred at a time, each in a process of its own, 1 to 64; the results
            are the same for any number. 1 is this process.
        strategy: The `tf.distribute` strategy that trains each offspring, by name.
        wait: Longest time in seconds to wait for the other workers of a distributed run.

    Raises:
        SqnxtError: The sizes do not shrink, a generation has no offspring, or a number of workers is out of range.
    """

    sizes: Sequence[int] | None = None
    offspring: int = 1
    data: DataSource | None = None
    recipe: Recipe | None = None
    epochs: int | None = None
    batch: int | None = None
    rate: float | None = None
    accelerator: str | Path = "squeezelerator-16x16"
    seed: int = 0
    preprocessing: str | None = None
    workers: int = 1
    strategy: StrategyName = "auto"
    wait: float = WAIT_SECONDS

    def __post_init__(self) -> None:
        parse_data(self)
        check_rule(self.preprocessing)
        if not 1 <= self.workers <= _MOST_WORKERS:
            raise SqnxtError("workers", f"{self.workers} is out of range", f"give 1 to {_MOST_WORKERS}")
        if self.workers > 1 and self.strategy == "multi-worker":
            raise SqnxtError("workers", "are for other strategies than multi-worker", "leave one of the two out")
        if self.offspring < 1:
            raise SqnxtError("offspring", f"{self.offspring} is out of range", "give each generation at least one")
        if self.sizes is not None and (not self.sizes or any(later >= size for size, later in pairwise(self.sizes))):
            given = ", ".join(map(str, self.sizes)) or "none"
            raise SqnxtError(f"sizes {given}", "do not shrink", "give each generation less than the one before")
