"""Models as users have them: .keras and .h5 files of both Keras generations, and SavedModel folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.artifact.files import existing_file
from sqnxt_export.artifact.h5_file import check_h5, h5_saved_by_keras3, read_h5_config
from sqnxt_export.artifact.keras_calls import order_calls
from sqnxt_export.artifact.keras_classes import checked_objects
from sqnxt_export.artifact.keras_file import saved_by_keras3
from sqnxt_export.artifact.saved_model_file import is_saved_model
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.allocation import allocating_at_most
from sqnxt_export.runtimes.channels import channels_last_view
from sqnxt_export.runtimes.keras3_export import load_through_keras3
from sqnxt_export.runtimes.keras_runner import load_keras
from sqnxt_export.runtimes.saved_model import load_saved_model

_H5 = (".h5", ".hdf5")


def load_model(path: str | os.PathLike[str], *, signature: str | None = None) -> Any:
    """Load a model that may come from anyone, to be exported or run.

    A file that Keras 3 saved is rebuilt as a tf_keras model where that is exact. Else Keras 3 exports it to a
    SavedModel in a process of its own. A channels-first model is returned with channels-last inputs and outputs.

    Args:
        path: A .keras or .h5 file, or a SavedModel folder.
        signature: Name of the function of a SavedModel folder; "serving_default", or the only one, if None.

    Returns:
        A tf_keras model, or an object that `export_model` takes like one.

    Raises:
        ExportError: There is no such file, it is damaged, or it holds what is not on the lists of safe classes and
            operations.
    """
    if is_saved_model(Path(path)):
        return load_saved_model(Path(path), signature)
    path = existing_file(path)
    if signature is not None:
        raise ExportError(path, "has no signatures", "leave `signature` out; SavedModel folders have them")
    if path.suffix.lower() in _H5:
        return load_through_keras3(path) if h5_saved_by_keras3(path) else channels_last_view(_load_h5(path))
    try:
        return channels_last_view(load_keras(path))
    except ExportError:
        if path.suffix.lower() != ".keras" or not saved_by_keras3(path):
            raise
    return load_through_keras3(path)


def _load_h5(path: Path) -> Any:
    """Load the tf_keras model of an .h5 file: its checked config, then its checked weights."""
    keras = require("tf_keras", "to load a model")
    config = checked_objects(path, read_h5_config(path), frozenset())
    order_calls(path, config)
    stored = check_h5(path, path)
    try:
        with quiet_stderr(), allocating_at_most(path, stored):
            from sqnxt_export.runtimes.keras_runner import pruning_wrappers, without_wrappers

            with keras.utils.custom_object_scope(pruning_wrappers(config)):
                model = keras.models.model_from_config(config)
            model.load_weights(str(path))
            return without_wrappers(model)
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(path, f"Keras cannot rebuild it ({one_line(error)})", "save the model again") from error
