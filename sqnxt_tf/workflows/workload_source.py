"""What a user hands in to be simulated: a file, the name of a network, or a workload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sqnxt_sim import ConvLayer, SimulatorError, Workload, read_model
from sqnxt_tf.errors import SqnxtError

NAMED_SPARSITY = 0.4
"""Zeros that are assumed where a network is given by its name: the paper's, as in `reproduce table3` and `search`."""

_FILES = (".onnx", ".tflite")


def read_workload(
    model: str | Path | Workload,
    *,
    batch: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    dims: Mapping[str, int] | None = None,
    classes: int | None = None,
) -> Workload:
    """Return the workload of a file, of a network's name, or the workload that is given.

    A network's name needs neither a file nor TensorFlow. It has no weights, so that the paper's zeros are assumed in
    every layer, and a note of the workload says so.

    Raises:
        SqnxtError: `model` is neither a file nor a network, `classes` is given for a file, or `dims` for a network.
        SimulatorError: The file cannot be read.
    """
    if isinstance(model, Workload):
        _refuse(model.name, "is a workload", batch=batch, input_size=input_size, dims=dims, classes=classes)
        return model
    if not isinstance(model, str | Path):
        fault = f"is of type {type(model).__name__}"
        raise SimulatorError(
            f"model {model!r:.80}", fault, "give an .onnx or .tflite file, a network's name, or a Workload"
        )
    if _is_file(model):
        _refuse(str(model), "is a file", classes=classes)
        return read_model(model, batch=batch, input_size=input_size, dims=dims)
    _refuse(str(model), "is a network's name", dims=dims)
    return _named(str(model), batch or 1, input_size, classes or 1000)


def layers_workload(layers: tuple[ConvLayer, ...]) -> Workload:
    """Return the workload of layers that were given by hand; of equal names, the later ones are numbered."""
    named: dict[str, ConvLayer] = {}
    for layer in layers:
        times = sum(other.split(" #")[0] == layer.name for other in named)
        name = f"{layer.name} #{times + 1}" if times else layer.name
        named[name] = replace(layer, name=name)
    return Workload(name="1 layer" if len(named) == 1 else f"{len(named)} layers", layers=tuple(named.values()))


def _is_file(model: str | Path) -> bool:
    path = Path(model)
    return isinstance(model, Path) or path.is_file() or path.suffix.lower() in _FILES or len(path.parts) != 1


def _named(name: str, batch: int, input_size: int | tuple[int, int] | None, classes: int) -> Workload:
    """Return the workload of a network with the paper's zeros in every layer."""
    from sqnxt_tf.exploration.workloads import network_workload
    from sqnxt_tf.networks.registry import find_network

    try:
        network = find_network(name)
    except SqnxtError as error:
        raise SqnxtError(name, "is neither a file nor a network's name", error.remedy) from error
    workload = network_workload(network.name, classes=classes, input_size=input_size, batch=batch)
    layers = [
        replace(layer, nonzero_weights=(1 - NAMED_SPARSITY) * layer.weights) if isinstance(layer, ConvLayer) else layer
        for layer in workload.layers
    ]
    note = f"a network's name has no weights: {NAMED_SPARSITY:.0%} zeros are assumed in every layer, as in the paper"
    return replace(workload, layers=tuple(layers), notes=(note,))


def _refuse(name: str, kind: str, **settings: object) -> None:
    """Refuse settings that would change nothing."""
    given = [f"`{key}`" for key, value in settings.items() if value not in (None, {})]
    if given:
        raise SqnxtError(name, kind, f"leave out {', '.join(given)}")
