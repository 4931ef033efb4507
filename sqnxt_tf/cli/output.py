"""What a verb says, and where: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from sqnxt_tf.cli import interruption

if TYPE_CHECKING:
    from sqnxt_tf.reports.tables import Table

_PLAIN_LINE_SECONDS = 5.0  # off a terminal, progress is a line every so often


class Output:
    """Prints for a person, or one JSON document; a progress bar on a terminal, plain lines off it."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, verbose: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet
        self.exit_code = 0
        self._bar: Any = None
        self._task: Any = None
        self._task_name = ""
        self._last_line = 0.0
        self._began, self._begun_with = 0.0, 0
        self._verbose = verbose
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        if not self._verbose:
            self._resources.enter_context(libraries_silenced())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_bar()
        self._resources.close()

    def document(self, value: Any) -> None:
        """The JSON document; does nothing for a person."""
        if self.as_json:
            _say(json.dumps(value, indent=2, allow_nan=False))

    def table(self, table: Table) -> None:
        """A table; does nothing for a program."""
        if self.as_json:
            return
        self._stop_bar()
        for line in table.to_lines():
            _say(line)

    def csv(self, rows: Sequence[Mapping[str, Any]], *, like: Mapping[str, Any] | None = None) -> None:
        """Rows as CSV on stdout; nested figures get a column each, as in `energy_by_part.dram`.

        `like` is a row that has the columns, for when there may be none.
        """
        flat = [_flat(row) for row in rows]
        columns = list(dict.fromkeys(name for row in flat or [_flat(like or {})] for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        _say(text.getvalue().rstrip("\n"))

    def text(self, line: str = "") -> None:
        """A line of the result; does nothing for a program."""
        if not self.as_json:
            self._stop_bar()
            _say(line)

    def note(self, line: str) -> None:
        """A line beside the result, on stderr."""
        if not self.quiet:
            self._stop_bar()
            click.echo(line, err=True)

    def fault(self, error: Exception) -> None:
        """What could not be done of several things; the others go on, and `exit_code` tells."""
        self._stop_bar()
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        self.exit_code = 2

    def progress(self, task: str, done: int, total: int, **figures: float) -> None:
        """Show how far the work is (see `sqnxt_tf.progress.Progress`)."""
        interruption.check()
        if self.quiet:
            return
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if sys.stderr.isatty():
            self._advance_bar(task, done, total, shown)
        else:
            self._print_line(task, done, total, shown)

    def _print_line(self, task: str, done: int, total: int, shown: str) -> None:
        """A line every few seconds, with the time that is left; quick work stays silent."""
        now = time.monotonic()
        if task != self._task_name:
            self._task_name, self._last_line, self._began, self._begun_with = task, now, now, done
        if now - self._last_line > (_PLAIN_LINE_SECONDS if done < total else 1):
            self._last_line = now
            click.echo(f"{task} {done}/{total}{self._left(done, total, now)}  {shown}".rstrip(), err=True)

    def _left(self, done: int, total: int, now: float) -> str:
        if not self._begun_with < done < total:
            return ""
        seconds = round((now - self._began) / (done - self._begun_with) * (total - done))
        return f"  {seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d} left"

    def _advance_bar(self, task: str, done: int, total: int, shown: str) -> None:
        if self._bar is None or task != self._task_name:
            self._stop_bar()
            self._start_bar(task, total)
        self._bar.update(self._task, completed=done, total=total, figures=shown)

    def _start_bar(self, task: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[figures]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(task, total=total, figures="")
        self._task_name = task
        self._bar.start()

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries and lists as one dictionary, keys and places joined by dots; None becomes an empty cell."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat |= _flat({str(place): item for place, item in enumerate(value)}, f"{prefix}{name}.")
        elif value is not None:
            flat[prefix + name] = value
    return flat


def _say(line: str) -> None:
    """A line on stdout; where nobody reads on, as behind `| head`, the process ends as if all had been read."""
    try:
        click.echo(line)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


@contextmanager
def libraries_silenced() -> Iterator[None]:
    """Keep what C++ code logs off the terminal, while Python's stderr still reaches it.

    TensorFlow, XLA and LiteRT write to file descriptor 2 and have no switch that stops all of it. Failures come as
    exceptions, so nothing is lost that a user needs; `--verbose` shows the rest.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.stderr.flush()
    python_stderr, terminal = sys.stderr, os.dup(2)
    with Path(os.devnull).open("w") as nowhere, open(terminal, "w", buffering=1) as stream:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
        sys.stderr = stream
        try:
            yield
        finally:
            stream.flush()
            os.dup2(terminal, 2)
            sys.stderr = python_stderr
