"""Train a network on data and save it with all that a device needs to know of it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export import Metadata, Preprocessing, save_keras
from sqnxt_export.artifact.files import check_output
from sqnxt_tf import __version__
from sqnxt_tf.accuracy import Evaluation
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.training_data import StreamOptions, TrainingData, open_training_data
from sqnxt_tf.data.unreadable import LIMIT
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.networks.registry import find_network, layer_rows
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import (
    StartingWeights,
    check_trained,
    default_preprocessing,
    file_identity,
    open_teacher,
    require_tensorflow,
)
from sqnxt_tf.training.loop import train_model
from sqnxt_tf.training.recipe_files import DIGITS, FINETUNE, PAPER, Recipe
from sqnxt_tf.training.run_folder import History, RunFolder
from sqnxt_tf.training.run_options import RunOptions, Saving
from sqnxt_tf.training.strategies import StrategyName, check_cluster, is_chief, make_strategy
from sqnxt_tf.training.transfer import adopt


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """A saved model, its history epoch by epoch, how it does on the test part of its data, and what was left out."""

    path: Path
    network: str
    history: History
    test: Evaluation
    unreadable: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What must not go unsaid of the run."""
        left_out = (f"images that cannot be read and were left out: {len(self.unreadable)}",) if self.unreadable else ()
        most_common = np.bincount(self.test.labels).max() / self.test.samples
        if self.test.top1_interval[0] > most_common:
            return left_out
        return (
            *left_out,
            f"a top-1 of {100 * self.test.top1:.1f} % is no better than guessing: nothing was learnt; give a lower "
            "learning rate (a network without batch norm may want a tenth: --rate), or more epochs",
        )

    def to_json(self) -> dict[str, Any]:
        """The `train` and `prune` document."""
        return {
            "path": str(self.path),
            "network": self.network,
            "epochs": len(self.history),
            "history": self.history,
            "test": self.test.to_json(),
            "unreadable": list(self.unreadable),
            "notes": list(self.notes),
        }


