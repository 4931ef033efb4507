"""A run's state on disk: settings, history and checkpoints, so that the same command again goes on."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from sqnxt_tf.errors import SqnxtError

History = list[dict[str, float]]
_LOCK = ".lock"
PATIENCE_SECONDS = 10.0  # for a process that was killed to be gone


class RunFolder:
    """The folder `model.train/` beside the output `model.keras`.

    Workers of one run share the folder: the chief writes it, and all resume from what it wrote.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, settings: Mapping[str, Any], *, force: bool = False) -> None:
        """Start a run, or go on with an unfinished one of the same settings; `force` forgets any other that is there.

        Raises:
            SqnxtError: The folder holds a run of other settings.
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
                "give the same ones to go on, or --force to start afresh",
            )
        self.path.mkdir(parents=True, exist_ok=True)
        _replace(self.path / "settings.json", json.dumps(wanted, indent=2) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out while the block lasts; the system opens the lock of a process that was killed.

        Where it has no locks, as on some network disks, the block goes on without.

        Raises:
            SqnxtError: Another run holds the folder.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = self._lock()
        try:
            yield
        finally:
            (self.path / _LOCK).unlink(missing_ok=True)
            os.close(descriptor)
            with suppress(OSError):  # it holds something
                self.path.rmdir()

    def _lock(self) -> int:
        """The open file that holds the lock."""
        path, deadline = self.path / _LOCK, time.monotonic() + PATIENCE_SECONDS
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            if _take(descriptor) and _is_still(path, descriptor):
                return descriptor
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise SqnxtError(self.path, "another run is using it", "wait for it to end, or give another output")
            time.sleep(0.1)

    @property
    def checkpoint(self) -> Path:
        """The state of the run, which the chief writes and every worker reads."""
        return self.path / "checkpoint.npz"

    @property
    def is_begun(self) -> bool:
        """Whether a run that is not finished lies there."""
        return (self.path / "settings.json").exists()

    def finish(self) -> None:
        """Free the space that a finished run no longer needs; its history stays."""
        (self.path / "settings.json").replace(self.path / "finished.json")
        self.checkpoint.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove what a run wrote, and nothing else that may lie there."""
        for name in ("settings.json", "finished.json", "history.csv", "history.png", self.checkpoint.name):
            (self.path / name).unlink(missing_ok=True)
        self._remove_logs()

    @contextmanager
    def begun(self, settings: Mapping[str, Any], *, force: bool = False) -> Iterator[None]:
        """The folder to this run alone, begun as `begin` does, and nothing left of it if the block fails too early.

        Raises:
            SqnxtError: Another run holds the folder, or it holds a run of other settings.
        """
        with self.locked():
            self.begin(settings, force=force)
            with self.kept_once_begun():
                yield

    @contextmanager
    def kept_once_begun(self) -> Iterator[None]:
        """Leave nothing behind where the block fails before the first checkpoint: there is nothing to go on from."""
        try:
            yield
        except BaseException:
            if not self.checkpoint.exists():
                self.forget()
                with suppress(OSError):  # something else lies there
                    self.path.rmdir()
            raise

    def _remove_logs(self) -> None:
        for log in (self.path / "tensorboard").glob("events.out.tfevents.*"):
            log.unlink(missing_ok=True)
        with suppress(OSError):  # not there, or something else lies there
            (self.path / "tensorboard").rmdir()

    def _is_unfinished(self, wanted: Any) -> bool:
        try:
            return bool(self._read_settings() == wanted)
        except SqnxtError:
            return False

    def write_history(self, history: History) -> None:
        """Replace `history.csv`."""
        write_history(self.path / "history.csv", history)

    def _read_settings(self) -> Any:
        path = self.path / "settings.json"
        try:
            return json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise SqnxtError(path, f"is damaged ({error})", "use --force to start afresh") from None


def write_history(path: Path, history: History) -> None:
    """One row an epoch as CSV, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]) if history else ["epoch"])
    writer.writeheader()
    for row in history:
        writer.writerow({key: int(value) if key == "epoch" else f"{value:.6g}" for key, value in row.items()})
    _replace(path, text.getvalue())


def _take(descriptor: int) -> bool:
    """Whether a file could be locked, or the system has no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether an open file still has its name: the run before may have removed it as it ended."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            synchronized(file)
        part.replace(path)
        synchronize_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def synchronized(file: IO[Any]) -> None:
    """Have what was written to a file on the disk: a rename that outlives a power cut must not name an empty file."""
    file.flush()
    os.fsync(file.fileno())


def synchronize_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system knows how."""
    with suppress(OSError):  # some network disks do not
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
