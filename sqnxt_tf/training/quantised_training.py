"""Quantisation-aware training: fine-tuning with the rounding that an integer artifact adds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

import numpy as np

from sqnxt_tf.data.batches import Batches
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.equalising import equalised
from sqnxt_tf.training.fake_quantising import INPUT, FakeQuantised, Ranges, fake_quantised
from sqnxt_tf.training.kernels import kernels
from sqnxt_tf.training.loop import as_batches, train_in_strategy
from sqnxt_tf.training.quantised_tensors import quantised_outputs
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import History
from sqnxt_tf.training.run_options import RunOptions

QatPrecision = Literal["int8", "int16x8"]
QAT_PRECISIONS: tuple[QatPrecision, ...] = ("int8", "int16x8")
_CALIBRATION_IMAGES = 256
_MOST_RUNS = 3
_RUINED = 0.9
"""A run that ends below this fraction of the accuracy before has moved the weights too far."""


@dataclass(frozen=True, slots=True)
class QuantisedTraining:
    """What quantisation-aware training gives.

    Attributes:
        model: A plain model without nested models and batch norm, whose kernels are rounded to 8 bits.
        rounding: The same model with rounded activations, which computes what the artifact computes.
        ranges: The range of each rounded activation, by the name of the layer; empty with 16-bit activations.
        history: The figures of each epoch.
    """

    model: Any
    rounding: Any
    ranges: Ranges
    history: History


def check_qat(precision: str | None) -> None:
    """Refuse a precision that models are not trained for; None is none.

    Raises:
        SqnxtError: It is another one.
    """
    if precision not in (None, *QAT_PRECISIONS):
        raise SqnxtError(f"qat {precision!r}", "is not known", f"use one of {', '.join(QAT_PRECISIONS)}")


def train_quantised(
    model: Any,
    training: Batches | Arrays,
    validation: Batches | Arrays,
    recipe: Recipe,
    precision: QatPrecision,
    run: RunOptions,
) -> QuantisedTraining:
    """Fine-tune a trained model with rounded weights and activations; gradients pass through the rounding.

    Zeros stay zeros, so that a pruned model stays pruned (tfmot calls this PQAT). Batch norm is folded first, as in the
    artifact, and neighbouring layers are equalised: where channels differ by orders of magnitude, a model without batch
    norm would not train. The ranges of activations begin with those of some training images and follow a moving
    average. With `int16x8` only weights are rounded, since 16 bits of activations cost nothing that training could win
    back.

    Raises:
        SqnxtError: Several replicas, or a recipe of another arithmetic than float32; or see `train_model`.
    """
    _check(recipe, run)
    flat, _ = equalised(model)
    ranges = activation_ranges(flat, as_batches(training, recipe), recipe.batch) if precision == "int8" else {}
    made: list[FakeQuantised] = []

    def make_model() -> Any:
        made.append(fake_quantised(flat, activations=precision == "int8"))
        made[0].set_ranges(ranges)
        return made[0].model

    tuning = replace(run, change_gradient=_zeros_kept(flat), task="quantisation-aware training")
    _, history = train_in_strategy(make_model, training, validation, recipe, tuning)
    made[0].copy_weights_to(flat)
    return QuantisedTraining(flat, made[0].model, made[0].ranges(), history)


def train_at_a_rate_it_bears(
    model: Any,
    data: tuple[Batches | Arrays, Batches | Arrays],
    recipe: Recipe,
    precision: QatPrecision,
    run: RunOptions,
    accuracy: float,
) -> QuantisedTraining:
    """Do what `train_quantised` does, again at a tenth of the learning rate where that ruins the model, twice at most.

    Args:
        model: A trained model.
        data: Images to train on, and images to measure the model on after each epoch.
        recipe: The numbers of the training.
        precision: The precision of the artifact.
        run: Strategy, seed and the like; only the first run is kept on disk.
        accuracy: Top-1 of the model before, a fraction. A run that ends below nine tenths of it is repeated.
    """
    for attempt in range(_MOST_RUNS):
        rate = recipe.rate / 10**attempt
        lower = replace(recipe, rate=rate, warmup_rate=min(recipe.warmup_rate, rate))
        found = train_quantised(model, *data, lower, precision, run if attempt == 0 else replace(run, folder=None))
        if found.history[-1]["val_accuracy"] >= _RUINED * accuracy:
            break
    return found


def activation_ranges(model: Any, batches: Batches, batch: int) -> Ranges:
    """Return the smallest and largest value, zero included, of each activation that an int8 artifact rounds."""
    import tf_keras as keras

    rounded = quantised_outputs(model)
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth if node.layer.name in rounded]
    names = [INPUT, *(node.layer.name for node in nodes)]
    observer = keras.Model(model.inputs, [model.inputs[0], *(node.outputs for node in nodes)])
    found: Ranges = dict.fromkeys(names, (0.0, 0.0))
    for images, _ in islice(batches.evaluation(batch=batch), max(_CALIBRATION_IMAGES // batch, 1)):
        for name, values in zip(names, observer(images, training=False), strict=True):
            low, high = found[name]
            found[name] = min(low, float(np.min(values))), max(high, float(np.max(values)))
    return found


def _check(recipe: Recipe, run: RunOptions) -> None:
    if run.strategy.num_replicas_in_sync > 1:
        raise SqnxtError("quantisation-aware training", "runs on one device", "pass `strategy=one-device`")
    if recipe.precision != "float32" or recipe.synchronized_batch_norm:
        raise SqnxtError(
            "recipe",
            "has 16-bit arithmetic or synchronised batch norm, which quantisation-aware training has not",
            "set precision to float32 and synchronized_batch_norm to false",
        )


def _zeros_kept(model: Any) -> Callable[[str, Any], Any]:
    """Return a function that leaves the zeros of each kernel without a gradient."""
    masks = {place: (variable.numpy() != 0).astype(np.float32) for place, variable in kernels(model).items()}
    return lambda place, gradient: gradient * masks[place]
