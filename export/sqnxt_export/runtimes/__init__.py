"""onnxruntime, LiteRT and Keras behind one small interface, each imported when used."""

from __future__ import annotations

import os
from collections.abc import Mapping

from sqnxt_export.artifact.files import existing_file, format_of
from sqnxt_export.artifact.tflite_file import read_tflite
from sqnxt_export.errors import ExportError
from sqnxt_export.runtimes.runner import Runner

__all__ = ["Runner", "check_artifact", "open_model"]


def check_artifact(path: str | os.PathLike[str]) -> Mapping[str, str]:
    """Look at an .onnx or .tflite file as `open_model` does first; gives the session options that it would use.

    Where time and memory of the runtime alone are to be measured, one process checks and another opens.

    Raises:
        ExportError: No such file, another kind, or one that its runtime might not survive.
    """
    path = existing_file(path)
    kind = format_of(path)
    if kind == "onnx":
        from sqnxt_export.runtimes.onnx_runner import check_onnx

        return check_onnx(path)
    if kind == "tflite":
        read_tflite(path)
        return {}
    raise ExportError(path, "is a model, not an artifact", "export it to .onnx or .tflite first")


def open_model(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    options: Mapping[str, str] | None = None,
    checked: bool = False,
) -> Runner:
    """Load a .keras, .onnx or .tflite file in its own runtime.

    Args:
        path: The file; it may come from anyone.
        threads: Threads of onnxruntime and LiteRT; the runtime's own choice where None. Keras ignores it.
        options: Onnxruntime's session options by their own names ("session.disable_quant_qdq": "1"); those that are
            fastest for the graph where None, none at all where empty. `Runner.options` says which were used.
        checked: `check_artifact` has seen this very file, and gave `options`.

    Raises:
        ExportError: No such file, an unknown kind, a damaged one, or a runtime that is not installed.
    """
    path = existing_file(path)
    kind = format_of(path)
    if options and kind != "onnx":
        raise ExportError(path, "session options are onnxruntime's", f"leave them out for .{kind} files")
    if kind == "onnx":
        from sqnxt_export.runtimes.onnx_runner import OnnxRunner

        return OnnxRunner(path, threads, options, checked=checked)
    if kind == "tflite":
        from sqnxt_export.runtimes.litert_runner import LiteRtRunner

        return LiteRtRunner(path, threads, checked=checked)
    from sqnxt_export.runtimes.keras_runner import KerasRunner, load_keras

    return KerasRunner(path, load_keras(path))
