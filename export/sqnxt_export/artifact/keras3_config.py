"""The config of a .keras file that Keras 3 saved, translated for tf_keras as plain data.

Keras 3 and tf_keras have the same layers, names and weights, but write them differently. Nothing is imported by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqnxt_export.errors import ExportError

_SAME_LAYERS = """
    Activation ActivityRegularization Add Average AveragePooling2D BatchNormalization Concatenate Conv2D Conv2DTranspose
    Cropping2D Dense DepthwiseConv2D Dropout ELU Flatten GaussianDropout GaussianNoise GlobalAveragePooling2D
    GlobalMaxPooling2D Identity LayerNormalization LeakyReLU MaxPooling2D Maximum Minimum Multiply Normalization PReLU
    Permute ReLU Rescaling Reshape SeparableConv2D Softmax SpatialDropout2D Subtract UpSampling2D ZeroPadding2D
"""
_LAYERS = frozenset(_SAME_LAYERS.split())
"""Layers that compute the same in both, from settings of the same names, with the exceptions below."""
IDLE_AT_INFERENCE = (
    "RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom",
)  # fmt: skip
"""Augmentation, which does nothing at inference and has no weights."""
_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
_ONLY_KERAS3: dict[str, dict[str, Any]] = {
    "BatchNormalization": {"renorm": False, "renorm_clipping": None, "renorm_momentum": ...},
    "LayerNormalization": {"rms_scaling": False},
}
_ONLY_KERAS3_ANYWHERE: dict[str, Any] = {
    "activity_regularizer": None,
    "lora_alpha": None,
    "lora_rank": None,
    "quantization_config": None,
}
"""Settings that tf_keras does not have -> the value at which they have no effect; `...` stands for any value."""
_SAME_ACTIVATIONS = "elu exponential gelu linear mish relu selu sigmoid softmax softplus softsign tanh"
_ACTIVATIONS = {name: name for name in _SAME_ACTIVATIONS.split()} | {"silu": "swish", "swish": "swish"}
_COMPOSED = {"hard_sigmoid": "hard_sigmoid", "hard_silu": "hard_silu", "hard_swish": "hard_silu", "relu6": "relu6"}
"""Activations that tf_keras lacks or defines differently; they become arithmetic behind the layer."""
_OPERATIONS = {
    f"keras.src.ops.{module}.{name}": meaning
    for module, names in {
        "nn": {"HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu", "Relu": "relu", "Relu6": "relu6"}
        | {"Sigmoid": "sigmoid", "Silu": "silu", "Tanh": "tanh"},
        "numpy": {"Add": "add", "Divide": "divide", "Multiply": "multiply", "Negative": "negative"}
        | {"Subtract": "subtract", "TrueDivide": "divide"},
    }.items()
    for name, meaning in names.items()
}
"""Functions between layers, as in `x * 0.5` -> their names in `keras3_loader`."""


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer for tf_keras to make.

    Attributes:
        kind: Its class.
        config: Its settings.
        then: Name of an activation to add behind it as arithmetic; empty for none.
    """

    kind: str
    config: Mapping[str, Any]
    then: str = ""


def plan_layer(path: Path, layer: Mapping[str, Any]) -> LayerPlan:
    """Translate one layer of the file.

    Raises:
        ExportError: The class, a setting or the number type has no equivalent in tf_keras.
    """
    kind, config = str(layer.get("class_name")), layer.get("config")
    if layer.get("module") == "keras.layers" and kind in IDLE_AT_INFERENCE:
        return LayerPlan("Identity", {"name": name_of(path, layer)})
    if layer.get("module") not in ("keras.layers", "keras") or kind not in _LAYERS or not isinstance(config, dict):
        raise _unknown(path, layer)
    settings = dict(config)
    _check_float32(path, settings)
    only = {**_ONLY_KERAS3_ANYWHERE, **_ONLY_KERAS3.get(kind, {})}
    for key in [key for key in settings if key in only]:
        value = settings.pop(key)
        if only[key] is not ... and value != only[key]:
            raise _cannot(path, config, f"{key} of {str(value)[:60]!r}")
    # Initial values are overwritten by the file's, and constraints act only in training.
    settings = {k: v for k, v in settings.items() if not k.endswith(("_initializer", "_constraint", "_regularizer"))}
    for old, new in _RENAMED.get(kind, {}).items():
        if old in settings:
            settings[new] = settings.pop(old)
    then = _take_activation(path, settings)
    for key, value in settings.items():
        if isinstance(value, dict):
            raise _cannot(path, config, f"{key}, an object,")
    return LayerPlan(kind, settings, then)


