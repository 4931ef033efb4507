"""Reading .keras files as data: the config checked against an allow-list, the weights as plain arrays.

Keras's own safe mode still imports whatever module config.json names, so every object in it is checked first.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import require
from sqnxt_export.artifact.keras_calls import check_calls
from sqnxt_export.artifact.keras_functions import FUNCTIONS
from sqnxt_export.artifact.zips import open_zip, read_member
from sqnxt_export.errors import ExportError, one_line

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAX_WEIGHT_BYTES = 2 << 30
_MAX_JSON_BYTES = 32 << 20
_MAX_CONFIG_DEPTH = 64
_MAX_OBJECTS = 20_000
"""Far above any network's: three objects a weight, a few thousand for a very deep one."""

_SAFE_CLASSES = """
    Activation ActivityRegularization Add AlphaDropout Average AveragePooling2D BatchNormalization Concatenate Conv2D
    Conv2DTranspose Cropping2D Dense DepthwiseConv2D Dropout ELU Flatten Functional GaussianDropout GaussianNoise
    GlobalAveragePooling2D GlobalMaxPooling2D InputLayer LayerNormalization LeakyReLU MaxPooling2D Maximum Minimum Model
    Multiply Normalization PReLU Permute ReLU Rescaling Reshape Sequential SeparableConv2D Softmax SpatialDropout2D
    Subtract ThresholdedReLU UpSampling2D ZeroPadding2D

    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros L1 L1L2 L2 OrthogonalRegularizer
    MaxNorm MinMaxNorm NonNeg UnitNorm Policy
"""
_CLASSES = frozenset(_SAFE_CLASSES.split())
_MODULES = frozenset(
    f"{top}{rest}"
    for top in ("keras", "tf_keras")
    for rest in ("", ".layers", ".models", ".initializers", ".regularizers", ".constraints", ".mixed_precision")
) | {"tf_keras.src.engine.functional", "tf_keras.src.engine.sequential", "tf_keras.src.engine.training"}

_FUNCTION_LAYER = "TFOpLambda"
_ELSEWHERE = {
    _FUNCTION_LAYER: "tf_keras.src.layers.core.tf_op_layer",
    "CustomScaleLayer": "tf_keras.src.applications.inception_resnet_v2",
    "LayerScale": "tf_keras.src.applications.convnext",
    "StochasticDepth": "tf_keras.src.applications.convnext",
}
"""Safe classes that lie in other modules of Keras: what its own networks are built from."""
_TENSORFLOW_CONSTANT = ("Constant", "tensorflow.python.ops.init_ops_v2")
"""The initial value that tf_keras.applications gives some biases."""


def read_config(path: Path, allowed: Collection[str] = ()) -> dict[str, Any]:
    """The model's config, safe to deserialize: only classes of the allow-list, nothing about compiling.

    Args:
        path: A .keras file.
        allowed: Registered names ("package>Class") that the caller will provide classes for.

    Raises:
        ExportError: Not a .keras file, or one that names anything else.
    """
    config, _ = _read_parts(path)
    _check_is_model(path, config)
    checked: dict[str, Any] = _checked(path, config, frozenset(allowed))
    check_calls(path, checked)
    return checked


def read_weights(path: Path) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Name and values of every dataset of the weights' HDF5 file.

    Raises:
        ExportError: See `check_weights`; also where h5py is not installed.
    """
    h5py = require("h5py", "to read the weights of a .keras file")
    with open_zip(path, ".keras file") as archive:
        try:
            with archive.open(WEIGHTS) as member, h5py.File(member, "r") as file:
                check_weights(path, file)
                names: list[str] = []
                file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
                yield from ((name, file[name][()]) for name in names)
        except ExportError:
            raise
        except Exception as error:  # h5py maps the C library's failures to many classes
            raise ExportError(path, f"its weights are damaged ({one_line(error)})", "copy or save it again") from error


def check_weights(path: Path, group: Any) -> int:
    """Bytes of all datasets below an HDF5 group.

    Raises:
        ExportError: Links to other files or objects, objects with two names, values stored in other files or of no
            fixed size, more than 20,000 objects or more than 2 GiB.
    """
    total = 0
    for name, item in _objects(path, group, {_address(group)}):
        if not hasattr(item, "shape"):
            continue
        if item.external or item.is_virtual:
            raise ExportError(path, f"{name[:80]!r} in its weights lies in another file", "refused")
        if item.dtype.hasobject:  # each value may have any size, and all of them may be the same bytes
            raise ExportError(path, f"{name[:80]!r} in its weights holds no numbers", "refused")
        total += item.nbytes
        if total > MAX_WEIGHT_BYTES:
            raise ExportError(path, f"its weights unpack to more than {MAX_WEIGHT_BYTES} bytes", "refused")
    return total


def _objects(path: Path, group: Any, seen: set[int], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every object below a group. One with two names is refused: a few levels of such groups are endless paths."""
    if depth > 32:
        raise ExportError(path, "its weights are nested more than 32 deep", "refused")
    for name in group:
        if type(group.get(name, getlink=True)).__name__ != "HardLink":
            raise ExportError(path, f"{name[:80]!r} in its weights is a link, maybe to another file", "refused")
        item = group[name]
        if (address := _address(item)) in seen:
            raise ExportError(path, f"{name[:80]!r} in its weights is there under another name too", "refused")
        seen.add(address)
        if len(seen) > _MAX_OBJECTS:
            raise ExportError(path, f"its weights are more than {_MAX_OBJECTS} objects", "refused")
        yield name, item
        if not hasattr(item, "dtype"):
            yield from _objects(path, item, seen, depth + 1)


