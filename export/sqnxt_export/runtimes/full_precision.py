"""Models of mixed precision, computed in float32: half precision is a matter of training, not of the model."""

from __future__ import annotations

from typing import Any

from sqnxt_export._libraries import quiet_stderr
from sqnxt_export.errors import ExportError, one_line

_HALF = ("float16", "bfloat16")


def in_full_precision(model: Any) -> Any:
    """Return the model with every layer in float32 and the same weights; the model itself if it is so already.

    Raises:
        ExportError: It is a subclassed model, which has no description to change.
    """
    layers = list(model._flatten_layers()) if hasattr(model, "_flatten_layers") else []
    if not any(getattr(layer, "compute_dtype", None) in _HALF for layer in layers):
        return model
    name = getattr(model, "name", type(model).__name__)
    if not getattr(model, "_is_graph_network", False):
        raise ExportError(
            f"model {name!r}", "computes in half precision", "build it with the policy float32 and load its weights"
        )
    try:
        with quiet_stderr():
            full = type(model).from_config(_in_float32(model.get_config()))
        full.set_weights(model.get_weights())
    except Exception as error:  # a custom layer may fail to be made again in any way
        raise ExportError(
            f"model {name!r}",
            f"computes in half precision and cannot be made again in float32 ({one_line(error)})",
            "build it with the policy float32 and load its weights",
        ) from error
    return full


def _in_float32(value: Any) -> Any:
    """Return a config whose policies are float32, however they are written."""
    if isinstance(value, list | tuple):
        return type(value)(_in_float32(item) for item in value)
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("Policy", "PolicyV1", "LossScaleOptimizer"):
        return "float32"
    changed = {key: _in_float32(item) for key, item in value.items()}
    if str(changed.get("dtype")) in (*_HALF, *(f"mixed_{half}" for half in _HALF)):
        changed["dtype"] = "float32"
    return changed
