"""onnxruntime, LiteRT and Keras behind one interface, each imported when it is used.

- `runner`: the interface.
- `tensors`: descriptions of inputs and outputs.
- `borders`: integers at inputs and outputs.
- `onnx_runner`: .onnx files in onnxruntime.
- `litert_runner`: .tflite files in LiteRT.
- `micro_arena` and its `micro_child`: .tflite files in TensorFlow Lite Micro: the memory that they need.
- `keras_runner`: .keras files, loaded safely.
- `keras3_loader`: .keras files saved by Keras 3, rebuilt as tf_keras models.
- `model_loader`: models of any kind, to be exported: `keras3_export` and its `keras3_child` let Keras 3 itself export
  what cannot be rebuilt, `saved_model` loads SavedModel folders, `channels` turns channels-first models,
  `full_precision` those of mixed precision.
- `trial` and its `trial_child`: a file opened and run once in a process of its own.
- `signatures`, `tensors`: what models take and return.
- `allocation`: a bound on the memory that a file makes Keras allocate.
- `onnx_profile`: the time of each node of an .onnx file.
- `onnx_origins`: which node of the file an operator of onnxruntime's optimised graph comes from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sqnxt_base.opening import opening
from sqnxt_export._libraries import require
from sqnxt_export.artifact.files import existing_file, format_of
from sqnxt_export.artifact.saved_model_file import is_model
from sqnxt_export.artifact.tflite_file import check_tflite
from sqnxt_export.errors import ExportError
from sqnxt_export.runtimes.runner import Runner

__all__ = ["Runner", "check_artifact", "open_model"]


def check_artifact(path: str | os.PathLike[str]) -> Mapping[str, str]:
    """Check an .onnx or .tflite file as `open_model` does, and return the session options that it would use.

    This is for measuring the time and memory of the runtime alone: one process checks and another opens.

    Raises:
        ExportError: There is no such file, it is of another kind, or its runtime might not survive it.
    """
    path = existing_file(path)
    kind = format_of(path)
    if kind == "onnx":
        from sqnxt_export.runtimes.onnx_runner import check_onnx

        return check_onnx(path)
    if kind == "tflite":
        check_tflite(path)
        return {}
    raise ExportError(path, "is a model, not an artifact", "export it to .onnx or .tflite first")


def open_model(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    options: Mapping[str, str] | None = None,
    checked: bool = False,
    layout: str | None = None,
) -> Runner:
    """Load a model, an .onnx or a .tflite file in its own runtime.

    Args:
        path: The file; it may come from anyone.
        threads: Number of threads of onnxruntime and LiteRT; None leaves it to the runtime. Keras ignores it.
        options: Onnxruntime's session options by their own names ("session.disable_quant_qdq": "1"). None stands for
            those that are fastest for the graph. `Runner.options` tells which were used.
        checked: Whether `check_artifact` has checked this very file and returned `options`.
        layout: Layout of the images that an .onnx or .tflite file takes, "NCHW" or "NHWC". None asks the file: its
            metadata, or the operators that read the image. `Runner.layout_known` tells whether it answered.

    Raises:
        ExportError: There is no such file, it is of an unknown kind or damaged, or its runtime is not installed.
    """
    kind = "keras" if is_model(Path(path)) else format_of(path := existing_file(path))
    if options and kind != "onnx":
        raise ExportError(path, "session options are onnxruntime's", f"leave them out for .{kind} files")
    if kind == "onnx":
        from sqnxt_export.runtimes.onnx_runner import OnnxRunner

        require("onnxruntime", "to run an .onnx file")
        with opening(path):
            return OnnxRunner(Path(path), threads, options, checked=checked, layout=layout)
    if kind == "tflite":
        from sqnxt_export.runtimes.litert_runner import LiteRtRunner

        require("ai_edge_litert.interpreter", "to run a .tflite file")
        with opening(path):
            return LiteRtRunner(Path(path), threads, checked=checked, layout=layout)
    from sqnxt_export.runtimes.keras_runner import KerasRunner
    from sqnxt_export.runtimes.model_loader import load_model

    return KerasRunner(Path(path), load_model(path))
