"""HDF5 files of more objects than any network has are refused before each object is looked at."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import pytest

from sqnxt_export import ExportError
from sqnxt_export.artifact.h5_file import check_h5

_COUNT = 25_000


@pytest.mark.parametrize("nested", [False, True])
def test_25000_objects_are_refused_within_a_second(tmp_path: Path, nested: bool) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w", libver="latest") as file:
        if nested:
            group = file
            for depth in range(_COUNT):  # made in groups of a thousand, one inside the other
                group = group.create_group(f"g{depth}") if depth % 1000 == 0 else group
                group.create_group(f"h{depth}")
        else:
            for number in range(_COUNT):
                file.create_group(f"g{number}")
    began = time.process_time()
    with pytest.raises(ExportError, match="more than 20000 objects"):
        check_h5(path, path)
    assert time.process_time() - began < 1


def test_two_thousand_objects_are_read(tmp_path: Path) -> None:
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        for number in range(2000):
            file[f"v{number}"] = 1.0
    assert check_h5(path, path) == 2000 * 8
