"""The list of Keras classes that a file may name, and the check of a config against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqnxt_export.artifact.keras_functions import FUNCTIONS
from sqnxt_export.errors import ExportError

_MAX_CONFIG_DEPTH = 64
_REBUILD = "rebuild the model from standard layers"
"""A remedy."""

_SAFE_CLASSES = """
    Activation ActivityRegularization Add AlphaDropout Average AveragePooling2D BatchNormalization Concatenate Conv2D
    Conv2DTranspose Cropping2D Dense DepthwiseConv2D Dropout ELU Flatten Functional GaussianDropout GaussianNoise
    GlobalAveragePooling2D GlobalMaxPooling2D InputLayer LayerNormalization LeakyReLU MaxPooling2D Maximum Minimum Model
    Multiply Normalization PReLU Permute ReLU Rescaling Reshape Sequential SeparableConv2D Softmax SpatialDropout2D
    Subtract ThresholdedReLU UpSampling2D ZeroPadding2D

    AveragePooling1D AveragePooling3D Conv1D Conv1DTranspose Conv3D Conv3DTranspose Cropping1D Cropping3D
    DepthwiseConv1D GlobalAveragePooling1D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling3D MaxPooling1D
    MaxPooling3D SeparableConv1D SpatialDropout1D SpatialDropout3D UpSampling1D UpSampling3D ZeroPadding1D ZeroPadding3D
    AdditiveAttention Attention Bidirectional Dot EinsumDense Embedding GRU GRUCell GroupNormalization LSTM LSTMCell
    Masking MultiHeadAttention RepeatVector SimpleRNN SimpleRNNCell SyncBatchNormalization TimeDistributed
    UnitNormalization

    CenterCrop RandomBrightness RandomContrast RandomCrop RandomFlip RandomHeight RandomRotation RandomTranslation
    RandomWidth RandomZoom Resizing

    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros L1 L1L2 L2 OrthogonalRegularizer
    MaxNorm MinMaxNorm NonNeg UnitNorm Policy
"""
_CLASSES = frozenset(_SAFE_CLASSES.split())
_MODULES = frozenset(
    f"{top}{rest}"
    for top in ("keras", "tf_keras")
    for rest in (
        "",
        ".layers",
        ".layers.experimental",
        ".models",
        ".initializers",
        ".regularizers",
        ".constraints",
        ".mixed_precision",
    )
) | {"tf_keras.src.engine.functional", "tf_keras.src.engine.sequential", "tf_keras.src.engine.training"}

_FUNCTION_LAYER = "TFOpLambda"
_ELSEWHERE = {
    _FUNCTION_LAYER: "tf_keras.src.layers.core.tf_op_layer",
    "CustomScaleLayer": "tf_keras.src.applications.inception_resnet_v2",
    "LayerScale": "tf_keras.src.applications.convnext",
    "StochasticDepth": "tf_keras.src.applications.convnext",
}
"""Safe classes in other modules of Keras, which its own networks are built from."""
_PRUNING = "tensorflow_model_optimization.python.core.sparsity.keras."
WRAPPERS = {
    "PruneLowMagnitude": _PRUNING + "pruning_wrapper",
    "ConstantSparsity": _PRUNING + "pruning_schedule",
    "PolynomialDecay": _PRUNING + "pruning_schedule",
}
"""Classes of tensorflow-model-optimization in a model that was saved before its pruning wrappers were stripped."""
_QUANTIZERS = ("QuantizeLayer", "QuantizeWrapper", "QuantizeWrapperV2")
_TENSORFLOW_CONSTANT = ("Constant", "tensorflow.python.ops.init_ops_v2")
"""Class and module of the initial value that tf_keras.applications gives to some biases."""


def check_depth(path: Path, value: Any, depth: int = 0) -> None:
    """Refuse a config that is nested too deep.

    Raises:
        ExportError: It is.
    """
    _refuse_deeper(path, depth)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_depth(path, item, depth + 1)


def _refuse_deeper(path: Path, depth: int) -> None:
    if depth > _MAX_CONFIG_DEPTH:
        raise ExportError(
            path, f"refused, since its config is nested more than {_MAX_CONFIG_DEPTH} deep", "save a flat model"
        )


def checked_objects(path: Path, value: Any, allowed: frozenset[str], depth: int = 0) -> Any:
    """Check every object in a config, and return the config without any "compile_config".

    Args:
        path: The file, for messages.
        value: The config, or a part of it.
        allowed: Registered names for which the caller provides classes.
        depth: Depth of the part.

    Raises:
        ExportError: A class or function is not on the list, or the config is nested too deep.
    """
    _refuse_deeper(path, depth)
    if isinstance(value, list):
        return [checked_objects(path, item, allowed, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        _check_object(path, value, allowed)
    return {
        key: checked_objects(path, item, allowed, depth + 1) for key, item in value.items() if key != "compile_config"
    }


def _check_object(path: Path, value: dict[str, Any], allowed: frozenset[str]) -> None:
    """Refuse a class that is not on the list, by class, by module, and by the registered name that overrides both."""
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if isinstance(registered, str) and registered in allowed:
        return
    if (name, module) == _TENSORFLOW_CONSTANT and registered in (None, name):
        return
    if str(name) in _ELSEWHERE and module == _ELSEWHERE[str(name)]:
        _check_elsewhere(path, value)
        return
    if str(name) in WRAPPERS and module in (None, WRAPPERS[str(name)]) and registered in (None, name):
        return
    if str(name) in _QUANTIZERS:
        raise ExportError(
            path,
            "was trained with fake quantisation, whose wrappers are no layers of Keras",
            "export the model that the wrappers were put around, or convert this one with TensorFlow's TFLiteConverter",
        )
    if str(name) not in _CLASSES:
        raise ExportError(
            path,
            f"refused, since class {str(name)[:80]!r} in it is not on the list of safe Keras classes",
            _REBUILD,
        )
    if (module is not None and str(module) not in _MODULES) or registered not in (None, name):
        raise ExportError(
            path,
            f"refused, since it takes class {name!r} from {str(registered or module)[:80]!r}, which is not Keras",
            _REBUILD,
        )


def _check_elsewhere(path: Path, value: dict[str, Any]) -> None:
    """Refuse a class of `_ELSEWHERE` under another registered name, or with a function that is not on the list."""
    name, registered = value["class_name"], value.get("registered_name")
    if registered not in (None, name, f"Custom>{name}"):
        raise ExportError(
            path,
            f"refused, since it takes class {name!r} from {str(registered)[:80]!r}, which is not Keras",
            _REBUILD,
        )
    config = value.get("config")
    function = config.get("function") if isinstance(config, dict) else None
    if name == _FUNCTION_LAYER and (not isinstance(function, str) or function not in FUNCTIONS):
        raise ExportError(
            path,
            f"refused, since TensorFlow's function {str(function)[:80]!r} in it is not on the list of safe ones",
            _REBUILD,
        )
