"""The state of a run on disk: settings, history and checkpoint, so that the same command resumes it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from sqnxt_base.csv_text import csv_text
from sqnxt_base.durable import cannot_be_written, replaced, synchronize_folder
from sqnxt_base.json_text import parse_json_object
from sqnxt_base.opening import removed_on_death
from sqnxt_base.user_files import read_bytes
from sqnxt_tf.errors import SqnxtError

History = list[dict[str, float]]
_LOCK = ".lock"
_LARGEST_SETTINGS = 16 << 20  # bytes; the names of a thousand classes take some 20,000
PATIENCE_SECONDS = 10.0  # for a killed process to be gone


class RunFolder:
    """The folder `model.train/` beside the output `model.keras`.

    All workers of a run use one folder: the chief writes it, and all of them resume from what it wrote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_new = False
        self._until_kept = ExitStack()

    def begin(self, settings: Mapping[str, Any], *, force: bool = False) -> None:
        """Start a run, or resume an unfinished one of the same settings; `force` removes any other run.

        Raises:
            SqnxtError: The folder holds an unfinished run of other settings.
        """
        wanted = json.loads(json.dumps(dict(settings)))
        stored = None if force and not self._is_unfinished(wanted) else self._read_settings()
        if stored is None:
            self.forget()
        if stored is not None and stored != wanted:
            changed = [
                f"{key} {stored.get(key)!r} -> {wanted.get(key)!r}"
                for key in sorted(stored.keys() | wanted.keys())
                if stored.get(key) != wanted.get(key)
            ]
            raise SqnxtError(
                self.path,
                f"holds an unfinished run of other settings ({', '.join(changed)})",
                "give the same settings to resume it, or pass `force=True` to start afresh",
            )
        self.path.mkdir(parents=True, exist_ok=True)
        with replaced(self.path / "settings.json") as part:
            part.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out while the block lasts; the system releases the lock of a killed process.

        Where the system has no locks, as on some network disks, the block runs without one.

        Raises:
            SqnxtError: Another run holds the folder.
        """
        self._is_new = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = self._lock()
        try:
            with removed_on_death(self.path / _LOCK):
                yield
        finally:
            with suppress(OSError):  # the file alone keeps nobody out
                (self.path / _LOCK).unlink(missing_ok=True)
            os.close(descriptor)
            with suppress(OSError):  # it is not empty
                self.path.rmdir()

    def _lock(self) -> int:
        """Take the lock, and return the descriptor of the open file that holds it."""
        path, deadline = self.path / _LOCK, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise cannot_be_written(self.path, error) from error
            if _take(descriptor) and _is_still(path, descriptor):
                return descriptor
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise SqnxtError(self.path, "another run is using it", "wait for it to end, or give another output")
            time.sleep(0.1)

    @property
    def checkpoint(self) -> Path:
        """Path of the checkpoint, which the chief writes and every worker reads."""
        return self.path / "checkpoint.npz"

    @property
    def is_begun(self) -> bool:
        """Whether the folder holds an unfinished run."""
        return (self.path / "settings.json").exists()

    def finish(self) -> None:
        """Mark the run as finished and remove its checkpoint; its history stays.

        Raises:
            SqnxtError: The folder cannot be written; the same run again finishes it.
        """
        finished = self.path / "finished.json"
        try:
            (self.path / "settings.json").replace(finished)
        except OSError as error:
            raise cannot_be_written(finished, error) from error
        synchronize_folder(self.path)  # else a power cut may take the checkpoint from a run that is not finished
        with suppress(OSError):  # the next run removes it
            self.checkpoint.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove what a run wrote, and nothing else in the folder."""
        for name in ("settings.json", "finished.json", "history.csv", "history.png", self.checkpoint.name):
            (self.path / name).unlink(missing_ok=True)
        self._remove_logs()

    @contextmanager
    def begun(self, settings: Mapping[str, Any], *, force: bool = False) -> Iterator[None]:
        """Lock the folder and begin the run in it; see `locked`, `begin` and `kept_once_begun`.

        Raises:
            SqnxtError: Another run holds the folder, or it holds an unfinished run of other settings.
        """
        with self.locked():
            self.begin(settings, force=force)
            with self.kept_once_begun():
                yield

    @contextmanager
    def kept_once_begun(self) -> Iterator[None]:
        """Remove the run if the block fails, or the process dies, before `keep`: there is nothing to resume."""
        try:
            with self._until_kept:
                if not self.checkpoint.exists():
                    place = self.path if self._is_new else self.path / "settings.json"
                    self._until_kept.enter_context(removed_on_death(place))
                yield
        except BaseException:
            if not self.checkpoint.exists():
                self.forget()
                with suppress(OSError):  # it holds something else
                    self.path.rmdir()
            raise

    def keep(self) -> None:
        """Let the run stay, however the process ends: its first checkpoint is about to be written."""
        self._until_kept.close()

    def _remove_logs(self) -> None:
        for log in (self.path / "tensorboard").glob("events.out.tfevents.*"):
            log.unlink(missing_ok=True)
        with suppress(OSError):  # it is not there, or holds something else
            (self.path / "tensorboard").rmdir()

    def _is_unfinished(self, wanted: Any) -> bool:
        try:
            return bool(self._read_settings() == wanted)
        except SqnxtError:
            return False

    def write_history(self, history: History) -> None:
        """Replace `history.csv`."""
        write_history(self.path / "history.csv", history)

    def _read_settings(self) -> dict[str, Any] | None:
        path = self.path / "settings.json"
        try:
            return parse_json_object(read_bytes(path, _LARGEST_SETTINGS))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise SqnxtError(path, f"is damaged ({error})", "pass `force=True` to start afresh") from None


def write_history(path: Path, history: History) -> None:
    """Write one row for each epoch as CSV; the file is replaced as a whole."""
    rows = [{key: int(value) if key == "epoch" else f"{value:.6g}" for key, value in row.items()} for row in history]
    with replaced(path) as part:
        part.write_text(csv_text(rows, list(history[0]) if history else ["epoch"]), encoding="utf-8")


def _take(descriptor: int) -> bool:
    """Lock a file; return whether it is locked now or the system has no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Tell whether an open file still has its name; another run may have removed it as it ended."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
