"""Magnitude pruning with fine-tuning, by tensorflow-model-optimization."""

from dataclasses import dataclass
from typing import Any, Literal

from ..data.pipeline import Arrays
from ..errors import SqnxtError
from ..progress import Progress, silent
from .loop import Trained, fit, plain_copy
from .recipes import Recipe

Schedule = Literal["constant", "polynomial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Zeros:
    """How many of a layer's weights are zero."""

    name: str
    zeros: int
    weights: int

    @property
    def sparsity(self) -> float:
        """Zeros as a fraction."""
        return self.zeros / self.weights


def prune(
    model: Any,
    training: Arrays,
    validation: Arrays,
    recipe: Recipe,
    *,
    sparsity: float,
    schedule: Schedule = "constant",
    strategy: Any,
    seed: int = 0,
    progress: Progress = silent,
) -> Trained:
    """Set the smallest `sparsity` of each kernel's weights to zero and fine-tune the others.

    `constant` prunes at the first step; `polynomial` rises to the target over the first half of the steps. Kernels of
    convolutions and fully connected layers are pruned, depthwise ones are not.
    """
    check_sparsity(sparsity)
    import tensorflow_model_optimization as tfmot

    steps = recipe.steps_per_epoch(len(training)) * recipe.epochs
    weights = model.get_weights()  # out here: in the scope of another strategy they cannot be read

    def make_model() -> Any:
        import tf_keras as keras

        copy = keras.models.clone_model(model)
        copy.set_weights(weights)
        return tfmot.sparsity.keras.prune_low_magnitude(copy, pruning_schedule=_schedule(schedule, sparsity, steps))

    wrapped, history = fit(
        make_model,
        training,
        validation,
        recipe,
        strategy=strategy,
        seed=seed,
        callbacks=[tfmot.sparsity.keras.UpdatePruningStep()],
        task="fine-tuning",
        progress=progress,
    )
    with strategy.scope():
        stripped = tfmot.sparsity.keras.strip_pruning(wrapped)
    return Trained(plain_copy(stripped), history)


def check_sparsity(sparsity: float) -> None:
    """Refuse a fraction that no kernel can be pruned to."""
    if not 0 < sparsity < 1:
        raise SqnxtError(f"sparsity {sparsity}: is out of range; give a fraction between 0 and 1, as in 0.4")


def _schedule(schedule: Schedule, sparsity: float, steps: int) -> Any:
    import tensorflow_model_optimization as tfmot

    # The default of 100 steps would never prune in a short run, and masks made anew every step double its time.
    frequency = min(10, max(steps // 2, 1))
    if schedule == "constant":
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=frequency)
    return tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=0,
        end_step=max(steps // 2 // frequency, 1) * frequency,  # a step that prunes, or the target is never reached
        frequency=frequency,
    )


def count_zeros(model: Any) -> tuple[Zeros, ...]:
    """The zeros in every kernel of a Keras model, layer by layer."""
    return tuple(
        Zeros(name=layer.name, zeros=int((kernel == 0).sum()), weights=kernel.size)
        for layer in model.layers
        for variable in layer.weights
        if "kernel" in variable.name
        for kernel in (variable.numpy(),)
    )
