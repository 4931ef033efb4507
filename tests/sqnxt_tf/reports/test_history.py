from __future__ import annotations

from pathlib import Path

import pytest

from sqnxt_export import ExportError
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.history import draw_history

ROW = {"rate": 0.1, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.5, "val_accuracy": 0.25, "seconds": 1.0}


def test_a_history_is_drawn_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "history.png"
    draw_history([{"epoch": 1, **ROW}, {"epoch": 2, **ROW}], path, title="digits")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ExportError, match="exists already"):
        draw_history([{"epoch": 1, **ROW}], path)
    with pytest.raises(SqnxtError, match="no epoch was trained"):
        draw_history([], tmp_path / "none.png")
    assert [entry.name for entry in tmp_path.iterdir()] == ["history.png"]
