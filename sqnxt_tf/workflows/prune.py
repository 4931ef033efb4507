"""Prune a trained model, fine-tune it, count its zeros, save it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqnxt_export import save_keras
from sqnxt_tf.accuracy import Evaluation, paired_loss
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.digits import Split, digits
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.training_data import StreamOptions, open_training_data
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, check_trained, open_trained, require_tensorflow
from sqnxt_tf.training.kernels import Zeros, count_zeros
from sqnxt_tf.training.pruning import prune_model
from sqnxt_tf.training.pruning_plan import Pruning, PruningSchedule, make_plan
from sqnxt_tf.training.recipe_files import FINETUNE, Recipe
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import StrategyName, check_cluster, is_chief, make_strategy
from sqnxt_tf.workflows.train import TrainingResult, check_model_output, check_shift, keras_versions, may_overwrite


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningResult(TrainingResult):
    """As a training run, with the answers before pruning, the zeros of every kernel, and why some kernels have none."""

    before: Evaluation
    layers: tuple[Zeros, ...]
    dense: dict[str, str]

    @property
    def top1_before(self) -> float:
        """Top-1 before pruning, as a fraction."""
        return self.before.top1

    @property
    def top1_lost(self) -> tuple[float, float, float]:
        """Top-1 before less top-1 after, as a fraction, and the 95 % interval of the difference."""
        return paired_loss(self.before.right, self.test.right)

    @property
    def sparsity(self) -> float:
        """Zeros among all kernels' weights, as a fraction."""
        return sum(layer.zeros for layer in self.layers) / sum(layer.weights for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The `prune` document."""
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
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """All that a pruning run is told: what to prune, on what data, how to fine-tune, where to."""

    model: Path
    output: Path
    encoded: Mapping[Split, EncodedImages] | None  # None for the digits
    pruning: Pruning
    recipe: Recipe
    seed: int
    data: str
    overwrite: bool
    progress: Progress

    def settings(self) -> dict[str, Any]:
        """What is remembered in the pruned file."""
        return {**self.pruning.to_json(), "data": self.data, "seed": self.seed, "recipe": asdict(self.recipe)}


def prune(
    model: str | Path,
    output: str | Path,
    *,
    sparsity: float | None = None,
    schedule: PruningSchedule = "constant",
    ramp: tuple[float, float] | None = None,
    excluded: Sequence[str] = (),
    layer_sparsity: Mapping[str, float] | None = None,
    pattern: str | None = None,
    data: str = "digits",
    recipe: Recipe = FINETUNE,
    seed: int = 0,
    strategy: StrategyName = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> PruningResult:
    """Set the smallest weights of each kernel to zero, fine-tune what is left on `data`, write a `.keras` file.

    What is pruned, how far and when is told by `sparsity` to `pattern`; see `training.pruning_plan.Pruning`. State
    lives beside the output in `NAME.train/`, as that of `train` does: the same call again goes on with an unfinished
    run, masks and schedule included.

    Raises:
        SqnxtError, ExportError: A model that cannot be read, data that are not its own, a pattern that matches no
            layer, an unfinished run of other settings, an output that exists.
    """
    overwrite = may_overwrite(output, force=force)
    output = check_model_output(output, force=overwrite)
    pruning = Pruning(
        sparsity=sparsity,
        schedule=schedule,
        ramp=ramp,
        excluded=tuple(excluded),
        layer_sparsity=dict(layer_sparsity or {}),
        pattern=pattern,
    )
    images = DataSource.parse(data)
    run = _Run(
        model=check_trained(model), output=output, encoded=None if images.is_digits else images.encoded_parts(),
        pruning=pruning, recipe=recipe, seed=seed, data=data, overwrite=overwrite, progress=progress,
    )  # fmt: skip
    if output.exists() and output.samefile(model):
        raise SqnxtError(output, "is the model itself", "give the pruned one another name")
    require_tensorflow()
    check_cluster(strategy)
    folder = RunFolder(output.with_suffix(".train"))
    with folder.begun(_identity(run), force=force) if is_chief() else nullcontext():  # before the workers meet
        return _prune_in(folder, run, make_strategy(strategy))


def _identity(run: _Run) -> dict[str, Any]:
    """What an interrupted run must share with the one that goes on with it: the model's bytes too."""
    return {"model_sha256": sha256(run.model.read_bytes()).hexdigest()[:16], **run.settings()}


def _prune_in(folder: RunFolder, run: _Run, strategy: Any) -> PruningResult:
    """Everything that needs TensorFlow; the chief saves the model and closes the folder."""
    source = open_trained(run.model, run.encoded["train"] if run.encoded else digits("train"))
    check_shift(run.recipe, (source.preprocessing.height, source.preprocessing.width))
    plan = make_plan(source.model, run.pruning)
    streaming = StreamOptions(augmentation=run.recipe.augmentation, max_shift=run.recipe.max_shift)
    parts = open_training_data(DataSource.parse(run.data), source.preprocessing, streaming, parts=run.encoded)
    before = parts.judge(source.model, run.output)
    options = RunOptions(strategy=strategy, seed=run.seed, folder=folder, progress=run.progress)
    tuned = prune_model(source.model, parts.training, parts.validation, run.recipe, plan, options)
    result = PruningResult(
        path=run.output,
        network=source.metadata.network or source.name,
        history=tuned.history,
        test=parts.judge(tuned.model, run.output),
        unreadable=parts.unreadable,
        before=before,
        layers=count_zeros(tuned.model),
        dense=plan.dense,
    )
    if is_chief():
        _save(tuned.model, source, result, run)
        folder.finish()
    return result


def _save(model: Any, source: ModelSource, result: PruningResult, run: _Run) -> None:
    """Write the `.keras` file with what is known of it."""
    metadata = replace(
        source.metadata,
        preprocessing=source.preprocessing,
        nonzero_fraction=1 - result.sparsity,
        accuracy=result.test.top1,
        data=result.test.data,
        versions=keras_versions(),
        extra={**source.metadata.extra, "pruning": run.settings()},
    )
    save_keras(model, run.output, metadata, force=run.overwrite)