def plan_operation(path: Path, layer: Mapping[str, Any]) -> str | None:
    """Return the name in `keras3_loader` of a function between layers; None for a layer.

    Raises:
        ExportError: The function is not on the list.
    """
    module = str(layer.get("module"))
    if not module.startswith("keras.src.ops"):
        return None
    meaning = _OPERATIONS.get(f"{module}.{layer.get('class_name')}")
    if meaning is None:
        raise _unknown(path, layer)
    return meaning


def is_model(layer: Mapping[str, Any]) -> bool:
    """Tell whether a layer is a model of its own."""
    return layer.get("class_name") in ("Functional", "Sequential", "Model")


def input_shape(path: Path, layer: Mapping[str, Any]) -> tuple[int | None, ...]:
    """Return the shape of an InputLayer, without the batch.

    Raises:
        ExportError: The shape does not consist of plain numbers.
    """
    config = layer.get("config")
    shape = config.get("batch_shape") if isinstance(config, dict) else None
    if not isinstance(shape, list) or not all(
        side is None or (type(side) is int and 0 < side < 1 << 16) for side in shape
    ):
        raise ExportError(path, f"an input has the shape {str(shape)[:80]}", "save the model again")
    return tuple(shape[1:])


def name_of(path: Path, layer: Any) -> str:
    """Return a layer's name.

    Raises:
        ExportError: The layer has none.
    """
    config = layer.get("config") if isinstance(layer, dict) else None
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(name, str) or not 0 < len(name) < 1000:
        raise ExportError(path, "a layer in it has no name", "save the model again")
    return name


def _take_activation(path: Path, settings: dict[str, Any]) -> str:
    """Translate the activation in `settings`; return the name of one that must be added behind the layer instead."""
    value = settings.get("activation")
    if value is None:
        return ""
    if isinstance(value, dict) and value.get("class_name") == "function":
        value = value.get("config")
    if not isinstance(value, str) or value not in {**_ACTIVATIONS, **_COMPOSED}:
        raise _cannot(path, settings, f"activation {str(value)[:60]!r}")
    settings["activation"] = _ACTIVATIONS.get(value, "linear")
    return _COMPOSED.get(value, "")


def _check_float32(path: Path, settings: dict[str, Any]) -> None:
    policy = settings.pop("dtype", None)
    if isinstance(policy, dict):
        inner = policy.get("config")
        policy = inner.get("name") if isinstance(inner, dict) else policy
    if policy not in (None, "float32"):
        raise _cannot(path, settings, f"numbers of type {str(policy)[:60]!r}")


def _cannot(path: Path, config: Mapping[str, Any], what: str) -> ExportError:
    return ExportError(
        path,
        f"saved by Keras 3, layer {str(config.get('name'))[:80]!r} has {what} which tf_keras does not accept",
        "replace the layer, or rebuild the model with `import tf_keras as keras`",
    )


def _unknown(path: Path, layer: Mapping[str, Any]) -> ExportError:
    config = layer.get("config")
    name = config.get("name") if isinstance(config, dict) else layer.get("name")
    return ExportError(
        path,
        f"saved by Keras 3, layer {str(name)[:80]!r} of class {str(layer.get('class_name'))[:80]!r} from "
        f"{str(layer.get('module'))[:80]!r} has no equal on the list of safe tf_keras classes",
        "replace the layer, or rebuild the model with `import tf_keras as keras`",
    )
