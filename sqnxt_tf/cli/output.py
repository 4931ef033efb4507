"""What a verb prints, and where: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

import click

from sqnxt_base.csv_text import csv_text
from sqnxt_base.flat_rows import flat_row
from sqnxt_base.printable_text import joined_lines, printable, printable_lines
from sqnxt_tf.cli import interruption, terminal
from sqnxt_tf.cli.indented_json import indented_json
from sqnxt_tf.cli.messages import as_options, translated
from sqnxt_tf.errors import SqnxtError

if TYPE_CHECKING:
    from sqnxt_tf.reports.tables import Table

_PLAIN_LINE_SECONDS = 5.0  # between two lines of progress, where stderr is not a terminal


class Output:
    """Printer of tables and lines for a person, or of one JSON document for a program.

    Progress is a bar on a terminal, and plain lines elsewhere. Errors of the libraries that pass through it name the
    options of the running command instead of parameters.

    Args:
        as_json: Print the document, and no table or line.
        quiet: Print no progress and no notes.
        verbose: Show what the libraries log.
        wide: Print tables in full, even where they are wider than the terminal.
        command: The command whose options errors name; the running one if not given.
        loads_tensorflow: Whether the verb may load TensorFlow, whose Python code has log lines too.
    """

    def __init__(
        self,
        *,
        as_json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        wide: bool = False,
        command: click.Command | None = None,
        loads_tensorflow: bool = True,
    ) -> None:
        context = click.get_current_context(silent=True)
        self.as_json, self.quiet, self.wide = as_json, quiet, wide
        self._command = command or (context.command if context else None)
        self.exit_code, self.faults = 0, 0
        self._bar: Any = None
        self._task: Any = None
        self._task_name = ""
        self._last_line = 0.0
        self._began, self._begun_with = 0.0, 0
        self._verbose, self._loads_tensorflow = verbose, loads_tensorflow
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        if not self._verbose:
            self._resources.enter_context(libraries_silenced(loggers=self._loads_tensorflow))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_bar()
        self._resources.close()
        if isinstance(error, SqnxtError):
            as_options(error, self._command)

    def document(self, value: Any) -> None:
        """Print the JSON document; do nothing for a person."""
        if self.as_json:
            _print_result(indented_json(value))

    def table(self, table: Table) -> None:
        """Print a table, as wide as it is or as the terminal is; do nothing for a program."""
        if self.as_json:
            return
        self._stop_bar()
        for line in table.to_lines(None if self.wide else terminal.width(), styled=terminal.is_styled()):
            _print_result(line)

    def csv(self, rows: Sequence[Mapping[str, Any]], *, like: Mapping[str, Any] | None = None) -> None:
        """Print rows as CSV; nested figures get a column each, as in `energy_by_part.dram`.

        Args:
            rows: One dictionary a row.
            like: A row with all columns, for the header where `rows` is empty.
        """
        flat = [flat_row(row) for row in rows]
        columns = list(dict.fromkeys(name for row in flat or [flat_row(like or {})] for name in row))
        _print_result(csv_text(flat, columns).rstrip("\n"))

    def text(self, line: str = "") -> None:
        """Print a line of the result, folded between words on a terminal; do nothing for a program."""
        if not self.as_json:
            self._stop_bar()
            for part in terminal.folded(printable(line), None if self.wide else terminal.width()):
                _print_result(part)

    def file(self, text: str) -> None:
        """Print a file, whose lines stay as they are; do nothing for a program."""
        if not self.as_json:
            self._stop_bar()
            _print_result(printable_lines(text.rstrip("\n")))

    def note(self, line: str) -> None:
        """Print a line that is not part of the result, on stderr; it names options as errors do."""
        if not self.quiet:
            self._stop_bar()
            click.echo(printable(translated(line, self._command) if self._command else line), err=True)

    def fault(self, error: Exception) -> None:
        """Print the error of one of several things; the verb continues with the others and ends with exit code 2."""
        self._stop_bar()
        if isinstance(error, SqnxtError):
            as_options(error, self._command)
        click.echo(f"error: {joined_lines(str(error))}", err=True)
        self.exit_code = 2
        self.faults += 1

    def progress(self, task: str, done: int, total: int, **figures: float) -> None:
        """Show how far the work is (see `sqnxt_tf.progress.Progress`).

        Raises:
            KeyboardInterrupt: An interrupt that was lost before.
        """
        interruption.check()
        if self.quiet:
            return
        task = printable(task)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        if sys.stderr.isatty():
            self._advance_bar(task, done, total, shown)
        else:
            self._print_line(task, done, total, shown)

    def _print_line(self, task: str, done: int, total: int, shown: str) -> None:
        """Print a line every few seconds, with the time that is left; quick work prints none."""
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
            TextColumn("{task.description}", markup=False),  # names of files may look like rich's own markup
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


def _print_result(line: str) -> None:
    """Print a line on stdout; where the reader has left, as `| head` does, end as if all had been read."""
    try:
        click.echo(line)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _lines_to(descriptor: int) -> TextIO:
    return open(descriptor, "w", buffering=1, errors="backslashreplace")


def _silence_loggers() -> None:
    """Keep the log lines of Python code in libraries off the terminal."""
    import logging
    import warnings

    warnings.filterwarnings("ignore", module=r"PIL\.")  # of images that are read all the same
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextmanager
def libraries_silenced(*, loggers: bool = True) -> Iterator[None]:
    """Keep the log lines of C++ code off the terminal, while Python's stderr still reaches it.

    TensorFlow, XLA and LiteRT write to file descriptor 2, and no setting of theirs stops all of it. Failures arrive as
    exceptions, so that a user misses nothing; `--verbose` shows the log lines too.

    Args:
        loggers: Silence the Python code of libraries too, which costs a hundredth of a short command.
    """
    if loggers:
        _silence_loggers()
    sys.stderr.flush()
    python_stderr, descriptor = sys.stderr, os.dup(2)
    with Path(os.devnull).open("w") as nowhere, _lines_to(descriptor) as stream:
        os.dup2(nowhere.fileno(), 2)
        sys.stderr = stream
        try:
            yield
        finally:
            stream.flush()
            os.dup2(descriptor, 2)
            sys.stderr = python_stderr
