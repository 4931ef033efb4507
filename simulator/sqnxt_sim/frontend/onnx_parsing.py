"""Parsing of an untrusted ONNX file, with its functions inlined and its external data read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import onnx.inliner
from onnx import ModelProto

from sqnxt_base.printable_text import one_line
from sqnxt_sim.errors import SimulatorError


def load_model(path: Path) -> ModelProto:
    """Return the model in an ONNX file, with its functions inlined and its external data read, otherwise unchecked.

    Raises:
        SimulatorError: The file is missing or is not an ONNX file, or its functions or external data cannot be read.
    """
    return _complete(_parse(path), path)


def _parse(path: Path) -> ModelProto:
    if path.is_dir():
        raise SimulatorError(path, "is a folder", "name an .onnx file in it")
    if not path.exists():
        raise SimulatorError(path, "no such file", "check the path")
    if not path.is_file():
        raise SimulatorError(path, "is not a regular file", "name an .onnx file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SimulatorError(path, f"cannot be read ({error.strerror})", "check its permissions") from error
    try:
        return _model(content, path)
    except SimulatorError as error:
        if path.suffix.lower() == ".onnx":
            raise
        # A graph may have any suffix. The remedy is for a file of another kind, such as a .keras model.
        raise SimulatorError(path, "is not an ONNX file", "export the model to an .onnx file first") from error


def _complete(model: ModelProto, path: Path) -> ModelProto:
    """Return the model with its functions inlined and its external data read."""
    if model.functions:
        from sqnxt_sim.frontend.onnx_functions import refuse_expansion

        refuse_expansion(model, path)
        with refusing(path, "has functions that cannot be inlined"):
            model = onnx.inliner.inline_local_functions(model)
    # onnx itself refuses links and paths that point outside the folder.
    with refusing(path, "has external data that cannot be read"):
        onnx.load_external_data_for_model(model, str(path.parent))
    return model


def _model(content: bytes, path: Path) -> ModelProto:
    with refusing(path, "is not an ONNX file, or a truncated one"):
        model = onnx.load_model_from_string(content)
    if not model.graph.node:
        raise SimulatorError(path, "holds no ONNX graph", "export it again")
    return model


@contextmanager
def refusing(path: Path, fault: str, remedy: str = "export it again") -> Iterator[None]:
    """Turn any exception of onnx and protobuf, whose classes vary, into a `SimulatorError` of one line."""
    try:
        yield
    except Exception as error:
        detail = one_line(error)
        raise SimulatorError(path, f"{fault} ({detail})", remedy) from error