def train(
    network: str | None,
    output: str | Path,
    *,
    data: str = "digits",
    recipe: Recipe | None = None,
    start_from: str | Path | None = None,
    teacher: str | Path | None = None,
    classes: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    seed: int = 0,
    strategy: StrategyName = "auto",
    saving: Saving | None = None,
    max_unreadable: int = LIMIT,
    force: bool = False,
    progress: Progress = silent,
) -> TrainingResult:
    """Train `network` on `data` and write a `.keras` file with labels and preprocessing.

    State lives beside the output in `NAME.train/`: the same call again goes on with an unfinished run, and its
    `history.csv` keeps the figures of every epoch. Of several workers the chief alone writes the model.

    Args:
        network: A name, ours or the paper's; may be None with `start_from`, whose network it then is.
        output: The `.keras` file to write.
        data: `digits`, a folder of images by class, a folder of TFRecords, or `tfds:NAME`.
        recipe: Every number of the run; where it is not given `FINETUNE` with `start_from`, else `DIGITS` for digits
            and `PAPER` for a folder.
        start_from: A `.keras` file of the same network whose weights it begins with, the classifier's only where the
            classes are as many.
        teacher: A `.keras` file for the same data whose answers the recipe's distillation follows.
        classes: How many the data must have, as a check.
        input_size: Side in pixels or (height, width); that of `start_from`, 64 for digits, else the network's own.
        seed: Of initial weights, order, augmentation and dropout.
        strategy: The `tf.distribute` strategy by name.
        saving: When the run is saved beside the end of every epoch.
        max_unreadable: How many images on disk may be left out because they cannot be read.
        force: Overwrite the output, and forget the state of a run that was begun.
        progress: Told how far it is.

    Raises:
        SqnxtError, ExportError: An unknown network, data that are not there, an output that exists.
    """
    overwrite = may_overwrite(output, force=force)
    output, start = check_model_output(output, force=overwrite), StartingWeights.of(start_from)
    known = find_network(start.network(network) if start else network or "")
    recipe = recipe or (FINETUNE if start else DIGITS if data == "digits" else PAPER)
    require_tensorflow()  # before the data, which ask for less than training does
    own = start.preprocessing() if start and input_size is None else None
    preprocessing = own or default_preprocessing(data, known.name, input_size)
    streaming = StreamOptions(
        augmentation=recipe.augmentation, max_shift=recipe.max_shift, max_unreadable=max_unreadable
    )
    parts = open_training_data(DataSource.parse(data), preprocessing, streaming)
    run = _Run(
        network=known.name, output=output, data=data, parts=parts, preprocessing=preprocessing, recipe=recipe,
        start=start,
        teacher=None if teacher is None else check_trained(teacher), seed=seed, overwrite=overwrite, saving=saving,
        progress=progress,
    )  # fmt: skip
    run.check(classes)
    layer_rows(known.name, classes=len(run.labels), input_size=run.size)  # an input that is too small
    check_cluster(strategy)  # like the images, before anything is written
    folder, settings = RunFolder(output.with_suffix(".train")), run.settings()
    with folder.begun(settings, force=force) if is_chief() else nullcontext():  # before the workers meet
        return _train_in(folder, run, settings, strategy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """All that a training run is told."""

    network: str
    output: Path
    data: str
    parts: TrainingData
    preprocessing: Preprocessing
    recipe: Recipe
    start: StartingWeights | None
    teacher: Path | None
    seed: int
    overwrite: bool
    saving: Saving | None
    progress: Progress

    @property
    def labels(self) -> tuple[str, ...]:
        return self.parts.class_names

    @property
    def size(self) -> tuple[int, int]:
        return self.preprocessing.height, self.preprocessing.width

    def check(self, classes: int | None) -> None:
        check_shift(self.recipe, self.size)
        if classes not in (None, len(self.labels)):
            raise SqnxtError(f"--classes {classes}", f"{self.data} has {len(self.labels)} classes", "leave it out")

    def settings(self) -> dict[str, Any]:
        """What is remembered in the model, and what a run that goes on must share with the one before."""
        helpers = {"from": self.start.path if self.start else None, "teacher": self.teacher}
        return {
            "network": self.network, "data": self.data, "images": len(self.parts.training),
            "classes": len(self.labels), "input_size": self.size, "seed": self.seed, "recipe": asdict(self.recipe),
            **{name: {"name": path.name, "sha256": file_identity(path)} for name, path in helpers.items() if path},
        }  # fmt: skip


def _train_in(folder: RunFolder, run: _Run, settings: dict[str, Any], strategy: StrategyName) -> TrainingResult:
    """Everything that needs TensorFlow; the chief saves the model and closes the folder."""
    scope = make_strategy(strategy)
    teacher = open_teacher(run.teacher, run.parts, run.preprocessing)
    weights = run.start.read() if run.start else None

    def make_model() -> Any:
        model = build(run.network, classes=len(run.labels), input_size=run.size, seed=run.seed)
        if weights is not None and run.start:
            adopt(model, weights, str(run.start.path))
        return model

    options = RunOptions(
        strategy=scope, seed=run.seed, folder=folder, saving=run.saving or Saving(),
        teacher=teacher and teacher.model, progress=run.progress,
    )  # fmt: skip
    trained = train_model(make_model, run.parts.training, run.parts.validation, run.recipe, options)
    test = run.parts.judge(trained.model, run.output)
    metadata = Metadata(
        network=run.network,
        labels=run.labels,
        preprocessing=run.preprocessing,
        input_size=run.size,
        accuracy=test.top1,
        data=test.data,
        versions=keras_versions(),
        extra={"settings": settings},
    )
    if is_chief():
        save_keras(trained.model, run.output, metadata, force=run.overwrite)
        folder.finish()
    return TrainingResult(
        path=run.output, network=run.network, history=trained.history, test=test, unreadable=run.parts.unreadable
    )


def may_overwrite(output: str | Path, *, force: bool) -> bool:
    """Whether a model that is there may go: so it is asked, or its run was killed before it could be closed."""
    path = Path(output)
    return force or (path.suffix == ".keras" and RunFolder(path.with_suffix(".train")).is_begun)


def check_model_output(output: str | Path, *, force: bool) -> Path:
    """The path of the `.keras` file to write.

    Raises:
        SqnxtError, ExportError: Another suffix, or a file that cannot be written.
    """
    output = Path(output)
    if output.suffix != ".keras":
        raise SqnxtError(output, "a model is a .keras file", "give the output that suffix")
    check_output(output, force=force)
    return output


def check_shift(recipe: Recipe, size: tuple[int, int]) -> None:
    """Refuse augmentation that would shift an image of that height and width out of itself.

    Raises:
        SqnxtError: It would.
    """
    if recipe.max_shift > min(size):
        raise SqnxtError(
            "recipe", f"max_shift = {recipe.max_shift} is more than an input of {min(size)} pixels", "enlarge it"
        )


def keras_versions() -> dict[str, str]:
    """What made a model, by package."""
    from importlib.metadata import version

    return {"sqnxt-tf": __version__, **{name: version(name) for name in ("tensorflow", "tf_keras")}}
