"""Prune a trained model, fine-tune it, count its zeros, save it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqnxt_base.user_files import read_whole
from sqnxt_export import ACCURACY_IMAGES, LearntRanges, load_keras, read_metadata, save_keras, whole_file
from sqnxt_tf.accuracy import Evaluation, paired_loss
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.digits import Split, digits
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.training_data import TrainingData, open_training_data
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.training import PruneOptions
from sqnxt_tf.own_data import own_data
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, check_trained, open_trained, require_tensorflow
from sqnxt_tf.training.batch_norms import is_batch_norm
from sqnxt_tf.training.data_options import stream_options
from sqnxt_tf.training.fine_tuning import QAT_RATE, pruning_recipe
from sqnxt_tf.training.kernels import Zeros, count_zeros
from sqnxt_tf.training.loop import Trained
from sqnxt_tf.training.pruning import prune_model
from sqnxt_tf.training.pruning_claims import check_zeros
from sqnxt_tf.training.pruning_plan import PruningPlan, make_plan
from sqnxt_tf.training.quantised_training import train_at_a_rate_it_bears
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import History, RunFolder
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import check_cluster, is_chief, make_strategy
from sqnxt_tf.workflows.model_output import check_model_output, check_shift, keras_versions, may_overwrite
from sqnxt_tf.workflows.train import TrainingResult
from sqnxt_tf.workflows.train_quantised import learnt, one_device


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningResult(TrainingResult):
    """A training result with the answers before pruning, the zeros of every kernel, and why some kernels have none.

    `layers` is counted from the written file. `frozen` names pruned layers whose weights are not trainable.
    """

    before: Evaluation
    layers: tuple[Zeros, ...]
    dense: dict[str, str]
    frozen: tuple[str, ...] = ()

    @property
    def top1_before(self) -> float:
        """Top-1 before pruning, as a fraction."""
        return self.before.top1

    @property
    def top1_lost(self) -> tuple[float, float, float]:
        """Top-1 before minus top-1 after, as a fraction, and the 95 % interval of the difference."""
        return paired_loss(self.before.right, self.test.right)

    @property
    def sparsity(self) -> float:
        """Zeros among all kernels' weights, as a fraction."""
        return sum(layer.zeros for layer in self.layers) / sum(layer.weights for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """Return the `prune` document."""
        lost, low, high = self.top1_lost
        return {
            **TrainingResult.to_json(self),
            "top1_before": self.top1_before,
            "top1_before_interval": list(self.before.top1_interval),
            "top1_lost": lost,
            "top1_lost_interval": [low, high],
            "sparsity": self.sparsity,
            "layers": [{**asdict(layer), "sparsity": layer.sparsity} for layer in self.layers],
            "dense": [{"name": name, "reason": reason} for name, reason in self.dense.items()],
            "frozen": list(self.frozen),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One pruning run: what to prune, on what data, how, and where to."""

    model: Path
    output: Path
    options: PruneOptions
    recipe: Recipe  # by default, until the model is opened, that of one with batch norm
    data: DataSource
    encoded: Mapping[Split, EncodedImages] | None  # None for the digits
    overwrite: bool
    progress: Progress

    def settings(self) -> dict[str, Any]:
        """Return what the pruned file remembers of the run."""
        options = self.options
        return {
            **options.to_json(), "data": self.data.name, "seed": options.seed, "recipe": asdict(self.recipe),
            **({"qat": options.qat} if options.qat else {}),
        }  # fmt: skip

    def identity(self) -> dict[str, Any]:
        """Return what an interrupted run must share with the one that resumes it: the model's bytes too."""
        given = {} if self.options.preprocessing is None else {"preprocessing": self.options.preprocessing}
        return {"model_sha256": sha256(read_whole(self.model)).hexdigest()[:16], **self.settings(), **given}


def prune(
    model: str | Path,
    output: str | Path,
    options: PruneOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> PruningResult:
    """Set the smallest weights of each kernel to zero, fine-tune the others, write a `.keras` file.

    State lives beside the output in `NAME.train/`, as that of `train` does: the same call again resumes an unfinished
    run, masks and schedule included.

    Args:
        model: A trained `.keras` file.
        output: The `.keras` file to write.
        options: What is pruned, how far and when, and how the rest is fine-tuned.
        force: Overwrite the output, and forget the state of a run that was begun.
        progress: Called as the work goes on.
        settings: Fields of `PruneOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError, ExportError: A model that cannot be read, data that are not its own, a pattern that matches no
            layer, an unfinished run of other settings, an output that exists.
    """
    options = options_from(PruneOptions, options, settings)
    model = check_trained(model)
    data = own_data(model, read_metadata(model), options.data)
    overwrite = may_overwrite(output, force=force)
    output = check_model_output(output, force=overwrite)
    run = _Run(
        model=model, output=output, options=options, recipe=_recipe(options, data), data=data, overwrite=overwrite,
        encoded=None if data.is_digits else data.encoded_parts(), progress=progress,
    )  # fmt: skip
    if output.exists() and output.samefile(model):
        raise SqnxtError(output, "is the model itself", "give the pruned one another name")
    require_tensorflow()
    check_cluster(options.strategy)
    folder = RunFolder(output.with_suffix(".train"))
    with folder.begun(run.identity(), force=force) if is_chief() else nullcontext():  # before the workers meet
        strategy = one_device(options.strategy) if options.qat else options.strategy
        return _prune_in(folder, run, make_strategy(strategy, wait=options.wait))


def _recipe(options: PruneOptions, data: DataSource, model: Any = None) -> Recipe:
    """Return how the model is fine-tuned; one that is not open yet counts as one with batch norm."""
    normed = model is None or any(map(is_batch_norm, model.layers))
    return options.recipe_or(pruning_recipe(digits=data.is_digits, normed=normed))


def _prune_in(folder: RunFolder, run: _Run, strategy: Any) -> PruningResult:
    """Do all that needs TensorFlow; the chief saves the model and closes the folder."""
    source = open_trained(
        run.model,
        run.encoded["train"] if run.encoded else digits("train"),
        preprocessing=run.options.preprocessing,
        labels=run.options.labels,
    )
    source.known_input()
    run = replace(run, recipe=_recipe(run.options, run.data, source.model))
    check_shift(run.recipe, (source.preprocessing.height, source.preprocessing.width))
    plan = make_plan(source.model, run.options)
    parts = open_training_data(
        run.data, source.preprocessing, stream_options(run.recipe), parts=run.encoded, progress=run.progress
    )
    before = parts.judge(source.model, run.output)
    how = RunOptions(strategy=strategy, seed=run.options.seed, folder=folder, progress=run.progress)
    tuned = _finished(
        prune_model(source.model, parts.training, parts.validation, run.recipe, plan, how), parts, run, how
    )
    result = PruningResult(
        path=run.output,
        network=source.metadata.network or source.name,
        history=tuned.history,
        test=parts.judge(tuned.judged, run.output),
        unreadable=parts.unreadable,
        before=before,
        layers=count_zeros(tuned.model),
        dense=plan.dense,
        frozen=plan.frozen,
    )
    if is_chief():
        _save(tuned, source, result, plan, run)
        folder.finish()
    return result


@dataclass(frozen=True, slots=True)
class _Finished:
    """The model to save and the one to judge, which differ where its artifact rounds; figures; metadata of rounding."""

    model: Any
    judged: Any
    history: History
    extra: dict[str, Any]


def _finished(pruned: Trained, parts: TrainingData, run: _Run, how: RunOptions) -> _Finished:
    """Fine-tune the pruned model with rounding if asked; a run that is cut here is resumed where pruning ended."""
    if run.options.qat is None:
        return _Finished(pruned.model, pruned.model, pruned.history, {})
    once_more = replace(how, folder=None)
    recipe = replace(run.recipe, rate=QAT_RATE, warmup_rate=QAT_RATE)
    accuracy = float(pruned.history[-1]["val_accuracy"])
    images = parts.training, parts.validation
    found = train_at_a_rate_it_bears(pruned.model, images, recipe, run.options.qat, once_more, accuracy)
    return _Finished(found.model, found.rounding, [*pruned.history, *found.history], learnt(run.options.qat, found))


def _save(tuned: _Finished, source: ModelSource, result: PruningResult, plan: PruningPlan, run: _Run) -> None:
    """Write the `.keras` file with its metadata; it takes its name once its zeros have been counted."""
    metadata = replace(
        source.metadata,
        preprocessing=source.preprocessing,
        nonzero_fraction=1 - result.sparsity,
        accuracy=result.test.top1,
        data=result.test.data,
        versions=keras_versions(),
        extra={
            **LearntRanges.dropped_from(source.metadata.extra),
            ACCURACY_IMAGES: result.test.samples,
            "pruning": run.settings(),
            **tuned.extra,
        },
    )
    with whole_file(run.output, force=run.overwrite) as temporary:
        save_keras(tuned.model, temporary, metadata, force=True)
        check_zeros(load_keras(temporary), plan, run.output)
