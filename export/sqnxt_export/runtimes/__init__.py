"""onnxruntime, LiteRT and Keras behind one small interface, each imported when used."""

from __future__ import annotations

import os

from ..artifact.files import existing_file, format_of
from .runner import Runner

__all__ = ["Runner", "open_model"]


def open_model(path: str | os.PathLike[str], *, threads: int | None = None) -> Runner:
    """Load a .keras, .onnx or .tflite file in its own runtime.

    Args:
        path: The file; it may come from anyone.
        threads: Threads of onnxruntime and LiteRT; the runtime's own choice where None. Keras ignores it.

    Raises:
        ExportError: No such file, an unknown kind, a damaged one, or a runtime that is not installed.
    """
    path = existing_file(path)
    kind = format_of(path)
    if kind == "onnx":
        from .onnx_runner import OnnxRunner

        return OnnxRunner(path, threads)
    if kind == "tflite":
        from .litert_runner import LiteRtRunner

        return LiteRtRunner(path, threads)
    from .keras_runner import KerasRunner, load_keras

    return KerasRunner(path, load_keras(path))
