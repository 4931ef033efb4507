"""Folders that verbs write to are created with all that lead to them, or refused before any work is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.output_folder import check_output_folder
from sqnxt_tf.paper.figures import figure6
from sqnxt_tf.reports.figures import write_figure


def test_a_folder_in_folders_that_do_not_exist_can_be_created(tmp_path: Path) -> None:
    check_output_folder(tmp_path / "a" / "b" / "c", force=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "fault"),
    [("note", "is a file"), ("note/deep/folder", "note is a file"), ("full", "is not empty")],
)
def test_what_cannot_be_written_to_is_refused(tmp_path: Path, folder: str, fault: str) -> None:
    (tmp_path / "note").write_text("a file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    with pytest.raises(SqnxtError, match=fault):
        check_output_folder(tmp_path / folder, force=False)


def test_a_figure_creates_its_folders(tmp_path: Path) -> None:
    paths = write_figure("figure6", figure6(), tmp_path / "new" / "deep")
    assert all(path.is_file() for path in paths)
