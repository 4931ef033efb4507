"""The lossy steps of Deep Compression: batch norm folded, kernels pruned and clustered, clustered values fine-tuned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import DivergedError
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource
from sqnxt_tf.training.recipe_files import Recipe

if TYPE_CHECKING:
    from sqnxt_tf.training.centroids import FineTuned


def share_model(model: Any, *, bits: int, density: float | None = None) -> Any:
    """Return a copy of a model with batch norm folded, kernels pruned to `density` and clustered with `bits` bits.

    The copy has no nested models: their layers are called `<nested>/<layer>`. Depthwise kernels are never pruned, as in
    `prune`.
    """
    from sqnxt_export import keep_largest, share_weights
    from sqnxt_tf.training.folding import fold_batch_norm
    from sqnxt_tf.training.kernels import kernels

    folded = fold_batch_norm(model)
    for place, variable in kernels(folded).items():
        values = variable.numpy()
        if density is not None and is_pruned(place):
            values = keep_largest(values, density)
        variable.assign(share_weights(values, bits))
    return folded


def is_pruned(place: str) -> bool:
    """Tell whether the kernel of that place is pruned; depthwise ones are few, and each is all that a channel has."""
    return not place.endswith("/depthwise_kernel")


def fine_tune(
    shared: Any,
    source: ModelSource,
    data: DataSource,
    recipe: Recipe,
    *,
    bits: int,
    seed: int = 0,
    progress: Progress = silent,
) -> FineTuned:
    """Fine-tune the clustered values of `shared` on the training part of `data`, and cluster them again.

    Where the loss does not fall, as that of a model whose inputs are large may without batch norm, the run is repeated
    at a tenth of the learning rate, twice at most.

    Raises:
        SqnxtError: The data are not divided.
        DivergedError: The loss is not a number at a hundredth of the learning rate either.
    """
    from sqnxt_export import share_weights
    from sqnxt_tf.training.centroids import fine_tune_centroids
    from sqnxt_tf.training.kernels import kernels
    from sqnxt_tf.training.run_options import RunOptions
    from sqnxt_tf.training.strategies import make_strategy

    sets = data.parts()
    training, validation = (to_arrays(sets[split], source.preprocessing) for split in ("train", "validation"))
    run = RunOptions(strategy=make_strategy("one-device"), seed=seed, progress=progress)
    for rate in (recipe.rate, recipe.rate / 10, recipe.rate / 100):
        lower = replace(recipe, rate=rate, warmup_rate=min(recipe.warmup_rate, rate))
        try:
            tuned = fine_tune_centroids(shared, training, validation, lower, run)
            if tuned.loss_after < tuned.loss_before:
                break
        except DivergedError:
            if rate <= recipe.rate / 100:
                raise
    for variable in kernels(tuned.model).values():
        variable.assign(share_weights(variable.numpy(), bits))  # no more values than before: this rounds them
    return tuned
