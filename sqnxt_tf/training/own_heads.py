"""The end of somebody's classifier: as many outputs as there are classes, and logits while it is trained."""

from __future__ import annotations

from typing import Any

from sqnxt_tf.errors import SqnxtError


def with_logits(model: Any, classes: int, source: str) -> Any:
    """Return a copy of a classifier that returns logits of `classes` classes; call it in the strategy's scope.

    A softmax at the end is left out. Where the number of classes differs, the last fully connected layer begins afresh.
    All other weights are the model's.

    Args:
        model: A functional classifier.
        classes: Number of classes.
        source: Where the model comes from, for messages.

    Raises:
        SqnxtError: The model is not functional, or does not end in one score a class.
    """
    import tf_keras as keras

    head = _head(model, source)
    if model.output_shape[-1] != classes and not isinstance(head, keras.layers.Dense):
        raise SqnxtError(
            source, f"ends in {type(head).__name__} with {model.output_shape[-1]} scores, not {classes}",
            "give a model with one score a class, or one that ends in a Dense layer",
        )  # fmt: skip

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if layer is head and isinstance(head, keras.layers.Dense):
            config["units"] = classes
        if _is_softmax(layer) and layer in _tail(model):
            if isinstance(layer, keras.layers.Softmax):
                return keras.layers.Activation("linear", name=layer.name)
            config["activation"] = "linear"
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    for ours, theirs in zip(copy.layers, model.layers, strict=True):
        if [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]:
            ours.set_weights(theirs.get_weights())
    return copy


def with_own_end(trained: Any, model: Any) -> Any:
    """Return a trained copy of `model` with the softmax that `with_logits` left out, if there was one."""
    import tf_keras as keras

    softmaxes = {layer.name for layer in _tail(model) if _is_softmax(layer)}
    if not softmaxes:
        return trained

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in softmaxes:
            config["activation"] = "softmax"
        return type(layer).from_config(config)

    whole = keras.models.clone_model(trained, clone_function=clone)
    whole.set_weights(trained.get_weights())
    return whole


def _head(model: Any, source: str) -> Any:
    """Return the last layer with weights."""
    import tf_keras as keras

    if not getattr(model, "_is_graph_network", False):
        raise SqnxtError(source, "is no functional model, whose layers are known", "build it as a functional model")
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise SqnxtError(source, f"answers with {shape}, not with one score a class", "give a classifier")
    tail = _tail(model)
    head = next((layer for layer in tail if layer.weights), None)
    if head is None or isinstance(head, keras.Model):
        raise SqnxtError(source, "does not end in a layer with weights", "let a Dense layer be its last")
    return head


def _tail(model: Any) -> list[Any]:
    """Return the layers from the output back to the last one with weights."""
    tail = []
    layer = model.output._keras_history.layer
    while True:
        tail.append(layer)
        inputs = layer.input if not layer.weights else None
        if inputs is None or isinstance(inputs, list) or not hasattr(inputs, "_keras_history"):
            return tail
        layer = inputs._keras_history.layer


def _is_softmax(layer: Any) -> bool:
    import tf_keras as keras

    if isinstance(layer, keras.layers.Softmax):
        return True
    return getattr(getattr(layer, "activation", None), "__name__", "").startswith("softmax")
