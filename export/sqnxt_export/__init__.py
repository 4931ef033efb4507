"""Artifacts from any `tf_keras` model: TFLite and ONNX, quantised, proved equal to the model they came from.

Nothing heavy is imported until it is used: `import sqnxt_export` costs milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .artifact.embedding import read_metadata, write_metadata
    from .artifact.files import whole_file
    from .artifact.metadata import EMBEDDED, Metadata
    from .artifact.preprocessing import Preprocessing
    from .artifact.weights import compressed_bytes, layer_zeros, nonzero_fraction
    from .building import Budget
    from .compression.clustering import keep_largest, share_weights
    from .compression.compressing import Compressed, compress
    from .compression.restoring import Restored, decompress
    from .convert.to_onnx import to_onnx
    from .convert.to_tflite import to_tflite
    from .errors import ExportError, ParityError
    from .exporting import ExportResult, export
    from .parity import Parity, compare
    from .quantise.precision import PRECISIONS, check_precision
    from .quantise.recipes import quantise_onnx
    from .runtimes import Runner, check_artifact, open_model
    from .runtimes.keras_runner import load_keras, save_keras
    from .runtimes.onnx_profile import NodeTime, profile_onnx

_HOMES = {
    "Budget": "building",
    "Compressed": "compression.compressing",
    "EMBEDDED": "artifact.metadata",
    "ExportError": "errors",
    "ExportResult": "exporting",
    "Metadata": "artifact.metadata",
    "NodeTime": "runtimes.onnx_profile",
    "PRECISIONS": "quantise.precision",
    "Parity": "parity",
    "ParityError": "errors",
    "Preprocessing": "artifact.preprocessing",
    "Restored": "compression.restoring",
    "Runner": "runtimes",
    "check_artifact": "runtimes",
    "check_precision": "quantise.precision",
    "compare": "parity",
    "compress": "compression.compressing",
    "compressed_bytes": "artifact.weights",
    "decompress": "compression.restoring",
    "export": "exporting",
    "keep_largest": "compression.clustering",
    "layer_zeros": "artifact.weights",
    "load_keras": "runtimes.keras_runner",
    "nonzero_fraction": "artifact.weights",
    "open_model": "runtimes",
    "profile_onnx": "runtimes.onnx_profile",
    "quantise_onnx": "quantise.recipes",
    "read_metadata": "artifact.embedding",
    "save_keras": "runtimes.keras_runner",
    "share_weights": "compression.clustering",
    "to_onnx": "convert.to_onnx",
    "to_tflite": "convert.to_tflite",
    "whole_file": "artifact.files",
    "write_metadata": "artifact.embedding",
}

__all__ = [
    "EMBEDDED",
    "PRECISIONS",
    "Budget",
    "Compressed",
    "ExportError",
    "ExportResult",
    "Metadata",
    "NodeTime",
    "Parity",
    "ParityError",
    "Preprocessing",
    "Restored",
    "Runner",
    "check_artifact",
    "check_precision",
    "compare",
    "compress",
    "compressed_bytes",
    "decompress",
    "export",
    "keep_largest",
    "layer_zeros",
    "load_keras",
    "nonzero_fraction",
    "open_model",
    "profile_onnx",
    "quantise_onnx",
    "read_metadata",
    "save_keras",
    "share_weights",
    "to_onnx",
    "to_tflite",
    "whole_file",
    "write_metadata",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
