"""The lossy part of Deep Compression: a model whose few distinct weights are those of the artifact to come."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..data import load_splits
from ..device.evaluation import Evaluation
from ..progress import Progress, silent
from ..training.recipes import Recipe
from ..training.run_folder import History
from .models import Source, to_arrays

if TYPE_CHECKING:
    from sqnxt_export import Parity

    from ..training.centroids import FineTuned


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What was done to a model before it was compressed, and what it cost.

    `density` is None where nothing was pruned. `parity` is that of the compressed artifact with the shared model;
    `before` and `after` are evaluations of the model as it came and as it is inside, None for random weights. The
    losses are those of centroid fine-tuning on the training images, None without it.
    """

    bits: int
    density: float | None
    parity: "Parity"
    before: Evaluation | None
    after: Evaluation | None
    history: History
    loss_before: float | None = None
    loss_after: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The `sharing` object of the `compress` document."""
        return {
            "bits": self.bits,
            "density": self.density,
            "parity": self.parity.to_json(),
            "top1_before": self.before.top1 if self.before else None,
            "top1_after": self.after.top1 if self.after else None,
            "test": self.after.to_json() if self.after else None,
            "history": self.history,
            "loss_before": self.loss_before,
            "loss_after": self.loss_after,
        }


def share_model(model: Any, *, bits: int, density: float | None = None) -> Any:
    """A copy of a `tf_keras` model, batch norm folded, each kernel pruned to `density` and shared with `bits` bits.

    Depthwise kernels are never pruned, as in `prune`.
    """
    from sqnxt_export import keep_largest, share_weights

    from ..training.folding import fold_batch_norm
    from ..training.kernels import kernels

    folded = fold_batch_norm(model)
    for name, variable in kernels(folded).items():
        values = variable.numpy()
        if density is not None and "depthwise" not in name:
            values = keep_largest(values, density)
        variable.assign(share_weights(values, bits))
    return folded


def fine_tune(
    shared: Any, source: Source, data: str, recipe: Recipe, *, bits: int, seed: int = 0, progress: Progress = silent
) -> "FineTuned":
    """Move the shared values of `shared` on the training part of `data`; what comes back is shared with `bits` bits.

    Raises:
        SqnxtError: data that are not divided, or a rate at which the loss is no number.
    """
    from sqnxt_export import share_weights

    from ..training.centroids import fine_tune_centroids
    from ..training.kernels import kernels
    from ..training.strategies import make_strategy

    sets = load_splits(data)
    training, validation = (to_arrays(sets[split], source.preprocessing) for split in ("train", "validation"))
    strategy = make_strategy("one-device")
    tuned = fine_tune_centroids(shared, training, validation, recipe, strategy=strategy, seed=seed, progress=progress)
    for variable in kernels(tuned.model).values():
        variable.assign(share_weights(variable.numpy(), bits))  # no more values than before: this rounds them
    return tuned
