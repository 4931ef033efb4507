"""The order of the layer calls in a functional config: tf_keras loops forever if an input is never computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqnxt_export.artifact.call_order import call_order
from sqnxt_export.errors import ExportError

_CONSTANT = "_CONSTANT_VALUE"
"""Stands in place of a layer's name for a value that is written into the config."""
_STATES = {"GRU": 1, "LSTM": 2, "SimpleRNN": 1}
_Output = tuple[str, int]
"""Name of a layer, number of one of its calls."""


def order_calls(path: Path, config: Any) -> None:
    """Put the layers of every functional model in a tf_keras config into an order in which Keras can call them.

    A config that has such an order keeps it. Keras itself runs through all layers again for each one that it finds out
    of order, which takes minutes for a thousand of them.

    Raises:
        ExportError: A layer is called with the output of a missing call, or of its own call.
    """
    if isinstance(config, list):
        for item in config:
            order_calls(path, item)
    if not isinstance(config, dict):
        return
    if config.get("class_name") in ("Functional", "Model") and isinstance(config.get("config"), dict):
        layers = config["config"].get("layers")
        if isinstance(layers, list):
            config["config"]["layers"] = _ordered(path, [layer for layer in layers if isinstance(layer, dict)])
    for item in config.values():
        order_calls(path, item)


def _ordered(path: Path, layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the layers in the order of their first calls; layers that are never called come first, as inputs do."""
    places, needs, makes = _calls(path, layers)
    order = call_order(needs, makes)
    if len(order) < len(places):
        raise _never_made(path, makes[min(set(range(len(places))) - set(order))][0])
    if order == sorted(order):
        return layers
    called = dict.fromkeys(places[number] for number in order)
    return [layers[place] for place in (*sorted(set(range(len(layers))) - set(called)), *called)]


def _calls(path: Path, layers: list[dict[str, Any]]) -> tuple[list[int], list[set[_Output]], list[_Output]]:
    """Return the place in `layers` of each call's layer, the outputs that the call needs, and the one that it makes."""
    names = [str(layer.get("name")) for layer in layers]
    first = {name: _first_call(layer) for name, layer in zip(names, layers, strict=True)}
    outputs = {name: _outputs(layer) for name, layer in zip(names, layers, strict=True)}
    given = {(name, 0) for name, layer in zip(names, layers, strict=True) if layer.get("class_name") == "InputLayer"}
    made = Counter({name: number + ((name, 0) in given) for name, number in first.items()})
    places, needs, makes = list[int](), list[set[_Output]](), list[_Output]()
    for place, name in enumerate(names):
        for number, node in enumerate(_list(layers[place].get("inbound_nodes"))):
            if not all(_is_possible(reference, first, outputs) for reference in _references(node)):
                raise _never_made(path, name)
            read = {(reference[0], reference[1]) for reference in _references(node) if reference[0] != _CONSTANT}
            before = {(name, made[name] - 1)} if number else set()  # Keras makes the calls of a layer in their order
            places.append(place)
            needs.append((read | before) - given)
            makes.append((name, made[name]))
            made[name] += 1
    return places, needs, makes


def _never_made(path: Path, name: str) -> ExportError:
    return ExportError(path, f"layer {name[:80]!r} is called with an output that is never made", "save the model again")


def _is_possible(reference: list[Any], first: dict[str, int], outputs: dict[str, int]) -> bool:
    """Tell whether a reference names a constant, or an output that some call of a layer may make."""
    name, node, tensor = reference[:3]
    if name == _CONSTANT:
        return True
    if type(node) is not int or type(tensor) is not int:
        return False
    return name in first and first[name] <= node and 0 <= tensor < outputs.get(name, 0)


def _references(node: Any) -> Iterator[list[Any]]:
    """Yield all that Keras reads as `[layer, call, output]`, with or without arguments behind it, at any depth."""
    if isinstance(node, list):
        if len(node) in (3, 4) and isinstance(node[0], str):
            yield node
            node = node[3:]
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        for item in node.values():
            yield from _references(item)


def _first_call(layer: dict[str, Any]) -> int:
    """Return the number of a layer's first call: 1 for a model that is built with its input (call 0), else 0."""
    if layer.get("class_name") not in ("Functional", "Model", "Sequential") or not isinstance(
        layer.get("config"), dict
    ):
        return 0
    inner = _list(layer["config"].get("layers"))
    start = inner[0] if inner and isinstance(inner[0], dict) else {}
    options = start.get("config")
    shaped = isinstance(options, dict) and "batch_input_shape" in options
    return int(layer["class_name"] != "Sequential" or start.get("class_name") == "InputLayer" or shaped)


def _outputs(layer: dict[str, Any]) -> int:
    """Return the number of outputs of a call: models have several, recurrent layers return states behind theirs."""
    config = layer.get("config")
    if isinstance(config, dict) and (states := _states(layer)):
        return 1 + states
    ends = config.get("output_layers") if isinstance(config, dict) else None
    return max(1, len(ends)) if isinstance(ends, list) else 1


def _states(layer: dict[str, Any]) -> int:
    """Return how many states a recurrent layer returns behind its output."""
    config = layer["config"]
    inner = config.get("layer") if layer.get("class_name") == "Bidirectional" else layer
    if not isinstance(inner, dict) or not isinstance(inner.get("config"), dict):
        return 0
    states = _STATES.get(str(inner.get("class_name")), 0) if inner["config"].get("return_state") is True else 0
    return 2 * states if inner is not layer else states


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
