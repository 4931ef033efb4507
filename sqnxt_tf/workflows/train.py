"""Train a network on data and save it with everything that a device needs to know about it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export import ACCURACY_IMAGES, Metadata, Preprocessing, save_keras
from sqnxt_tf.accuracy import Evaluation
from sqnxt_tf.data.digits import digits
from sqnxt_tf.data.training_data import TrainingData, open_training_data
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.networks.registry import find_network, layer_rows
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.training import TrainOptions
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import (
    check_trained,
    default_preprocessing,
    file_identity,
    require_tensorflow,
)
from sqnxt_tf.starting_models import StartingWeights, open_teacher
from sqnxt_tf.training.branch_scales import scale_branches
from sqnxt_tf.training.data_options import stream_options
from sqnxt_tf.training.estimates import Workload
from sqnxt_tf.training.loop import train_model
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import History, RunFolder
from sqnxt_tf.training.run_options import RunOptions, Saving
from sqnxt_tf.training.strategies import check_cluster, is_chief, make_strategy
from sqnxt_tf.training.transfer import adopt
from sqnxt_tf.workflows.model_output import check_model_output, check_shift, keras_versions, may_overwrite
from sqnxt_tf.workflows.own_model import OwnModel
from sqnxt_tf.workflows.supernet_run import SUPERNET_KEY, SupernetRun
from sqnxt_tf.workflows.train_plan import TrainingPlan, make_plan, resolved_recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """A saved model, its history epoch by epoch, its accuracy on the test part, and the images that were left out."""

    path: Path
    network: str
    history: History
    test: Evaluation
    unreadable: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings to show with the result."""
        left_out = (f"images that cannot be read and were left out: {len(self.unreadable)}",) if self.unreadable else ()
        most_common = np.bincount(self.test.labels).max() / self.test.samples
        if self.test.top1_interval[0] > most_common:
            return left_out
        return (
            *left_out,
            f"a top-1 of {100 * self.test.top1:.1f} % is no better than guessing: nothing was learnt; give a lower "
            "learning rate (a network without batch norm may want a tenth), or more epochs",
        )

    def to_json(self) -> dict[str, Any]:
        """Return the `train` and `prune` document."""
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
    options: TrainOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
    on_plan: Callable[[TrainingPlan], None] = lambda plan: None,
    **settings: Any,
) -> TrainingResult:
    """Train `network` and write a `.keras` file with its labels and preprocessing.

    State lives beside the output in `NAME.train/`: the same call again resumes an unfinished run, and its
    `history.csv` keeps the figures of every epoch. Of several workers the chief alone writes the model.

    Args:
        network: A name, ours or the paper's. It may be None with `start_from`, whose network it then is, and is None
            with `model` and with `supernet`, whose largest network is trained so that the others are slices of it.
        output: The `.keras` file to write.
        options: What the network is trained on, how, and where it begins.
        force: Overwrite the output, and forget the state of a run that was begun.
        progress: Called as the work goes on.
        on_plan: Called with the plan of the run before it begins.
        settings: Fields of `TrainOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError, ExportError: An unknown network, data that are not there, an output that exists.
    """
    options = options_from(TrainOptions, options, settings)
    overwrite = may_overwrite(output, force=force)
    output, start = check_model_output(output, force=overwrite), StartingWeights.of(options.start_from)
    if options.qat is not None:
        if options.supernet is not None:
            raise SqnxtError("qat", "is for one network", "leave out `supernet`")
        from sqnxt_tf.workflows.train_quantised import train_quantisation_aware

        require_tensorflow()
        return train_quantisation_aware(output, options, overwrite=overwrite, force=force, progress=progress)
    run = _prepare(network, output, options, start, overwrite=overwrite, progress=progress)
    check_cluster(options.strategy)  # like the images, before anything is written
    on_plan(run.plan)
    folder, remembered = RunFolder(output.with_suffix(".train")), run.settings()
    with folder.begun(remembered, force=force) if is_chief() else nullcontext():  # before the workers meet
        return _train_in(folder, run, remembered)


def plan_training(
    network: str | None, output: str | Path, options: TrainOptions | None = None, **settings: Any
) -> TrainingPlan:
    """Return what `train` would do with the same arguments, without training and without writing anything.

    Raises:
        SqnxtError, ExportError: See `train`; an output that exists is no error.
    """
    options = options_from(TrainOptions, options, settings)
    start = StartingWeights.of(options.start_from)
    if options.qat is not None:
        raise SqnxtError("dry run", "is not for quantisation-aware training", "leave out one of the two")
    output = check_model_output(output, force=True)
    return _prepare(network, output, options, start, overwrite=True, progress=silent).plan


