"""Every table and figure of the paper in one folder, as CSV and pictures, with what made them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sqnxt_base.csv_text import csv_text
from sqnxt_base.flat_rows import flat_row
from sqnxt_export import whole_file
from sqnxt_export.artifact.files import check_output
from sqnxt_tf.output_folder import check_can_create
from sqnxt_tf.paper.figures import figure6, figure7
from sqnxt_tf.paper.parameters import reproduce_parameters
from sqnxt_tf.paper.table3 import reproduce_costs
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.reports.figures import write_figure
from sqnxt_tf.reports.picture_files import require_drawing_library

RECORD = "reproduction.json"
"""The file that says which command and which versions made each of the others."""
_TABLES = ("table1.csv", "table2.csv", "table3.csv")
_PACKAGES = ("sqnxt-tf", "numpy", "onnx", "onnxruntime", "tensorflow", "matplotlib")


def reproduce_all(folder: Path, *, force: bool = False, progress: Progress = silent) -> dict[str, Any]:
    """Write every table and figure to a folder, and return the contents of its `reproduction.json`.

    Args:
        folder: Where the files are written; it is made where it is not there.
        force: Overwrite files of these names.
        progress: Called as the work goes on.

    Raises:
        SqnxtError: The folder cannot be created, or matplotlib is not installed.
        ExportError: A file exists and `force` is not set, or cannot be written.
    """
    check_can_create(folder)
    require_drawing_library()
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*_TABLES, RECORD):
        check_output(folder / name, force=force)
    made: dict[str, list[Path]] = {}
    tables: dict[str, Callable[[], Sequence[Mapping[str, Any]]]] = {
        "table1": lambda: [row.to_json() for row in reproduce_parameters(1)],
        "table2": lambda: [row.to_json() for row in reproduce_parameters(2)],
        "table3": lambda: reproduce_costs(progress=progress).to_json(),
    }
    for name, rows in tables.items():
        made[name] = [_write_csv(folder / f"{name}.csv", rows(), force=force)]
    made["figure6"] = list(write_figure("figure6", figure6(), folder, force=force))
    made["figure7"] = list(write_figure("figure7", figure7(), folder, force=force))
    files = [(path.name, name) for name, paths in made.items() for path in paths]
    record = {
        "versions": _versions(),
        "files": [{"path": path, "command": f"sqnxt-tf reproduce {name}"} for path, name in files],
    }
    with whole_file(folder / RECORD, force=force) as part:
        part.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return record


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]], *, force: bool) -> Path:
    """Write rows as CSV; nested figures get a column each."""
    flat = [flat_row(row) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    with whole_file(path, force=force) as part:
        part.write_text(csv_text(flat, columns), encoding="utf-8")
    return path


def _versions() -> dict[str, str]:
    """Return the versions of the installed packages that the figures may depend on."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # of an extra that is not installed
            continue
    return found
