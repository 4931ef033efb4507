"""What a TensorFlow model takes and returns: functional, subclassed, or the function of a SavedModel."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.opening import opening
from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.image_batches import filled
from sqnxt_export.runtimes.tensors import TensorInfo

_BATCH = 32
_NUMBERS = ("float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool")


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a model, in its own order."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    @property
    def image(self) -> TensorInfo | None:
        """The only input if it may be an image: real numbers in height, width and channels."""
        return self.inputs[0] if len(self.inputs) == 1 and self.inputs[0].is_image else None


def name_of_model(model: Any) -> str:
    """Return a model's name, for messages."""
    return str(getattr(model, "name", type(model).__name__))


def signature_of(model: Any) -> Signature:
    """Return the inputs and outputs of a model.

    Raises:
        ExportError: The model was never built, or an input has a free side or holds no numbers.
    """
    if isinstance(found := getattr(model, "signature", None), Signature):
        signature = found
    elif getattr(model, "_is_graph_network", False):
        signature = Signature(
            tuple(_described(*item) for item in zip(model.input_names, model.inputs, strict=True)),
            tuple(_described(*item) for item in zip(model.output_names, model.outputs, strict=True)),
        )
    else:
        signature = _of_subclass(model)
    for info in signature.inputs:
        if -1 in info.shape:
            taken = tuple(None if side == -1 else side for side in info.shape)
            raise ExportError(
                f"model {name_of_model(model)!r}",
                f"takes {taken}",
                "rebuild it for an input of fixed height, width and channels (of fixed length, for a sequence)",
            )
        if info.dtype not in _NUMBERS:
            raise ExportError(
                f"model {name_of_model(model)!r}",
                f"its input {info.name!r} holds values of type {info.dtype}",
                "give a model that takes numbers",
            )
    return signature


def flat_function(model: Any) -> Callable[..., list[Any]]:
    """Return a function from one tensor per input to the list of the outputs, which computes the model's inference."""
    tensorflow = require("tensorflow", "to run a model")
    if hasattr(model, "signature") and isinstance(model.signature, Signature):
        call: Callable[..., list[Any]] = model.flat_call
        return call
    structure = model._nested_inputs if getattr(model, "_is_graph_network", False) else _subclass_specs(model)

    def run(*tensors: Any) -> list[Any]:
        given = tensorflow.nest.pack_sequence_as(structure, list(tensors))
        outputs: list[Any] = tensorflow.nest.flatten(model(given, training=False))
        return outputs

    return run


def run_model(model: Any, arrays: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """Run the model on one array [n, ...] per input, in batches that fit in memory, and return every output.

    Raises:
        ExportError: TensorFlow fails, as it does where a layer makes more than fits in memory.
    """
    function, infos = flat_function(model), signature_of(model).inputs
    parts = []
    with quiet_stderr():  # XLA writes a banner at the first grouped convolution
        fixed: int | None = getattr(model, "batch", None)
        size = fixed or _BATCH
        for start in range(0, len(arrays[0]), size):
            batch = [np.asarray(x[start : start + size], info.dtype) for x, info in zip(arrays, infos, strict=True)]
            given = _tensors([filled(x, fixed or len(x)) for x in batch])
            with failures_about(f"model {name_of_model(model)!r}"), contextlib.nullcontext() if start else opening():
                parts.append([np.asarray(output)[: len(batch[0])] for output in function(*given)])
    return tuple(np.concatenate(output) for output in zip(*parts, strict=True))


@contextlib.contextmanager
def failures_about(name: str | os.PathLike[str]) -> Iterator[None]:
    """Report what TensorFlow raises while it runs a model; its exceptions share no base class.

    Raises:
        ExportError: It raised anything.
    """
    try:
        yield
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(name, f"TensorFlow failed ({one_line(error)})", "check its layers") from error


def _tensors(arrays: Sequence[NDArray[Any]]) -> list[Any]:
    tensorflow = require("tensorflow", "to run a model")
    return [tensorflow.constant(array) for array in arrays]


def _described(name: str, tensor: Any) -> TensorInfo:
    sides = tuple(-1 if side is None else int(side) for side in tensor.shape[1:])
    return TensorInfo(name=name, shape=sides, dtype=tensor.dtype.name)


def _subclass_specs(model: Any) -> Any:
    """Return the structure of the input of a subclassed model that was called once.

    Raises:
        ExportError: It was not.
    """
    try:
        arguments, _ = model.save_spec()
    except Exception:  # what has no such method, or was never called, gets the same remedy
        arguments = None
    if not arguments:
        raise ExportError(
            f"model {name_of_model(model)!r}", "not a built model", "build it with keras.Input or call it once"
        )
    return arguments[0]


def _of_subclass(model: Any) -> Signature:
    """Return the signature of a subclassed model, traced from the input that it was called with."""
    tensorflow = require("tensorflow", "to run a model")
    specs = tensorflow.nest.flatten(_subclass_specs(model))
    names = [spec.name or f"input_{number}" for number, spec in enumerate(specs)]
    try:
        with quiet_stderr():
            traced = tensorflow.function(lambda *given: model(_packed(model, given), training=False))
            outputs = traced.get_concrete_function(*specs).structured_outputs
    except Exception as error:
        raise ExportError(
            f"model {name_of_model(model)!r}", f"TensorFlow cannot trace it ({one_line(error)})", "call it on tensors"
        ) from error
    if isinstance(outputs, dict):
        labels = sorted(str(key) for key in outputs)
    else:
        count = len(tensorflow.nest.flatten(outputs))
        labels = ["output"] if count == 1 else [f"output_{number}" for number in range(count)]
    flat = tensorflow.nest.flatten(outputs)
    return Signature(
        tuple(_described(*item) for item in zip(names, specs, strict=True)),
        tuple(_described(*item) for item in zip(labels, flat, strict=True)),
    )


def _packed(model: Any, given: Sequence[Any]) -> Any:
    return require("tensorflow", "to run a model").nest.pack_sequence_as(_subclass_specs(model), list(given))