def _address(item: Any) -> int:
    return int(require("h5py", "to read the weights of a .keras file").h5o.get_info(item.id).addr)


def _read_json(path: Path, data: bytes, name: str) -> dict[str, Any]:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ExportError(path, f"{name} is not JSON ({one_line(error)})", "save the model again") from error
    if not isinstance(values, dict):
        raise ExportError(path, f"{name} holds no object", "save the model again")
    return values


def saved_by_keras3(path: Path) -> bool:
    """Whether Keras 3 wrote the file, by its own word or by the way it spells modules.

    Raises:
        ExportError: Not a .keras file.
    """
    config, metadata = _read_parts(path)
    major = str(metadata.get("keras_version", ""))[:20].partition(".")[0]
    return major not in ("2", "") or str(config.get("module", "")).startswith("keras.src")


def read_keras3_config(path: Path) -> dict[str, Any]:
    """The config of a file that Keras 3 wrote, as it stands; `keras3_config` tells what of it is safe.

    Raises:
        ExportError: Not a .keras file, nested too deep, or no functional or Sequential model.
    """
    config, _ = _read_parts(path)
    _check_is_model(path, config)
    _check_depth(path, config)
    return config


def _read_parts(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with open_zip(path, ".keras file") as archive:
        config = _read_json(path, read_member(path, archive, CONFIG, _MAX_JSON_BYTES), CONFIG)
        metadata = _read_json(path, read_member(path, archive, METADATA, _MAX_JSON_BYTES), METADATA)
    return config, metadata


def _check_is_model(path: Path, config: dict[str, Any]) -> None:
    if config.get("class_name") not in ("Functional", "Model", "Sequential"):
        raise ExportError(
            path, f"holds a {str(config.get('class_name'))[:80]!r}", "give a functional or Sequential model"
        )


def _check_depth(path: Path, value: Any, depth: int = 0) -> None:
    if depth > _MAX_CONFIG_DEPTH:
        raise ExportError(path, f"{CONFIG} is nested more than {_MAX_CONFIG_DEPTH} deep", "refused, save a flat model")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_depth(path, item, depth + 1)


def _checked(path: Path, value: Any, allowed: frozenset[str], depth: int = 0) -> Any:
    """The value without any "compile_config", every object in it checked."""
    if depth > _MAX_CONFIG_DEPTH:
        raise ExportError(path, f"{CONFIG} is nested more than {_MAX_CONFIG_DEPTH} deep", "refused, save a flat model")
    if isinstance(value, list):
        return [_checked(path, item, allowed, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" in value:
        _check_object(path, value, allowed)
    return {key: _checked(path, item, allowed, depth + 1) for key, item in value.items() if key != "compile_config"}


def _check_object(path: Path, value: dict[str, Any], allowed: frozenset[str]) -> None:
    """Refuse a class that is not one of ours: by class, by module, and by the registered name that overrides both."""
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    if isinstance(registered, str) and registered in allowed:
        return
    if (name, module) == _TENSORFLOW_CONSTANT and registered in (None, name):
        return
    if str(name) in _ELSEWHERE and module == _ELSEWHERE[str(name)]:
        _check_elsewhere(path, value)
        return
    if str(name) not in _CLASSES:
        raise ExportError(
            path,
            f"holds an object of class {str(name)[:80]!r}, which is not on the list of safe Keras classes",
            "refused, rebuild the model from standard layers",
        )
    if (module is not None and str(module) not in _MODULES) or registered not in (None, name):
        raise ExportError(
            path,
            f"takes class {name!r} from {str(registered or module)[:80]!r}, which is not Keras",
            "refused, rebuild the model from standard layers",
        )


def _check_elsewhere(path: Path, value: dict[str, Any]) -> None:
    """A class of `_ELSEWHERE` under its own registered name, and only functions of our tables."""
    name, registered = value["class_name"], value.get("registered_name")
    if registered not in (None, name, f"Custom>{name}"):
        raise ExportError(
            path,
            f"takes class {name!r} from {str(registered)[:80]!r}, which is not Keras",
            "refused, rebuild the model from standard layers",
        )
    config = value.get("config")
    function = config.get("function") if isinstance(config, dict) else None
    if name == _FUNCTION_LAYER and (not isinstance(function, str) or function not in FUNCTIONS):
        raise ExportError(
            path,
            f"calls TensorFlow's function {str(function)[:80]!r}, which is not on the list of safe ones",
            "refused, rebuild the model from standard layers",
        )
