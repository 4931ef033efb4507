"""A run's folder: one run at a time, and no file without what was written to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sqnxt_base.opening import Event, tell_openings
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.run_folder import RunFolder

HOLD = """
import sys, time
from pathlib import Path
from sqnxt_tf.training.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).begun({"seed": 3}):
    print("begun", flush=True)
    time.sleep(600)
"""


def test_a_run_keeps_another_one_out_until_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path / "m.train")
    with subprocess.Popen([sys.executable, "-c", HOLD, folder.path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "begun\n"
        with monkeypatch.context() as patched:
            patched.setattr("sqnxt_tf.training.run_folder.PATIENCE_SECONDS", 0.2)
            with pytest.raises(SqnxtError, match="another run is using it; wait for it to end, or give another output"):
                folder.begun({"seed": 4}, force=True).__enter__()
        process.send_signal(signal.SIGKILL)
    assert folder.is_begun
    with folder.begun({"seed": 3}):
        folder.checkpoint.write_bytes(b"something")
    assert sorted(path.name for path in folder.path.iterdir()) == ["checkpoint.npz", "settings.json"]


@pytest.mark.parametrize("existed", [True, False])
def test_a_process_that_dies_before_the_first_checkpoint_leaves_no_run(tmp_path: Path, existed: bool) -> None:
    folder, events = RunFolder(tmp_path / "m.train"), list[tuple[Event, str]]()
    if existed:
        folder.path.mkdir()
    tell_openings(lambda event, path: events.append((event, path)))
    try:
        with folder.begun({"seed": 3}):
            place = str(folder.path / "settings.json" if existed else folder.path)
            assert events[-1] == (Event.MADE, place)
            folder.keep()
            assert events[-1] == (Event.REMOVED, place)
            del events[:]
            folder.checkpoint.write_bytes(b"something")
        with folder.begun({"seed": 3}):
            assert not {str(folder.path), str(folder.path / "settings.json")} & {path for _, path in events}
    finally:
        tell_openings(None)
    assert folder.is_begun


def test_a_disk_without_locks_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("fcntl.flock", fail)
    folder = RunFolder(tmp_path / "m.train")
    with folder.locked(), folder.locked():
        assert folder.path.is_dir()
    assert not folder.path.exists()


def test_what_is_renamed_is_on_the_disk_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    synchronize, rename = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        done.append("folder" if os.fstat(descriptor).st_mode & 0o040000 else "file")
        synchronize(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_rename)
    RunFolder(tmp_path / "m.train").begin({"seed": 3})
    assert done == ["file", "rename", "folder"]
