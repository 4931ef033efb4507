"""Prune a trained model, fine-tune it, count its zeros, save it."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqnxt_export import save_keras
from sqnxt_export.artifact.files import existing_file

from ..data import load_splits
from ..device.evaluation import count_answers
from ..errors import SqnxtError
from ..networks.registry import is_network
from ..progress import Progress, silent
from ..training.pruning import Schedule, Zeros, check_sparsity, count_zeros
from ..training.pruning import prune as run_pruning
from ..training.recipes import FINETUNE, Recipe
from ..training.strategies import StrategyName, is_chief, make_strategy
from .models import open_source, require_tensorflow, to_arrays
from .train import TrainingResult, check_model_output, keras_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningResult(TrainingResult):
    """As a training run, with the top-1 before pruning and the zeros of every kernel."""

    top1_before: float
    layers: tuple[Zeros, ...]

    @property
    def sparsity(self) -> float:
        """Zeros among all kernels' weights, as a fraction."""
        return sum(layer.zeros for layer in self.layers) / sum(layer.weights for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The `prune` document."""
        return {
            **TrainingResult.to_json(self),
            "top1_before": self.top1_before,
            "sparsity": self.sparsity,
            "layers": [{**asdict(layer), "sparsity": layer.sparsity} for layer in self.layers],
        }


def prune(
    model: str | Path,
    output: str | Path,
    *,
    sparsity: float = 0.4,
    schedule: Schedule = "constant",
    data: str = "digits",
    recipe: Recipe = FINETUNE,
    seed: int = 0,
    strategy: StrategyName = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> PruningResult:
    """Set the smallest `sparsity` of each kernel to zero, fine-tune what is left on `data`, write a `.keras` file.

    Raises:
        SqnxtError, ExportError: a model that cannot be read, data that are not its own, an output that exists.
    """
    output = check_model_output(output, force=force)
    check_sparsity(sparsity)
    if output.exists() and output.samefile(model):
        raise SqnxtError(f"{output}: is the model itself; give the pruned one another name")
    sets = load_splits(data)
    require_tensorflow()
    if is_network(str(model)):
        raise SqnxtError(f"{model}: names a network, not a trained model; train it first with `sqnxt-tf train`")
    existing_file(model)
    scope = make_strategy(strategy)  # before anything else of TensorFlow
    source = open_source(str(model))
    if source.metadata.labels and source.metadata.labels != sets["train"].class_names:
        raise SqnxtError(f"{model}: was trained for other classes than those of {data}; give --data its own data")
    arrays = {split: to_arrays(part, source.preprocessing) for split, part in sets.items()}
    before = count_answers(output, sets["test"], source.model.predict(arrays["test"].images, verbose=0))
    run = run_pruning(
        source.model,
        arrays["train"],
        arrays["validation"],
        recipe,
        sparsity=sparsity,
        schedule=schedule,
        strategy=scope,
        seed=seed,
        progress=progress,
    )
    test = count_answers(output, sets["test"], run.model.predict(arrays["test"].images, verbose=0))
    layers = count_zeros(run.model)
    result = PruningResult(
        path=output,
        network=source.metadata.network or source.name,
        history=run.history,
        test=test,
        top1_before=before.top1,
        layers=layers,
    )
    settings = {"sparsity": sparsity, "schedule": schedule, "data": data, "seed": seed, "recipe": asdict(recipe)}
    metadata = replace(
        source.metadata,
        preprocessing=source.preprocessing,
        nonzero_fraction=1 - result.sparsity,
        accuracy=test.top1,
        data=sets["test"].name,
        versions=keras_versions(),
        extra={**source.metadata.extra, "pruning": settings},
    )
    if is_chief():
        save_keras(run.model, output, metadata, force=force)
    return result
