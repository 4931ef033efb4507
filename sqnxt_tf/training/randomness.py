"""Random layers that draw from seed, step and replica, so that a resumed run draws the same numbers.

Keras's own layers draw from a state that no checkpoint holds.
"""

from __future__ import annotations

from typing import Any

from sqnxt_tf.training.kernels import named_layers

_LARGEST_SEED = 2**31 - 1


def seed_random_layers(model: Any, seed: int, step: Any) -> None:
    """Let the dropout and noise layers of a model draw from `seed`, the layer's position and the variable `step`.

    The configuration of the layers stays the same, so a clone of the model draws as Keras's layers do.
    """
    for place, (_, layer) in enumerate(named_layers(model)):
        if hasattr(layer, "_random_generator"):
            generator = _make_generator(layer._random_generator, [seed & _LARGEST_SEED, place], step)
            object.__setattr__(layer, "_random_generator", generator)  # past Keras's __setattr__, which would track it


def _make_generator(replaced: Any, seed: list[int], step: Any) -> Any:
    """Return a Keras `RandomGenerator` with the configuration of `replaced` that draws from step and replica."""
    import tensorflow as tf

    class OfStep(type(replaced)):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(seed=replaced._seed, rng_type=replaced._rng_type)
            self._built, self._generator = True, None

        def make_seed_for_stateless_op(self) -> Any:
            fold = tf.random.experimental.stateless_fold_in
            context = tf.distribute.get_replica_context()
            return fold(fold(seed, tf.identity(step)), context.replica_id_in_sync_group if context else 0)

        def dropout(self, inputs: Any, rate: Any, noise_shape: Any = None) -> Any:
            seeded = self.make_seed_for_stateless_op()
            return tf.nn.experimental.stateless_dropout(inputs, rate, seed=seeded, noise_shape=noise_shape)

        def random_normal(
            self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, nonce: Any = None
        ) -> Any:
            return tf.random.stateless_normal(shape, self._seed_for(nonce), mean, stddev, dtype or tf.float32)

        def truncated_normal(
            self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, nonce: Any = None
        ) -> Any:
            return tf.random.stateless_truncated_normal(shape, self._seed_for(nonce), mean, stddev, dtype or tf.float32)

        def random_uniform(
            self, shape: Any, minval: Any = 0.0, maxval: Any = None, dtype: Any = None, nonce: Any = None
        ) -> Any:
            highest = 1.0 if maxval is None else maxval
            return tf.random.stateless_uniform(shape, self._seed_for(nonce), minval, highest, dtype or tf.float32)

        def _seed_for(self, nonce: Any) -> Any:
            seeded = self.make_seed_for_stateless_op()
            return tf.random.experimental.stateless_fold_in(seeded, nonce) if nonce else seeded

    return OfStep()
