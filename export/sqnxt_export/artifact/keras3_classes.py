"""The list of Keras 3 classes that a file may name, for models that only Keras 3 itself can load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqnxt_export.artifact.keras_classes import check_depth
from sqnxt_export.errors import ExportError

_SAFE_LAYERS = """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
    AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional
    CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D
    ConvLSTM3D Cropping1D Cropping2D Cropping3D CutMix Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout
    ELU EinsumDense Embedding Equalization Flatten Functional GRU GRUCell GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GroupNormalization GroupQueryAttention Identity InputLayer LSTM LSTMCell LayerNormalization
    LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MixUp Model MultiHeadAttention Multiply
    Normalization PReLU Permute RMSNormalization RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
    RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale
    RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness
    RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing ReversibleEmbedding
    SeparableConv1D SeparableConv2D Sequential SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells Subtract TimeDistributed UnitNormalization
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D RNN
"""
_SAFE_HELPERS = """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal
    OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros L1 L1L2 L2
    OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm DTypePolicy DTypePolicyMap FloatDTypePolicy SeedGenerator
"""
_SAFE_OPERATIONS = """
    Abs Absolute Add AddN Any All Amax Amin ArgMax Argmax Argmin BroadcastTo Cast Clip Concatenate Cos Divide Dot
    Einsum Elu Equal Erf Exp ExpandDims Flip FloorDivide Gelu GetItem Greater GreaterEqual HardSigmoid HardSilu
    HardSwish HardTanh LeakyRelu Less LessEqual Log LogSoftmax Logsumexp Matmul Max Maximum Mean Min Minimum Mod
    Moveaxis Multiply Negative NotEqual Pad Power Prod Relu Relu6 Repeat Reshape Resize Roll Round Rsqrt Selu Sigmoid
    Sign Silu Sin Softmax Softplus Softsign Split Sqrt Square Squeeze Stack Std StopGradient Subtract Sum Swapaxes
    Swish Take Tanh Tile Transpose TrueDivide Var Where
"""
_LAYERS, _HELPERS, _OPERATIONS = (frozenset(names.split()) for names in (_SAFE_LAYERS, _SAFE_HELPERS, _SAFE_OPERATIONS))
_HELPER_MODULES = {
    "keras",
    *(f"keras.{part}" for part in ("initializers", "regularizers", "constraints", "dtype_policies", "random")),
    "keras.src.random.seed_generator",
    "builtins",
}
_LAYER_MODULES = {
    "keras",
    "keras.layers",
    "keras.models",
    "keras.src.models.functional",
    "keras.src.models.model",
    "keras.src.models.sequential",
}
_OPERATION_MODULES = {f"keras.src.ops.{part}" for part in ("numpy", "nn", "core", "math", "image")}
_DATA = ("__keras_tensor__", "__tensor__", "__numpy__", "__tuple__", "__ellipsis__", "__slice__")
"""Values that Keras writes like objects, and that it reads without looking for a class."""
_SAFE_ACTIVATIONS = """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparsemax squareplus
    swish tanh tanh_shrink threshold
"""
_ACTIVATIONS = frozenset(_SAFE_ACTIVATIONS.split())


def check_keras3_classes(path: Path, config: dict[str, Any]) -> None:
    """Check every object in a Keras 3 config.

    Raises:
        ExportError: A class or function is not on the list, or the config is nested too deep.
    """
    check_depth(path, config)
    _check(path, config)


def _check(path: Path, value: Any) -> None:
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check(path, item)
    if isinstance(value, dict) and "class_name" in value and not _is_safe(value):
        raise ExportError(
            path,
            f"refused, since class {str(value['class_name'])[:80]!r} from {str(value.get('module'))[:80]!r} in it is "
            "not on the list of safe Keras classes",
            "rebuild the model from standard layers, or save it with `model.export` and give that folder",
        )


def _is_safe(value: dict[str, Any]) -> bool:
    """Tell whether an object is on the list, by class, by module, and by the registered name that overrides both."""
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if not isinstance(name, str) or registered not in (None, name):
        return name == "function" and _is_activation(value)
    if name == "function":
        return _is_activation(value)
    if name in _DATA and module in (None, "builtins"):
        return True
    places = ((_LAYERS, _LAYER_MODULES), (_HELPERS, _HELPER_MODULES), (_OPERATIONS, _OPERATION_MODULES))
    old_format = module is None and name in _LAYERS | _HELPERS | _OPERATIONS  # an .h5 file writes no modules
    return old_format or any(name in names and module in modules for names, modules in places)


def _is_activation(value: dict[str, Any]) -> bool:
    config, registered = value.get("config"), value.get("registered_name")
    return (
        value.get("module") in ("builtins", "keras.activations")
        and config in _ACTIVATIONS
        and registered
        in (
            None,
            "function",
            config,
        )
    )


def in_float32(value: Any) -> Any:
    """Return a config in which every layer computes in float32; mixed precision is a matter of training."""
    if isinstance(value, list):
        return [in_float32(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {key: in_float32(item) for key, item in value.items()}
    if value.get("class_name") in ("DTypePolicy", "FloatDTypePolicy") and isinstance(value.get("config"), dict):
        result["config"] = {**value["config"], "name": "float32"}
    return result
