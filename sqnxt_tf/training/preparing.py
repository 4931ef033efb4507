"""Prepare a model for training (16-bit arithmetic, synchronised batch norm), and make it plain again for saving."""

from __future__ import annotations

from typing import Any

from sqnxt_tf.training.kernels import is_nested
from sqnxt_tf.training.recipe import ComputePrecision, Recipe


def prepared(model: Any, recipe: Recipe) -> Any:
    """Return the model with the recipe's precision and batch norm, and with the same weights.

    Call this in the strategy's scope.
    """
    if recipe.precision == "float32" and not recipe.synchronized_batch_norm:
        return model
    weights = model.get_weights()
    changed = _cloned(model, recipe.precision, recipe.synchronized_batch_norm)
    changed.set_weights(weights)
    return changed


def plain_copy(model: Any) -> Any:
    """Return a copy of the model in float32, with plain batch norm, whose variables belong to no strategy.

    Every worker must call it: some variables, such as batch-norm statistics, are gathered from all of them.
    """
    weights = model.get_weights()
    copy = _cloned(model, "float32", False)
    copy.set_weights(weights)
    return copy


def _cloned(model: Any, precision: ComputePrecision, synchronized: bool) -> Any:
    """Clone a model with another precision and synchronised batch norm or not; the weights are new."""
    import tf_keras as keras

    def clone(layer: Any) -> Any:
        if is_nested(layer):
            return _cloned(layer, precision, synchronized)
        config = layer.get_config()
        if _computes_in(layer) != precision and not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = keras.mixed_precision.Policy(precision)
        if synchronized and type(layer) is keras.layers.BatchNormalization:  # its config does not hold it
            config["synchronized"] = True
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=clone)


def _computes_in(layer: Any) -> str:
    """Return the name of a layer's precision."""
    name: str = layer.dtype_policy.name
    return name
