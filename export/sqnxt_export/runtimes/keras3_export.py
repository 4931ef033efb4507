"""Models that only Keras 3 can load: exported by Keras 3 itself, in a process of its own, to a SavedModel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from sqnxt_base.limits import current_limits
from sqnxt_base.opening import temporary_folder
from sqnxt_export.artifact.h5_file import check_h5, read_h5_config
from sqnxt_export.artifact.keras3_classes import check_keras3_classes, in_float32
from sqnxt_export.artifact.keras_file import CONFIG, MAX_WEIGHT_BYTES, METADATA, WEIGHTS, read_keras3_config
from sqnxt_export.artifact.zips import copy_member, open_own_zip, open_zip
from sqnxt_export.errors import ExportError
from sqnxt_export.runtimes.saved_model import load_saved_model

_PATIENCE = 15
"""How many times the seconds of `opening_limits` Keras 3 has, which loads, traces and exports a model."""
_OWN_BYTES = 4 << 30
"""What TensorFlow itself may take; the weights are counted eight times on top of it."""


def load_through_keras3(path: Path) -> Any:
    """Return the function of a model file that Keras 3 saved.

    Raises:
        ExportError: A class in it is not on the list of safe ones, or Keras 3 cannot load or export it.
    """
    with temporary_folder() as place:
        clean = Path(place, f"model{path.suffix.lower()}")
        stored = _copy_keras(path, clean) if clean.suffix == ".keras" else _copy_h5(path, clean)
        folder = Path(place, path.stem or "model")
        _run_child(path, clean, folder, stored)
        return load_saved_model(folder, name=path.stem)


def _copy_keras(path: Path, clean: Path) -> int:
    """Write a copy with a checked config, and return the bytes of its weights."""
    config = read_keras3_config(path)
    check_keras3_classes(path, config)
    config.pop("compile_config", None)
    with open_zip(path, ".keras file") as source, zipfile.ZipFile(clean, "w") as archive:
        if WEIGHTS not in source.namelist():
            raise ExportError(path, f"has no {WEIGHTS} inside", "save the model again")
        archive.writestr(METADATA, source.read(METADATA))
        archive.writestr(CONFIG, json.dumps(in_float32(config)))
        copy_member(path, source, WEIGHTS, archive, MAX_WEIGHT_BYTES)
    with open_own_zip(clean) as archive, archive.open(WEIGHTS) as member:
        return check_h5(path, member)


def _copy_h5(path: Path, clean: Path) -> int:
    """Write a copy of a checked .h5 file, and return the bytes of its weights."""
    clean.write_bytes(path.read_bytes())
    check_keras3_classes(path, read_h5_config(clean, path))
    return check_h5(path, clean)


def _run_child(path: Path, clean: Path, folder: Path, stored: int) -> None:
    child = [sys.executable, "-P", "-m", "sqnxt_export.runtimes.keras3_child"]
    limit, seconds = _OWN_BYTES + 8 * stored, _PATIENCE * current_limits().seconds
    try:
        done = subprocess.run(
            [*child, str(clean), str(folder), str(limit)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONSAFEPATH": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExportError(path, f"Keras 3 did not load it within {seconds:g} s", "save a smaller model") from error
    if done.returncode or not folder.is_dir():
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1][:200] if lines else f"exit code {done.returncode}"
        raise ExportError(
            path, f"Keras 3 cannot export it ({reason})", "export it with `model.export` and give that folder"
        )
