from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sqnxt_tf.training.averaging import adopt_average
from sqnxt_tf.training.optimizer import make_optimizer
from sqnxt_tf.training.recipe_files import Recipe


def test_weight_decay_joins_the_gradient_of_kernels_and_passes_through_the_momentum() -> None:
    import tensorflow as tf

    recipe = Recipe(
        epochs=1, batch=1, rate=0.1, warmup_rate=0.1, warmup_steps=100, momentum=0.9, weight_decay=0.5, decay_power=0
    )
    kernel, gamma = tf.Variable([2.0], name="kernel"), tf.Variable([2.0], name="gamma")
    optimizer = make_optimizer(recipe, total_steps=100)
    expected, velocity = {"kernel": 2.0, "gamma": 2.0}, {"kernel": 0.0, "gamma": 0.0}
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant([1.0]), kernel), (tf.constant([1.0]), gamma)])
        for name, decay in (("kernel", 0.5), ("gamma", 0.0)):
            velocity[name] = 0.9 * velocity[name] - 0.1 * (1.0 + decay * expected[name])
            expected[name] += velocity[name]
    np.testing.assert_allclose([kernel.numpy()[0], gamma.numpy()[0]], list(expected.values()), rtol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_the_average_soon_forgets_the_weights_that_it_began_with(precision: Any) -> None:
    import tensorflow as tf

    recipe = Recipe(
        epochs=1,
        batch=1,
        rate=1,
        warmup_rate=1,
        warmup_steps=0,
        momentum=0,
        decay_power=0,
        ema=0.3,
        precision=precision,
    )
    variable = tf.Variable([0.0], name="gamma")
    optimizer = make_optimizer(recipe, total_steps=100)
    optimizer.build([variable])
    average = 0.0
    for step in range(6):
        optimizer.apply_gradients([(tf.constant([-1.0]), variable)])
        momentum = min(0.3, (1 + step) / (10 + step))
        average = momentum * average + (1 - momentum) * (step + 1)
    adopt_average(SimpleNamespace(trainable_variables=[variable]), optimizer)
    np.testing.assert_allclose(variable.numpy(), [average], rtol=1e-6)


def test_adamw_takes_decay_off_kernels_alone_and_apart_from_the_moments() -> None:
    import tensorflow as tf

    recipe = Recipe(
        epochs=1, batch=1, rate=0.1, warmup_rate=0.1, warmup_steps=100, optimizer="adamw", weight_decay=0.5,
        decay_power=0,
    )  # fmt: skip
    variables = {name: tf.Variable([2.0], name=name) for name in ("kernel", "gamma", "beta", "bias")}
    optimizer = make_optimizer(recipe, total_steps=100)
    optimizer.build(list(variables.values()))
    expected = dict.fromkeys(variables, 2.0)
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant([1.0]), variable) for variable in variables.values()])
        for name in expected:
            expected[name] -= 0.1 * (0.5 * expected[name] if name == "kernel" else 0)
            expected[name] -= 0.1  # equal gradients: mean over root of mean square is 1
    found = {name: float(variable.numpy()[0]) for name, variable in variables.items()}
    assert found == pytest.approx(expected, rel=1e-5)
