"""The weights of each layer in a .keras file that Keras 3 saved."""

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
"""Groups that hold the state of training and of random layers, not weights."""


@dataclass
class StoredWeights:
    """The arrays of a file, with a record of those that layers have taken.

    Attributes:
        path: The file.
        arrays: Path inside the file -> array.
        names: Path of a layer's group -> the layer's name, if Keras recorded it.
        taken: Paths of the arrays that layers have taken.
    """

    path: Path
    arrays: dict[str, NDArray[np.generic]]
    names: dict[str, str]
    taken: set[str] = field(default_factory=set)

    @property
    def bytes(self) -> int:
        """Size of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def take(self, group: str, layer: str) -> list[NDArray[np.generic]]:
        """Take the arrays of a layer, in order.

        Raises:
            ExportError: The group belongs to another layer, or the numbers of its arrays have gaps.
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
        """Refuse a file with weights that no layer has taken.

        Raises:
            ExportError: There are such weights.
        """
        for name in self.arrays.keys() - self.taken:
            if not set(name.split("/")) & set(_NOT_WEIGHTS):
                raise ExportError(self.path, f"weights at {name[:80]!r} belong to no layer", "save the model again")


def read_stored_weights(path: Path) -> StoredWeights:
    """Read all arrays of the file, after the checks for any HDF5 file.

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
    """The names that Keras gives to the groups of a model's layers: the class, and from the second on a number."""

    def __init__(self, parent: str) -> None:
        self._parent = parent
        self._used: Counter[str] = Counter()

    def next(self, class_name: str) -> str:
        """Return the path of the next layer of that class, as in `layers/conv2d_1`."""
        spaced = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
        name = re.sub("([a-z])([A-Z])", r"\1_\2", spaced).lower()
        number = self._used[name]
        self._used[name] += 1
        return f"{self._parent}layers/{name}" + (f"_{number}" if number else "")
