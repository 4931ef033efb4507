"""Magnitude pruning with fine-tuning, by tensorflow-model-optimization (tfmot)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqnxt_tf.data.batches import Batches
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.kernels import is_nested, prunable_layers, pruned_kernel
from sqnxt_tf.training.loop import Trained, copy_of, train_in_strategy
from sqnxt_tf.training.mask_updates import mask_updates
from sqnxt_tf.training.preparing import plain_copy
from sqnxt_tf.training.pruning_plan import RAMP, Pruning, PruningPlan, zeros_due
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.sensitivity import without_smallest

# Steps between two updates of the masks: with tfmot's own 100 a short run is never pruned, with 1 a run takes twice as
# long.
_LONGEST_INTERVAL = 10


def prune_model(
    model: Any,
    training: Batches | Arrays,
    validation: Batches | Arrays,
    recipe: Recipe,
    plan: PruningPlan,
    run: RunOptions,
) -> Trained:
    """Set the smallest weights of the plan's kernels to zero, and fine-tune the others.

    The masks are updated every few steps, from the beginning (`constant`) or while the sparsity rises (`polynomial`).
    The masks of an N:M pattern are made once, at the first step. A frozen layer is pruned too, and what is left of it
    stays as it was. With a `run.folder` the run can be resumed: masks and
    the step of the schedule are saved with the weights.

    Raises:
        SqnxtError: The recipe has a moving average; or see `train_model`.
    """
    if recipe.ema:
        raise SqnxtError(
            "recipe",
            f"ema = {recipe.ema:g} would average weights from before and after pruning, which leaves no zeros",
            "set ema to 0",
        )
    import tensorflow_model_optimization as tfmot

    steps = recipe.steps_per_epoch(len(training)) * recipe.epochs
    weights = model.get_weights()  # read here: the scope of another strategy cannot read them

    def make_model() -> Any:
        return _wrapped(copy_of(model, weights), plan, steps)

    tuning = replace(run, callbacks=[*run.callbacks, mask_updates()], task="fine-tuning")
    wrapped, history = train_in_strategy(make_model, training, validation, recipe, tuning)
    with run.strategy.scope():
        stripped = tfmot.sparsity.keras.strip_pruning(wrapped)
    pruned = plain_copy(stripped)
    _drop_ties(pruned, plan)
    return Trained(pruned, history)


def _drop_ties(model: Any, plan: PruningPlan) -> None:
    """Set the weights to zero that tfmot keeps because they are as large as the smallest one that must stay."""
    if plan.pruning.n_of_m is not None:
        return
    layers = prunable_layers(model)
    for name, sparsity in plan.sparsities.items():
        kernel = pruned_kernel(layers[name])
        values = kernel.numpy()
        if int((values == 0).sum()) < zeros_due(values.size, sparsity):
            kernel.assign(without_smallest(values, zeros_due(values.size, sparsity)))


def _wrapped(model: Any, plan: PruningPlan, steps: int, prefix: str = "") -> Any:
    """Return the model, with the same weights, with a pruning wrapper around each layer of the plan and no other.

    tfmot's own function wraps every layer, and refuses a model if a layer without weights is unknown to it.
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
        layer.get_prunable_weights = lambda: [pruned_kernel(layer)]  # tfmot's own table lacks some classes
        return tfmot.sparsity.keras.prune_low_magnitude(
            layer,
            pruning_schedule=make_schedule(plan.pruning, plan.sparsities[name], steps),
            sparsity_m_by_n=n_of_m and (n_of_m[1] - n_of_m[0], n_of_m[1]),  # tfmot takes M - N, the number of zeros
        )

    return keras.models.clone_model(model, clone_function=wrap)


def make_schedule(pruning: Pruning, sparsity: float, steps: int) -> Any:
    """Make tfmot's schedule: at which steps (counted from 1) of a run the masks are updated, and to which sparsity.

    Example: with a ramp of 0:0.5, the sparsity of a run of 100 steps rises every 10 steps, up to step 50.
    """
    import tensorflow_model_optimization as tfmot

    frequency = min(_LONGEST_INTERVAL, max(steps // 2, 1))
    if pruning.schedule == "constant":
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=frequency)
    first, last = (int(fraction * steps) for fraction in pruning.ramp or RAMP)
    first = min(first, steps - frequency)
    # The last step of the ramp must be one that prunes: otherwise the final sparsity is never reached.
    return tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=first,
        end_step=first + max((last - first) // frequency, 1) * frequency,
        frequency=frequency,
    )
