"""Quantisation-aware training of a trained model, for `train --qat`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqnxt_export import ACCURACY_IMAGES, LearntRanges, read_metadata, save_keras
from sqnxt_tf.accuracy import Evaluation
from sqnxt_tf.data.digits import digits
from sqnxt_tf.data.training_data import TrainingData, open_training_data
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.options.training import TrainOptions
from sqnxt_tf.own_data import own_data
from sqnxt_tf.progress import Progress
from sqnxt_tf.sources import ModelSource, check_trained, file_identity, open_trained
from sqnxt_tf.starting_models import open_teacher
from sqnxt_tf.training.data_options import stream_options
from sqnxt_tf.training.fine_tuning import qat_recipe
from sqnxt_tf.training.quantised_training import QatPrecision, QuantisedTraining, train_at_a_rate_it_bears
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.run_options import RunOptions, Saving
from sqnxt_tf.training.strategies import StrategyName, make_strategy
from sqnxt_tf.workflows.model_output import check_shift, keras_versions
from sqnxt_tf.workflows.train import TrainingResult


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantisedResult(TrainingResult):
    """A training result whose accuracy is that of the rounded model, with the answers of the model before."""

    precision: QatPrecision
    before: Evaluation

    def to_json(self) -> dict[str, Any]:
        """Return the `train --qat` document."""
        return {**TrainingResult.to_json(self), "qat": self.precision, "top1_before": self.before.top1}


def train_quantisation_aware(
    output: Path, options: TrainOptions, *, overwrite: bool, force: bool, progress: Progress
) -> QuantisedResult:
    """Fine-tune the model of `options.start_from` with rounded weights and activations, and write a `.keras` file.

    The file holds a plain model, which every verb reads. Its metadata hold the learnt ranges, which `export` uses.

    Raises:
        SqnxtError, ExportError: No model to begin with, data that are not its own, options that it contradicts.
    """
    if options.start_from is None or options.qat is None:
        raise SqnxtError("qat", "fine-tunes a trained model", "name one with `start_from`")
    if options.input_size is not None:
        raise SqnxtError("qat", "keeps the input of the model", "leave `input_size` out")
    path = check_trained(options.start_from)
    data = own_data(path, read_metadata(path), None if options.data.is_digits else options.data)
    recipe = options.recipe_or(qat_recipe(digits=data.is_digits))
    source = open_trained(path, digits("train") if data.is_digits else data.part())
    check_shift(recipe, (source.preprocessing.height, source.preprocessing.width))
    streaming = stream_options(recipe, options.max_unreadable)
    parts = open_training_data(data, source.preprocessing, streaming, progress=progress)
    folder, settings = RunFolder(output.with_suffix(".train")), _settings(path, data.name, options, recipe)
    with folder.begun(settings, force=force):
        how = RunOptions(
            strategy=make_strategy(one_device(options.strategy)),
            seed=options.seed, folder=folder, saving=options.saving or Saving(), progress=progress,
            teacher=_teacher(options, parts, source),
        )  # fmt: skip
        before = parts.judge(source.model, output)
        images = parts.training, parts.validation
        trained = train_at_a_rate_it_bears(source.model, images, recipe, options.qat, how, before.top1)
        test = parts.judge(trained.rounding, output)
        save_keras(trained.model, output, _metadata(source, trained, test, settings), force=overwrite)
        folder.finish()
    return QuantisedResult(
        path=output, network=source.metadata.network or source.name, history=trained.history, test=test,
        unreadable=parts.unreadable, precision=options.qat, before=before,
    )  # fmt: skip


def one_device(strategy: StrategyName) -> StrategyName:
    """Return the strategy of quantisation-aware training.

    Raises:
        SqnxtError: Several devices or workers are asked for.
    """
    if strategy not in ("auto", "one-device"):
        raise SqnxtError(f"strategy {strategy}", "is not for quantisation-aware training", "leave `strategy` out")
    return "one-device"


def learnt(precision: QatPrecision, trained: QuantisedTraining) -> dict[str, Any]:
    """Return what the metadata keep of quantisation-aware training."""
    return LearntRanges(precision=precision, ranges=trained.ranges).to_extra()


def _teacher(options: TrainOptions, parts: TrainingData, source: ModelSource) -> Any:
    teacher = open_teacher(options.teacher, parts, source.preprocessing)
    return teacher and teacher.model


def _settings(path: Path, data: str, options: TrainOptions, recipe: Recipe) -> dict[str, Any]:
    """Return what the model remembers of its run, and what a resumed run must share with the first."""
    return {
        "qat": options.qat, "data": data, "seed": options.seed, "recipe": asdict(recipe),
        "from": {"name": path.name, "sha256": file_identity(path)},
        **({"teacher": file_identity(Path(options.teacher))} if options.teacher else {}),
    }  # fmt: skip


def _metadata(source: ModelSource, trained: QuantisedTraining, test: Evaluation, settings: dict[str, Any]) -> Any:
    extra = {
        **source.metadata.extra,
        ACCURACY_IMAGES: test.samples,
        "settings": settings,
        **learnt(settings["qat"], trained),
    }
    return replace(
        source.metadata,
        preprocessing=source.preprocessing,
        accuracy=test.top1,
        data=test.data,
        versions=keras_versions(),
        extra=extra,
    )
