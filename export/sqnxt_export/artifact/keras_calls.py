"""The check that the layer calls in a functional config end: tf_keras loops forever if an input is never computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqnxt_export.errors import ExportError

_CONSTANT = "_CONSTANT_VALUE"
"""Stands in place of a layer's name for a value that is written into the config."""
_STATES = {"GRU": 1, "LSTM": 2, "SimpleRNN": 1}


def check_calls(path: Path, config: Any) -> None:
    """Run through the calls of every functional model in a tf_keras config in the order that Keras would.

    Raises:
        ExportError: A layer is called with the output of a missing call, or of its own call.
    """
    if isinstance(config, list):
        for item in config:
            check_calls(path, item)
    if not isinstance(config, dict):
        return
    if config.get("class_name") in ("Functional", "Model") and isinstance(config.get("config"), dict):
        layers = config["config"].get("layers")
        _check_model(path, [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else [])
    for item in config.values():
        check_calls(path, item)


def _check_model(path: Path, layers: list[dict[str, Any]]) -> None:
    kinds = {str(layer.get("name")): layer.get("class_name") for layer in layers}
    outputs = {str(layer.get("name")): _outputs(layer) for layer in layers}
    first = {str(layer.get("name")): _first_call(layer) for layer in layers}
    made = Counter({name: number + (kinds[name] == "InputLayer") for name, number in first.items()})
    waiting = [(str(layer.get("name")), node) for layer in layers for node in _list(layer.get("inbound_nodes"))]
    while waiting:
        left = []
        for name, node in waiting:
            if all(_is_there(reference, first, made, outputs) for reference in _references(node)):
                made[name] += 1
            else:
                left.append((name, node))
        if len(left) == len(waiting):
            raise ExportError(
                path, f"layer {left[0][0][:80]!r} is called with an output that is never made", "save the model again"
            )
        waiting = left


def _is_there(reference: list[Any], first: dict[str, int], made: Counter[str], outputs: dict[str, int]) -> bool:
    name, node, tensor = reference[:3]
    if name == _CONSTANT:
        return True
    if type(node) is not int or type(tensor) is not int:
        return False
    return name in first and first[name] <= node < made[name] and 0 <= tensor < outputs.get(name, 0)


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
