"""onnxruntime, LiteRT and Keras behind one small interface, each imported when used."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..artifact.files import existing_file, format_of
from ..errors import ExportError
from .runner import Runner

__all__ = ["Runner", "open_model"]


def open_model(
    path: str | os.PathLike[str], *, threads: int | None = None, options: Mapping[str, str] | None = None
) -> Runner:
    """Load a .keras, .onnx or .tflite file in its own runtime.

    Args:
        path: The file; it may come from anyone.
        threads: Threads of onnxruntime and LiteRT; the runtime's own choice where None. Keras ignores it.
        options: onnxruntime's session options by their own names ("session.disable_quant_qdq": "1"); those that are
            fastest for the graph where None, none at all where empty. `Runner.options` says which were used.

    Raises:
        ExportError: No such file, an unknown kind, a damaged one, or a runtime that is not installed.
    """
    path = existing_file(path)
    kind = format_of(path)
    if options and kind != "onnx":
        raise ExportError(f"{path}: session options are onnxruntime's; leave them out for .{kind} files")
    if kind == "onnx":
        from .onnx_runner import OnnxRunner

        return OnnxRunner(path, threads, options)
    if kind == "tflite":
        from .litert_runner import LiteRtRunner

        return LiteRtRunner(path, threads)
    from .keras_runner import KerasRunner, load_keras

    return KerasRunner(path, load_keras(path))
