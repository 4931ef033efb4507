"""Where a .keras file that Keras 3 saved keeps the weights of each layer."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import require
from sqnxt_export.artifact.keras_file import WEIGHTS, check_weights
from sqnxt_export.artifact.zips import open_zip
from sqnxt_export.errors import ExportError, one_line

_NOT_WEIGHTS = ("optimizer", "seed_generator", "compile_metrics", "_loss_tracker")
"""Groups that hold the state of training and of random layers."""


@dataclass
class StoredWeights:
    """The arrays of the file by their path; those that a layer took are remembered."""

    path: Path
    arrays: dict[str, NDArray[np.generic]]
    names: dict[str, str]
    """Path of a layer's group -> the layer's name, where Keras wrote it down."""
    taken: set[str] = field(default_factory=set)

    @property
    def bytes(self) -> int:
        """Of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def take(self, group: str, layer: str) -> list[NDArray[np.generic]]:
        """The arrays of a layer, in order.

        Raises:
            ExportError: The group belongs to another layer, or its arrays are not numbered through.
        """
        if self.names.get(group, layer) != layer:
            raise ExportError(
                self.path,
                f"weights at {group[:80]!r} are of layer {self.names[group][:80]!r}, not of {layer[:80]!r}",
                "save the model again",
            )
        found = {name: name.rpartition("/")[2] for name in self.arrays if name.rpartition("/")[0] == f"{group}/vars"}
        if sorted(found.values()) != sorted(str(number) for number in range(len(found))):
            raise ExportError(
                self.path, f"the weights of layer {layer[:80]!r} are not complete", "save the model again"
            )
        self.taken |= set(found)
        return [self.arrays[f"{group}/vars/{number}"] for number in range(len(found))]

    def check_all_taken(self) -> None:
        """Refuse weights that no layer has asked for.

        Raises:
            ExportError: There are some.
        """
        for name in self.arrays.keys() - self.taken:
            if not set(name.split("/")) & set(_NOT_WEIGHTS):
                raise ExportError(self.path, f"weights at {name[:80]!r} belong to no layer", "save the model again")


def read_stored_weights(path: Path) -> StoredWeights:
    """All arrays of the file, after the checks that any HDF5 file gets.

    Raises:
        ExportError: See `keras_file.check_weights`.
    """
    h5py = require("h5py", "to read the weights of a .keras file")
    arrays: dict[str, NDArray[np.generic]] = {}
    names: dict[str, str] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = np.asarray(item[()])
        elif name.endswith("vars") and isinstance(written := item.attrs.get("name"), str):
            names[name.rpartition("/")[0]] = written

    with open_zip(path, ".keras file") as archive:
        try:
            with archive.open(WEIGHTS) as member, h5py.File(member, "r") as file:
                check_weights(path, file)
                file.visititems(visit)
        except ExportError:
            raise
        except Exception as error:  # h5py maps the C library's failures to many classes
            raise ExportError(path, f"its weights are damaged ({one_line(error)})", "copy or save it again") from error
    return StoredWeights(path, arrays, names)


class GroupNames:
    """The names that Keras gives the groups of one model's layers: the class, and a number from the second on."""

    def __init__(self, parent: str) -> None:
        self._parent = parent
        self._used: Counter[str] = Counter()

    def next(self, class_name: str) -> str:
        """Path of the next layer of that class."""
        spaced = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
        name = re.sub("([a-z])([A-Z])", r"\1_\2", spaced).lower()
        number = self._used[name]
        self._used[name] += 1
        return f"{self._parent}layers/{name}" + (f"_{number}" if number else "")
