from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from sqnxt_export import ExportError
from sqnxt_tf import __version__
from sqnxt_tf.paper.parameters import reproduce_parameters
from sqnxt_tf.reports.reproduction import RECORD, reproduce_all


@pytest.mark.slow
def test_every_table_and_figure_is_written_with_its_command_and_the_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqnxt_tf.paper.table3.can_export", lambda: False)  # layer rows give the same figures at once
    folder = tmp_path / "paper"
    record = reproduce_all(folder)
    assert json.loads((folder / RECORD).read_text()) == record
    assert record["versions"]["sqnxt-tf"] == __version__
    named = {entry["path"]: entry["command"].rsplit(" ", 1)[1] for entry in record["files"]}
    assert {path.name for path in folder.iterdir()} == {*named, RECORD}
    assert set(named.values()) == {"table1", "table2", "table3", "figure6", "figure7"}
    assert all(path.startswith(name) for path, name in named.items())
    with (folder / "table2.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["model"] for row in rows] == [row.model for row in reproduce_parameters(2)]
    with pytest.raises(ExportError, match="exists already"):
        reproduce_all(folder)
