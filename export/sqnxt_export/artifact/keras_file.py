"""Reader of .keras files as data: the config checked against an allow-list, the weights as plain arrays.

Keras's own safe mode still imports any module that config.json names, so every object in it is checked first.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.json_text import parse_json_object
from sqnxt_base.user_files import UnreadableTextError
from sqnxt_export._libraries import require
from sqnxt_export.artifact.keras_calls import order_calls
from sqnxt_export.artifact.keras_classes import check_depth, checked_objects
from sqnxt_export.artifact.zips import open_zip, read_member
from sqnxt_export.errors import ExportError, one_line

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_SAVE = "save the model again with Keras"
"""A remedy."""
MAX_WEIGHT_BYTES = 2 << 30
_MAX_JSON_BYTES = 32 << 20
_MAX_OBJECTS = 20_000
"""Far above any network's number: there are three objects per weight, a few thousand in a very deep network."""


def read_config(path: Path, allowed: Collection[str] = ()) -> dict[str, Any]:
    """Read the model's config after checking that it is safe to deserialize; its compile state is removed.

    Args:
        path: A .keras file.
        allowed: Registered names ("package>Class") for which the caller provides classes.

    Raises:
        ExportError: The file is not a .keras file, or names a class that is neither on the allow-list nor allowed.
    """
    config, _ = _read_parts(path)
    _check_is_model(path, config)
    checked: dict[str, Any] = checked_objects(path, config, frozenset(allowed))
    order_calls(path, checked)
    return checked


def read_weights(path: Path) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield name and values of every dataset in the HDF5 file of the weights.

    Raises:
        ExportError: See `check_weights`; also if h5py is not installed.
    """
    h5py = require("h5py", "to read the weights of a .keras file")
    with open_zip(path, ".keras file") as archive:
        try:
            with archive.open(WEIGHTS) as member, h5py.File(member, "r") as file:
                check_weights(path, file)
                names: list[str] = []
                file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
                yield from ((name, file[name][()]) for name in names)
        except ExportError:
            raise
        except Exception as error:  # h5py maps the C library's failures to many classes
            raise ExportError(path, f"its weights are damaged ({one_line(error)})", "copy or save it again") from error


def check_weights(path: Path, group: Any) -> int:
    """Check all datasets below an HDF5 group, and return their total size in bytes.

    Raises:
        ExportError: There are links to other files or objects, objects with two names, values in other files or without
            a fixed size, more than 20,000 objects or more than 2 GiB.
    """
    _check_count(path, group)
    total = 0
    for name, item in _objects(path, group, {_address(group)}):
        if not hasattr(item, "shape"):
            continue
        if item.external or item.is_virtual:
            raise ExportError(path, f"refused, since {name[:80]!r} in its weights lies in another file", _SAVE)
        if item.dtype.hasobject:  # each value may have any size, and all of them may be the same bytes
            raise ExportError(path, f"refused, since {name[:80]!r} in its weights holds no numbers", _SAVE)
        total += item.nbytes
        if total > MAX_WEIGHT_BYTES:
            raise ExportError(path, f"refused, since its weights unpack to more than {MAX_WEIGHT_BYTES} bytes", _SAVE)
    return total


def _check_count(path: Path, group: Any) -> None:
    """Refuse more objects than any network has, before they are looked at one by one, which takes 0.1 ms each."""
    count = itertools.count(1)
    if require("h5py", "to read the weights of a .keras file").h5o.visit(
        group.id, lambda name: True if next(count) > _MAX_OBJECTS else None
    ):
        raise ExportError(path, f"refused, since its weights are more than {_MAX_OBJECTS} objects", _SAVE)


def _objects(path: Path, group: Any, seen: set[int], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield every object below a group; refuse objects with two names, a few levels of which make endless paths."""
    if depth > 32:
        raise ExportError(path, "refused, since its weights are nested more than 32 deep", _SAVE)
    for name in group:
        if type(group.get(name, getlink=True)).__name__ != "HardLink":
            raise ExportError(
                path, f"refused, since {name[:80]!r} in its weights is a link, maybe to another file", _SAVE
            )
        item = group[name]
        if (address := _address(item)) in seen:
            raise ExportError(path, f"refused, since {name[:80]!r} in its weights has another name too", _SAVE)
        seen.add(address)
        yield name, item
        if not hasattr(item, "dtype"):
            yield from _objects(path, item, seen, depth + 1)


def _address(item: Any) -> int:
    return int(require("h5py", "to read the weights of a .keras file").h5o.get_info(item.id).addr)


def _read_json(path: Path, data: bytes, name: str) -> dict[str, Any]:
    try:
        return parse_json_object(data)
    except UnreadableTextError as error:
        raise ExportError(path, f"{name} is not JSON ({one_line(error)})", "save the model again") from error


def saved_by_keras3(path: Path) -> bool:
    """Tell whether Keras 3 wrote the file, by its stated version or by its spelling of modules.

    Raises:
        ExportError: The file is not a .keras file.
    """
    config, metadata = _read_parts(path)
    major = str(metadata.get("keras_version", ""))[:20].partition(".")[0]
    return major not in ("2", "") or str(config.get("module", "")).startswith("keras.src")


def read_keras3_config(path: Path) -> dict[str, Any]:
    """Read the config of a file that Keras 3 wrote, unchecked; `keras3_config` tells which parts are safe.

    Raises:
        ExportError: The file is not a .keras file, is nested too deep, or holds no functional or Sequential model.
    """
    config, _ = _read_parts(path)
    _check_is_model(path, config)
    check_depth(path, config)
    return config


def _read_parts(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    with open_zip(path, ".keras file") as archive:
        config = _read_json(path, read_member(path, archive, CONFIG, _MAX_JSON_BYTES), CONFIG)
        metadata = _read_json(path, read_member(path, archive, METADATA, _MAX_JSON_BYTES), METADATA)
    return config, metadata


def _check_is_model(path: Path, config: dict[str, Any]) -> None:
    if config.get("class_name") not in ("Functional", "Model", "Sequential"):
        raise ExportError(
            path, f"holds a {str(config.get('class_name'))[:80]!r}", "give a functional or Sequential model"
        )
