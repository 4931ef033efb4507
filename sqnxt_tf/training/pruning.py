"""Magnitude pruning with fine-tuning, by tensorflow-model-optimization."""

from __future__ import annotations

from typing import Any

from sqnxt_tf.data.batches import Batches
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.training.kernels import is_nested
from sqnxt_tf.training.loop import Trained, copy_of, fit, plain_copy
from sqnxt_tf.training.pruning_plan import RAMP, Plan, Pruning
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import RunFolder

_LONGEST_INTERVAL = (
    10  # steps between masks: tfmot's 100 never prune in a short run, made every step they double its time
)


def prune_model(
    model: Any,
    training: Batches | Arrays,
    validation: Batches | Arrays,
    recipe: Recipe,
    *,
    plan: Plan,
    strategy: Any,
    seed: int = 0,
    folder: RunFolder | None = None,
    progress: Progress = silent,
) -> Trained:
    """Set the smallest weights of the plan's kernels to zero and fine-tune the others.

    Masks are made anew every few steps, from the first ones on (`constant`) or while the sparsity rises
    (`polynomial`); those of an N:M pattern are made once, at the first step. With a `folder` the run can be resumed:
    masks and the schedule's step are saved with the weights.

    Raises:
        SqnxtError: A recipe with a moving average.
    """
    if recipe.ema:
        raise SqnxtError(
            "recipe",
            f"ema = {recipe.ema}: an average of weights from before and after they are pruned has no zeros",
            "leave it out",
        )
    import tensorflow_model_optimization as tfmot

    steps = recipe.steps_per_epoch(len(training)) * recipe.epochs
    weights = model.get_weights()  # out here: in the scope of another strategy they cannot be read

    def make_model() -> Any:
        return _wrapped(copy_of(model, weights), plan, steps)

    wrapped, history = fit(
        make_model,
        training,
        validation,
        recipe,
        strategy=strategy,
        seed=seed,
        folder=folder,
        callbacks=[tfmot.sparsity.keras.UpdatePruningStep()],
        task="fine-tuning",
        progress=progress,
    )
    with strategy.scope():
        stripped = tfmot.sparsity.keras.strip_pruning(wrapped)
    return Trained(plain_copy(stripped), history)


def _wrapped(model: Any, plan: Plan, steps: int, prefix: str = "") -> Any:
    """The model, on the same weights, with a pruning wrapper around each layer of the plan and no other.

    tfmot would wrap every layer, and refuse a model for a layer without weights that it has never heard of.
    """
    import tensorflow_model_optimization as tfmot
    import tf_keras as keras

    n_of_m = plan.pruning.n_of_m

    def wrap(layer: Any) -> Any:
        name = prefix + layer.name
        if is_nested(layer):
            return _wrapped(layer, plan, steps, f"{name}/")
        if name not in plan.sparsities:
            return layer
        return tfmot.sparsity.keras.prune_low_magnitude(
            layer,
            pruning_schedule=make_schedule(plan.pruning, plan.sparsities[name], steps),
            sparsity_m_by_n=n_of_m and (n_of_m[1] - n_of_m[0], n_of_m[1]),  # tfmot counts the zeros
        )

    return keras.models.clone_model(model, clone_function=wrap)


def make_schedule(pruning: Pruning, sparsity: float, steps: int) -> Any:
    """When masks are made anew, and to which sparsity, in a run of that many steps (counted from 1)."""
    import tensorflow_model_optimization as tfmot

    frequency = min(_LONGEST_INTERVAL, max(steps // 2, 1))
    if pruning.schedule == "constant":
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=frequency)
    first, last = (int(fraction * steps) for fraction in pruning.ramp or RAMP)
    first = min(first, steps - frequency)
    return tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=first,
        end_step=first + max((last - first) // frequency, 1) * frequency,  # a step that prunes, or it is never reached
        frequency=frequency,
    )