def _prepare(
    network: str | None, output: Path, options: TrainOptions, start: StartingWeights | None, *, overwrite: bool,
    progress: Progress,
) -> _Run:  # fmt: skip
    """Look everything up that a run needs, and refuse what cannot go well."""
    require_tensorflow()  # before the data, which ask for less than training does
    supernet = SupernetRun.of(network, options)
    if supernet is not None:
        network, options = supernet.network, replace(options, input_size=supernet.input_size)
    own = OwnModel.of(network, options)
    name = own.name if own else find_network(start.network(network) if start else network or "").name
    preprocessing = own.preprocessing() if own else _preprocessing(name, options, start)
    encoded = None if options.data.is_digits else options.data.encoded_parts()
    images = len(encoded["train"]) if encoded else len(digits("train"))
    classes = len(encoded["train"].class_names if encoded else digits("train").class_names)
    size = preprocessing.height, preprocessing.width
    workload = own.workload if own else Workload.of_rows(layer_rows(name, classes=classes, input_size=size))
    workload = supernet.workload(classes) if supernet else workload
    recipe, notes = resolved_recipe(options, images, workload)
    streaming = stream_options(recipe, options.max_unreadable)
    parts = open_training_data(options.data, preprocessing, streaming, parts=encoded, progress=progress)
    run = _Run(
        network=name, output=output, options=options, parts=parts, preprocessing=preprocessing,
        plan=make_plan(name, parts, recipe, workload, output, notes=notes), start=None if own else start, own=own,
        teacher=None if options.teacher is None else check_trained(options.teacher), overwrite=overwrite,
        progress=progress, supernet=supernet,
    )  # fmt: skip
    run.check()
    return run


def _preprocessing(network: str, options: TrainOptions, start: StartingWeights | None) -> Preprocessing:
    """Return how images become the input of a listed network.

    Raises:
        SqnxtError: The preprocessing is given, which is for a model of one's own.
    """
    if options.preprocessing is not None:
        raise SqnxtError(network, "has a preprocessing that follows the data", "leave `preprocessing` out")
    own = start.preprocessing() if start and options.input_size is None else None
    return own or default_preprocessing(options.data, network, options.input_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One training run: what is asked for, and what was looked up."""

    network: str
    output: Path
    options: TrainOptions
    parts: TrainingData
    preprocessing: Preprocessing
    plan: TrainingPlan
    start: StartingWeights | None
    own: OwnModel | None
    teacher: Path | None
    overwrite: bool
    progress: Progress
    supernet: SupernetRun | None

    @property
    def recipe(self) -> Recipe:
        return self.plan.recipe

    @property
    def labels(self) -> tuple[str, ...]:
        return self.parts.class_names

    @property
    def size(self) -> tuple[int, int]:
        return self.preprocessing.height, self.preprocessing.width

    def check(self) -> None:
        check_shift(self.recipe, self.size)
        classes, data = self.options.classes, self.options.data
        if classes not in (None, len(self.labels)):
            raise SqnxtError(f"classes {classes}", f"{data} has {len(self.labels)} classes", "leave it out")

    def settings(self) -> dict[str, Any]:
        """Return what the model remembers of its run, and what a resumed run must share with the first."""
        helpers = {
            "from": self.start.path if self.start else None, "model": self.own.path if self.own else None,
            "teacher": self.teacher,
        }  # fmt: skip
        return {
            "network": self.network, "data": self.options.data.name, "images": len(self.parts.training),
            "classes": len(self.labels), "input_size": self.size, "seed": self.options.seed,
            "recipe": asdict(self.recipe),
            **{name: {"name": path.name, "sha256": file_identity(path)} for name, path in helpers.items() if path},
            **({SUPERNET_KEY: self.supernet.settings()} if self.supernet else {}),
        }  # fmt: skip


def _train_in(folder: RunFolder, run: _Run, settings: dict[str, Any]) -> TrainingResult:
    """Do all that needs TensorFlow; the chief saves the model and closes the folder."""
    scope = make_strategy(run.options.strategy, wait=run.options.wait)
    teacher = open_teacher(run.teacher, run.parts, run.preprocessing)
    weights = run.start.read() if run.start else None

    def make_model() -> Any:
        if run.own:
            return run.own.build(len(run.labels))
        model = build(run.network, classes=len(run.labels), input_size=run.size, seed=run.options.seed)
        if weights is not None and run.start:
            adopt(model, weights, str(run.start.path))
        elif run.recipe.branch_scale < 1:
            scale_branches(model, run.recipe.branch_scale)
        return model

    how = RunOptions(
        strategy=scope, seed=run.options.seed, folder=folder, saving=run.options.saving or Saving(),
        teacher=teacher and teacher.model, progress=run.progress,
        make_loss=run.supernet.make_loss() if run.supernet else None,
    )  # fmt: skip
    trained = train_model(make_model, run.parts.training, run.parts.validation, run.recipe, how)
    test = run.parts.judge(trained.model, run.output)
    metadata = Metadata(
        network=run.own.source.metadata.network if run.own else run.network,
        labels=run.labels,
        preprocessing=run.preprocessing,
        input_size=run.size,
        accuracy=test.top1,
        data=test.data,
        versions=keras_versions(),
        extra={"settings": settings, ACCURACY_IMAGES: test.samples},
    )
    if is_chief():
        save_keras(
            run.own.finished(trained.model) if run.own else trained.model, run.output, metadata, force=run.overwrite
        )
        folder.finish()
    return TrainingResult(
        path=run.output, network=run.network, history=trained.history, test=test, unreadable=run.parts.unreadable
    )
