"""Magnitude pruning with fine-tuning, by tensorflow-model-optimization."""

from dataclasses import dataclass
from typing import Any, Literal

from ..data.pipeline import Arrays
from ..errors import SqnxtError
from ..progress import Progress, silent
from .loop import train
from .recipes import Recipe
from .run_folder import History

Schedule = Literal["constant", "polynomial"]


@dataclass(frozen=True, slots=True)
class Pruned:
    """The pruned model, without wrappers, and what was measured after each epoch of fine-tuning."""

    model: Any
    history: History


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
) -> Pruned:
    """Set the smallest `sparsity` of each kernel's weights to zero and fine-tune the others.

    `constant` prunes at the first step; `polynomial` rises to the target over the first half of the steps. Kernels of
    convolutions and fully connected layers are pruned, depthwise ones are not.
    """
    if not 0 < sparsity < 1:
        raise SqnxtError(f"sparsity {sparsity} is out of range; give a fraction between 0 and 1, as in 0.4")
    import tensorflow_model_optimization as tfmot

    wrap = tfmot.sparsity.keras.prune_low_magnitude
    steps = recipe.steps_per_epoch(len(training)) * recipe.epochs

    def make_model() -> Any:
        import tf_keras as keras

        copy = keras.models.clone_model(model)  # variables of the strategy's own
        copy.set_weights(model.get_weights())
        return wrap(copy, pruning_schedule=_schedule(schedule, sparsity, steps))

    run = train(
        make_model,
        training,
        validation,
        recipe,
        strategy=strategy,
        seed=seed,
        callbacks=[tfmot.sparsity.keras.UpdatePruningStep()],
        progress=progress,
    )
    return Pruned(tfmot.sparsity.keras.strip_pruning(run.model), run.history)


def _schedule(schedule: Schedule, sparsity: float, steps: int) -> Any:
    import tensorflow_model_optimization as tfmot

    if schedule == "constant":
        # the default frequency of 100 would never prune in a short run
        return tfmot.sparsity.keras.ConstantSparsity(sparsity, begin_step=0, frequency=1)
    return tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0, final_sparsity=sparsity, begin_step=0, end_step=max(steps // 2, 1), frequency=1
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
