"""Reader of .h5 model files as data: the config inside them, and the check of their weights."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from sqnxt_base.json_text import parse_json_object
from sqnxt_base.user_files import UnreadableTextError
from sqnxt_export._libraries import require
from sqnxt_export.artifact.keras_file import check_weights
from sqnxt_export.errors import ExportError, one_line

_MAX_CONFIG_BYTES = 32 << 20
_AGAIN = "copy or save it again"


def check_h5(path: Path, source: Path | IO[bytes]) -> int:
    """Check every dataset of an HDF5 file, and return their size in bytes.

    Args:
        path: The file, for messages.
        source: What is read.

    Raises:
        ExportError: See `keras_file.check_weights`; also if it is no HDF5 file.
    """
    h5py = require("h5py", "to load a model")
    try:
        with h5py.File(source, "r") as file:
            return check_weights(path, file)
    except ExportError:
        raise
    except Exception as error:  # h5py maps the C library's failures to many classes
        raise ExportError(path, f"its weights are damaged ({one_line(error)})", _AGAIN) from error


def read_h5_config(source: Path, path: Path | None = None) -> dict[str, Any]:
    """Read the model's config, unchecked.

    Raises:
        ExportError: The file is damaged, or holds weights alone.
    """
    path = path or source
    text = _attribute(source, path, "model_config")
    if not text:
        raise ExportError(path, "holds weights without a model", "save the whole model with `model.save`")
    try:
        config = parse_json_object(text)
    except UnreadableTextError as error:
        raise ExportError(path, f"its config is not JSON ({one_line(error)})", _AGAIN) from error
    if config.get("class_name") not in ("Functional", "Model", "Sequential"):
        raise ExportError(
            path, f"holds a {str(config.get('class_name'))[:80]!r}", "give a functional or Sequential model"
        )
    return config


def h5_saved_by_keras3(path: Path) -> bool:
    """Tell whether Keras 3 wrote the file.

    Raises:
        ExportError: It is no HDF5 file.
    """
    return _attribute(path, path, "keras_version").partition(".")[0] not in ("", "1", "2")


def _attribute(source: Path, path: Path, name: str) -> str:
    h5py = require("h5py", "to load a model")
    try:
        with h5py.File(source, "r") as file:
            value = file.attrs.get(name, "")
    except Exception as error:
        raise ExportError(path, f"is not an HDF5 file or damaged ({one_line(error)})", _AGAIN) from error
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str) or len(text) > _MAX_CONFIG_BYTES:
        raise ExportError(path, f"its {name} is no text of a usual size", _AGAIN)
    return text
