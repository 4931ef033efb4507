"""A model as it is trained: with 16-bit arithmetic or synchronised batch norm; and plain again as it is saved."""

from __future__ import annotations

from typing import Any

from sqnxt_tf.training.kernels import is_nested
from sqnxt_tf.training.recipe import Precision, Recipe


def prepared(model: Any, recipe: Recipe) -> Any:
    """The same model with the recipe's precision and batch norm, its initial weights kept; in the strategy's scope."""
    if recipe.precision == "float32" and not recipe.synchronized_batch_norm:
        return model
    weights = model.get_weights()
    changed = _cloned(model, recipe.precision, recipe.synchronized_batch_norm)
    changed.set_weights(weights)
    return changed


def plain_copy(model: Any) -> Any:
    """The model with variables that belong to no strategy, in float32, its batch norm not synchronised.

    Every worker must call it: some variables, such as batch-norm statistics, are gathered from all of them.
    """
    weights = model.get_weights()
    copy = _cloned(model, "float32", False)
    copy.set_weights(weights)
    return copy


def _cloned(model: Any, precision: Precision, synchronized: bool) -> Any:
    """The model's layers made anew."""
    import tf_keras as keras

    def clone(layer: Any) -> Any:
        if is_nested(layer):
            return _cloned(layer, precision, synchronized)
        config = layer.get_config()
        if _computes_in(layer) != precision and not isinstance(layer, keras.layers.InputLayer):
            config["dtype"] = keras.mixed_precision.Policy(precision)
        if synchronized and type(layer) is keras.layers.BatchNormalization:  # its config does not say
            config["synchronized"] = True
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=clone)


def _computes_in(layer: Any) -> str:
    """The name of a layer's precision."""
    name: str = layer.dtype_policy.name
    return name
