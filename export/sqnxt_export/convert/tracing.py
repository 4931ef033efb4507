"""A model as one TensorFlow function with one tensor per input and per output, which converters read."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.runtimes.signatures import flat_function, signature_of

_JIT = "_jit_compiled_convolution_op"


def concrete_function(model: Any, batch: int | None) -> tuple[Any, Any]:
    """Trace the model's inference for samples of fixed size.

    Args:
        model: The model.
        batch: Samples per call; None leaves the batch free.

    Returns:
        The concrete function, whose outputs are a flat list, and an object that keeps its variables alive.
    """
    tensorflow = require("tensorflow", "to convert a model")
    infos = signature_of(model).inputs
    # A bare module replaces the model: otherwise TensorFlow's converter traces every Keras layer anew, which takes half
    # a minute for a SqueezeNext that converts in two seconds this way.
    module = tensorflow.Module()
    module.weights = list(model.variables)
    inline = getattr(model, "inlined", None)
    module.call = tensorflow.function(flat_function(model) if inline is None else inline())
    specs = [
        tensorflow.TensorSpec((batch, *info.shape), info.dtype, name=name)
        for name, info in zip(input_names(len(infos)), infos, strict=True)
    ]
    with plain_convolutions(model):
        return module.call.get_concrete_function(*specs), module


def input_names(count: int) -> list[str]:
    """Return the names of the traced function's inputs, which number them."""
    return ["input"] if count == 1 else [f"input_{number}" for number in range(count)]


@contextlib.contextmanager
def plain_convolutions(model: Any) -> Iterator[None]:
    """Make grouped convolutions call their plain operator within the block.

    On a CPU, Keras runs them inside a function that is compiled just in time, which converters leave as a call that no
    runtime knows. Training needs that function, since the plain operator has no gradient there.
    """
    layers = [layer for layer in _every_layer(model) if hasattr(layer, _JIT)]
    before = [getattr(layer, _JIT) for layer in layers]
    for layer in layers:
        setattr(layer, _JIT, layer.convolution_op)
    try:
        yield
    finally:
        for layer, operator in zip(layers, before, strict=True):
            setattr(layer, _JIT, operator)


def _every_layer(model: Any) -> list[Any]:
    return list(model._flatten_layers()) if hasattr(model, "_flatten_layers") else []


@contextlib.contextmanager
def quiet_conversion() -> Iterator[None]:
    """Silence a converter: its log, its warnings and what its C++ code writes to stderr."""
    loggers = [logging.getLogger(name) for name in ("tensorflow", "tf2onnx", "absl")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), quiet_stderr():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
