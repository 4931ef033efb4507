"""Optional libraries: imported when they are used, and kept from writing to stderr."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from sqnxt_export.errors import ExportError

_EXTRAS = {
    "PIL.Image": ("pillow", "device"),
    "PIL.ImageOps": ("pillow", "device"),
    "ai_edge_litert.interpreter": ("LiteRT", "device"),
    "constriction": ("constriction", "device"),
    "h5py": ("h5py", "device"),
    "onnxruntime": ("onnxruntime", "device"),
    "tensorflow": ("TensorFlow", "train"),
    "tensorflow_model_optimization": ("tensorflow-model-optimization", "train"),
    "tf2onnx": ("tf2onnx", "train"),
    "tf_keras": ("tf_keras", "train"),
}

MEMORY_REUSE = "enable_mem_reuse"
"""The one session option used here that onnxruntime keeps as an attribute and not among its named entries."""
_FATAL = 4  # onnxruntime's severity above which it logs nothing
_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def require(module: str, purpose: str) -> Any:
    """Import an optional module.

    Args:
        module: A key of the table above.
        purpose: What the module is needed for, as in "to run a .tflite file".

    Raises:
        ExportError: The module is not installed; the message names the extra that installs it.
    """
    if loaded := sys.modules.get(module):
        return loaded
    library, extra = _EXTRAS[module]
    if module == "onnxruntime":
        # From 1.29 on, onnxruntime reports every session to Microsoft from a thread of its own, with an identifier that
        # it keeps in the home folder. It reads this variable once, at import; a user's own setting is kept.
        os.environ.setdefault(_NO_TELEMETRY, "1")
    try:
        with quiet_stderr():
            return importlib.import_module(module)
    except ImportError as error:
        raise ExportError(
            library, f"is not installed and is needed {purpose}", f"install it with `pip install 'sqnxt-tf[{extra}]'`"
        ) from error


def onnx_session(
    model: str | bytes,
    *,
    threads: int | None = None,
    optimise: bool = True,
    options: Mapping[str, str] = MappingProxyType({}),
    profile: str | None = None,
) -> Any:
    """Open an onnxruntime session on the CPU that writes nothing to stderr.

    Args:
        model: A file's path, or a serialised model.
        threads: Number of threads within an operator; None leaves it to onnxruntime.
        optimise: Whether onnxruntime may rewrite the graph; turn it off to check the graph as it is written.
        options: Session options by onnxruntime's own names, each "0" or "1".
        profile: Prefix of the file into which the session writes the time of each node.

    Raises:
        ExportError: Onnxruntime is not installed. Its own exceptions, which share no base class, pass through.
    """
    runtime = require("onnxruntime", "to run an ONNX model")
    settings = runtime.SessionOptions()
    settings.log_severity_level = _FATAL
    settings.intra_op_num_threads = threads or 0
    settings.inter_op_num_threads = 1
    if not optimise:
        settings.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if profile is not None:
        settings.enable_profiling, settings.profile_file_prefix = True, profile
    for name, value in options.items():
        if name == MEMORY_REUSE:
            settings.enable_mem_reuse = value == "1"
        else:
            settings.add_session_config_entry(name, value)
    with quiet_stderr():
        return runtime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what C++ code writes to file descriptor 2.

    LiteRT, its delegates and TensorFlow's converter log there directly, and none of them has a switch that Python can
    reach. Failures are raised as exceptions, so the user loses nothing.
    """
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # a process without a stderr has nothing to keep quiet
        yield
        return
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        os.close(sink)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
