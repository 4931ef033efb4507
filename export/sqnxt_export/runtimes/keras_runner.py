"""Safe loader of .keras files, and the runner of Keras models."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.opening import temporary_folder
from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.artifact.files import existing_file, whole_file
from sqnxt_export.artifact.keras3_weights import read_stored_weights
from sqnxt_export.artifact.keras_file import (
    CONFIG,
    MAX_WEIGHT_BYTES,
    METADATA,
    WEIGHTS,
    check_weights,
    read_config,
    read_keras3_config,
    saved_by_keras3,
)
from sqnxt_export.artifact.metadata import Metadata
from sqnxt_export.artifact.metadata_io import write_metadata
from sqnxt_export.artifact.zips import copy_member, open_own_zip, open_zip
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.allocation import allocating_at_most
from sqnxt_export.runtimes.own_scaling import own_input_range
from sqnxt_export.runtimes.runner import Runner
from sqnxt_export.runtimes.signatures import failures_about, flat_function, signature_of


def load_keras(path: str | os.PathLike[str], custom_objects: Mapping[str, type] | None = None) -> Any:
    """Load the tf_keras model of a .keras file that may come from anyone; the model is not compiled.

    Args:
        path: A file saved by tf_keras, or by Keras 3 from layers that tf_keras has too.
        custom_objects: Registered name ("package>Class") -> layer class, for trusted classes outside Keras.

    Raises:
        ExportError: There is no such file, it is not a .keras file or damaged, it names a module or class that is not
            on the allow-list, it describes more weights than it holds, or it was saved by Keras 3 and cannot be
            rebuilt. The message names the obstacle.
    """
    path = existing_file(path)
    if path.suffix.lower() != ".keras":
        raise ExportError(path, "not a .keras file by its name", "give a model saved by tf_keras")
    if saved_by_keras3(path):
        return _load_keras3(path)
    config = read_config(path, custom_objects or {})
    keras = require("tf_keras", "to load a .keras file")
    with temporary_folder() as folder:
        clean = folder / "model.keras"
        stored = _write_clean(path, config, clean)
        try:
            with quiet_stderr(), allocating_at_most(path, stored):
                known = {**_applications_layers(), **pruning_wrappers(config), **(custom_objects or {})}
                loaded = keras.models.load_model(clean, custom_objects=known, compile=False, safe_mode=True)
                return without_wrappers(loaded)
        except ExportError:
            raise
        except Exception as error:
            raise ExportError(path, f"Keras cannot rebuild it ({one_line(error)})", "save the model again") from error


def _applications_layers() -> dict[str, type]:
    """Return layers of Keras's own networks that its loader does not find by itself."""
    from tf_keras.src.applications import convnext

    return {"LayerScale": convnext.LayerScale, "StochasticDepth": convnext.StochasticDepth}


def _is_wrapped(config: Any) -> bool:
    """Tell whether a config holds pruning wrappers."""
    if isinstance(config, dict):
        return config.get("class_name") == "PruneLowMagnitude" or any(map(_is_wrapped, config.values()))
    return isinstance(config, list) and any(map(_is_wrapped, config))


def pruning_wrappers(config: dict[str, Any]) -> dict[str, type]:
    """Return the classes of pruning wrappers if the config holds any; importing them takes a second."""
    if not _is_wrapped(config):
        return {}
    sparsity = require("tensorflow_model_optimization", "to load a model with pruning wrappers").sparsity.keras
    from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import PruneLowMagnitude

    found = (PruneLowMagnitude, sparsity.PolynomialDecay, sparsity.ConstantSparsity)
    return {wrapper.__name__: wrapper for wrapper in found}


def without_wrappers(model: Any) -> Any:
    """Return the model without its pruning wrappers, if it has any; pruned weights stay zero."""
    if not any(type(layer).__name__ == "PruneLowMagnitude" for layer in model._flatten_layers()):
        return model
    pruning = require("tensorflow_model_optimization", "to load a model with pruning wrappers").sparsity.keras
    return pruning.strip_pruning(model)


def _load_keras3(path: Path) -> Any:
    """Load a file that Keras 3 saved as a tf_keras model."""
    from sqnxt_export.runtimes.keras3_loader import rebuild

    config = read_keras3_config(path)
    require("tf_keras", "to load a .keras file")
    stored = read_stored_weights(path)
    try:
        with quiet_stderr(), allocating_at_most(path, stored.bytes):
            return rebuild(path, config, stored)
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(
            path,
            f"saved by Keras 3, and tf_keras cannot rebuild it ({one_line(error)})",
            "rebuild the model with `import tf_keras as keras`",
        ) from error


def save_keras(
    model: Any, path: str | os.PathLike[str], metadata: Metadata | None = None, *, force: bool = False
) -> None:
    """Save a tf_keras model with its metadata inside, completely or not at all.

    Args:
        model: The model.
        path: The output; its name must end in .keras.
        metadata: Metadata to embed; None for none.
        force: Overwrite the output.

    Raises:
        ExportError: The name has another suffix, or the output exists without `force` or cannot be written.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ExportError(path, "models are saved as .keras files", "choose a name that ends in .keras")
    with whole_file(path, force=force) as temporary:
        _save(model, temporary)
        if metadata is not None:
            write_metadata(temporary, metadata)


def _save(model: Any, path: Path) -> None:
    """Let Keras write a file.

    Raises:
        OSError: The file cannot be written; TensorFlow's own errors of that kind are no `OSError`, and those of Keras
            may name a temporary file of its own.
    """
    try:
        model.save(path, save_format="keras")
    except Exception as error:
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error
        if not type(error).__module__.startswith("tensorflow."):
            raise
        raise OSError(None, one_line(error), os.fspath(path)) from error


class KerasRunner(Runner):
    """The runner of a TensorFlow model. The number of threads is TensorFlow's, and cannot be set once it runs."""

    format = "keras"
    runtime = "tf_keras"

    def __init__(self, path: Path, model: Any) -> None:
        keras = require("tf_keras", "to run a .keras file")
        signature = signature_of(model)
        graph = getattr(model, "_is_graph_network", False)
        batch = model.inputs[0].shape[0] if graph else getattr(model, "batch", None)
        super().__init__(path, keras.__version__, signature.inputs, signature.outputs, batch)
        self._function = flat_function(model)
        self.own_range = own_input_range(model)

    def _run_batch(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        with quiet_stderr(), failures_about(self.path):  # XLA writes a banner at the first grouped convolution
            return [np.asarray(output) for output in self._function(*arrays)]


def _write_clean(path: Path, config: dict[str, Any], target: Path) -> int:
    """Write a .keras file of the three members that Keras needs, each checked; return the bytes of its weights.

    Keras opens the file for writing, and extracts archives with further members to disk. The copy protects the user's
    file from both.
    """
    h5py = require("h5py", "to load a .keras file")
    with open_zip(path, ".keras file") as source, zipfile.ZipFile(target, "w") as archive:
        if WEIGHTS not in source.namelist():
            raise ExportError(path, f"has no {WEIGHTS} inside", "save the model again")
        archive.writestr(METADATA, "{}")
        archive.writestr(CONFIG, json.dumps(config))
        copy_member(path, source, WEIGHTS, archive, MAX_WEIGHT_BYTES)
    with open_own_zip(target) as archive, archive.open(WEIGHTS) as member:
        try:
            with h5py.File(member, "r") as file:
                return check_weights(path, file)
        except ExportError:
            raise
        except Exception as error:  # h5py maps the C library's failures to many classes
            raise ExportError(path, f"its weights are damaged ({one_line(error)})", "copy or save it again") from error
