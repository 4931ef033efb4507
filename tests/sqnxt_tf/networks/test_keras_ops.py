"""The two interpreters describe the same network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.counts import count_params
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.networks.ops import BIAS, BIAS_RELU, NORM_LEAKY_RELU, NORM_RELU, NOTHING, Epilogue
from sqnxt_tf.networks.registry import layer_rows, networks
from sqnxt_tf.networks.rows import RowOps

FAST = {
    "sqnxt23_w1", "sqnxt23v5_w1", "sqnxt23g_w1", "sqnxt23ida_w1", "squeezenet_v1_0_complex_bypass", "squeezenet_v1_1",
    "alexnet", "mobilenet_w1", "tiny_darknet", "darknet_ref",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in networks()]
)
@pytest.mark.parametrize("size", [(96, 75)])
def test_keras_layers_have_the_shapes_and_parameters_of_the_rows(name: str, size: tuple[int, int]) -> None:
    model, rows = build(name, classes=10, input_size=size), layer_rows(name, classes=10, input_size=size)
    for row in rows:
        shape = tuple(model.get_layer(row.name).output.shape[1:])
        assert (shape if len(shape) == 3 else (1, 1, *shape)) == row.out_shape
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == count_params(rows)


@pytest.mark.parametrize("size", [34, 35, (34, 35)])
def test_ceil_mode_pooling_takes_the_edge_that_hangs_over(size: int | tuple[int, int]) -> None:
    import tf_keras as keras

    from sqnxt_tf.networks.keras_ops import KerasOps

    height, width = (size, size) if isinstance(size, int) else size
    ops = KerasOps(seed=0)
    image = ops.input(height, width, 1)
    model = keras.Model(image, ops.max_pool(image, 3, name="pool"))
    x = np.random.default_rng(0).random((1, height, width, 1)).astype(np.float32)
    rows, columns = range(0, height - 1, 2), range(0, width - 1, 2)
    expected = [[x[0, r : r + 3, c : c + 3].max() for c in columns] for r in rows]
    np.testing.assert_array_equal(model(x)[0, :, :, 0], expected)


@pytest.mark.parametrize("then", [NOTHING, BIAS, BIAS_RELU, NORM_RELU, NORM_LEAKY_RELU, Epilogue(True, True, "relu")])
def test_what_follows_a_layer_has_the_parameters_of_its_row(then: Epilogue) -> None:
    import tf_keras as keras

    from sqnxt_tf.networks.keras_ops import KerasOps

    def define(ops: Any) -> tuple[Any, Any]:
        image = ops.input(8, 8, 3)
        return image, ops.dense(ops.conv(image, 4, 3, then=then, name="conv"), 5, then=then, name="dense")

    rows = RowOps()
    define(rows)
    model = keras.Model(*define(KerasOps(seed=0)))
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == count_params(rows.rows)
    relus = [layer for layer in model.layers if type(layer).__name__ in ("ReLU", "LeakyReLU")]
    assert len(relus) == (2 if then.activation else 0)


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (build("tiny_darknet", classes=10, input_size=32, seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


def test_a_builder_refuses_what_the_rows_refuse() -> None:
    with pytest.raises(SqnxtError, match="too small"):
        build("alexnet", input_size=20)
