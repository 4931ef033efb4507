"""A trial of a file from anyone in a process of its own, for Python code that is about to open it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sqnxt_base.limits import current_limits, opening_limits
from sqnxt_base.opening import remove_left_over
from sqnxt_base.watching import Watched, death_by
from sqnxt_export.artifact.files import existing_file
from sqnxt_export.artifact.saved_model_file import is_saved_model
from sqnxt_export.errors import ExportError

_CHILD = "sqnxt_export.runtimes.trial_child"


def try_model(path: str | os.PathLike[str], *, memory_bytes: int | None = None, seconds: float | None = None) -> None:
    """Open a model, an .onnx or a .tflite file in a process of its own, and run it once on seeded noise.

    `open_model` runs native code in this process, which a hostile file may end, or keep busy for ever. A file that has
    passed the trial does neither when it is opened. The trial takes as long as a new Python needs to import the
    runtime: a quarter of a second for artifacts, some seconds for models.

    Args:
        path: The file; it may come from anyone.
        memory_bytes: The most memory of the process, watched on Linux only; half of the machine's if None.
        seconds: The longest time for opening it, and again for its first run; a minute if None.

    Raises:
        ExportError: The file is refused, has ended its process, or has exceeded a limit.
    """
    path = Path(path) if is_saved_model(Path(path)) else existing_file(path)
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), opening_limits(memory_bytes=memory_bytes, seconds=seconds):
        try:
            process = _started(path, writing)
        finally:
            os.close(writing)
        with process:
            error = _watched(path, process, Watched(process.pid, reading, current_limits()))
    if error is not None:
        raise error


def _started(path: Path, pipe: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", _CHILD, str(path), str(pipe)],
        pass_fds=[pipe],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(place for place in sys.path if place)},
    )


def _watched(path: Path, process: subprocess.Popen[bytes], watched: Watched) -> ExportError | None:
    """Wait for the end of the process, and return what it tells about the file."""
    try:
        while watched.look():
            if fault := watched.fault():
                told, remedy = fault
                remedy = remedy.replace("`memory`", "`memory_bytes`").replace("`timeout`", "`seconds`")
                return ExportError(path, told, remedy)
    finally:
        process.kill()  # it has ended by itself unless a limit or an interrupt ends it
        said, _ = process.communicate()
        remove_left_over(watched.left_over)
    if process.returncode < 0:
        return ExportError(path, *death_by(-process.returncode))
    if not process.returncode:
        return None
    found = json.loads(said) if said else (path, "cannot be tried", f"run `python -m {_CHILD}` to see why")
    return ExportError(*found)
