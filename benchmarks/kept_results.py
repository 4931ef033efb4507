"""What the benchmarks of many hours share: documents and rows that are kept, so that the same command continues.

A step of a benchmark is a command of `sqnxt-tf`, or work of its own. Its document, JSON, stays in the work folder, and
a step that has one is not done again. A row of a table is written as soon as it is measured.
"""

import csv
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FAILED = 1
"""Exit code of a command whose answer is no, such as an export that loses too much; its document is kept."""


class Steps:
    """The command line with documents that are kept: a step that has one is not run again.

    Args:
        folder: Where documents and logs are kept, as `STEP.json` and `STEP.log`.
        until: The time of `time.monotonic` from which on no step begins.
    """

    def __init__(self, folder: Path, until: float = float("inf")) -> None:
        self.folder, self._until = folder, until

    def document(self, step: str, *arguments: object, made: Path | None = None) -> Any:
        """Return the JSON document of a command, or the line of its error as `{"refused": ...}`.

        Args:
            step: The name under which it is kept.
            arguments: The verb and its arguments.
            made: A file that the command writes, and that is removed if an earlier one was cut after it had done so.
        """

        def run() -> Any:
            if made is not None and made.exists():  # its document was not written down
                made.unlink()
            return document_of(*arguments, log=self.folder / f"{step}.log")

        return self.kept(step, run)

    def kept(self, step: str, work: Callable[[], Any]) -> Any:
        """Return the document of a step, whose work is done unless the document is there.

        Raises:
            SystemExit: The time is up.
        """
        path = self.folder / f"{step}.json"
        if path.exists():
            return json.loads(path.read_text("utf-8"))
        if time.monotonic() > self._until:
            raise SystemExit("the time is up; the same command goes on")
        self.folder.mkdir(parents=True, exist_ok=True)
        return written(path, work())


def document_of(*arguments: object, log: Path | None = None) -> Any:
    """Run a command of `sqnxt-tf`, and return its JSON document, or the line of its error as `{"refused": ...}`.

    Args:
        arguments: The verb and its arguments.
        log: A file for what the command tells; this process's stderr if None.

    Raises:
        SystemExit: The command failed; the message is the last line that it told.
    """
    command = [sys.executable, "-m", "sqnxt_tf.cli", *map(str, arguments), "--json"]
    if log is None:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as told:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=told, text=True, check=False)
    last = log.read_text().strip().rpartition("\n")[2]
    if done.returncode not in (0, FAILED):
        raise SystemExit(last)
    return json.loads(done.stdout) if done.stdout else {"refused": last}


def is_cut(model: Path) -> bool:
    """Tell whether the training of a model has begun and not ended: the same command resumes it."""
    return (model.with_suffix(".train") / "settings.json").exists()


def is_trained(model: Path) -> bool:
    """Tell whether a model is there, and not one of an earlier run whose place a run that was cut will take."""
    return model.exists() and not is_cut(model)


def written(path: Path, document: Any) -> Any:
    """Write a document whole or not at all, and return it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(document), "utf-8")
    part.replace(path)
    return document


def check_settings(path: Path, settings: Mapping[str, Any], folder: str = "FOLDER") -> None:
    """Keep the settings that a folder of results is begun with, and refuse others.

    Raises:
        SystemExit: The folder was begun with other settings.
    """
    if path.exists() and json.loads(path.read_text("utf-8")) != settings:
        raise SystemExit(f"{path}: {folder} was begun with other settings; give the same, or another {folder}")
    path.parent.mkdir(parents=True, exist_ok=True)
    written(path, settings)


def read_rows(table: Path) -> list[dict[str, str]]:
    """Return the rows of a table; none where there is no table yet."""
    if not table.exists():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append_rows(table: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows to a table at once: what was measured is not lost."""
    begun = table.exists()
    with table.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        if not begun:
            writer.writeheader()
        writer.writerows(rows)


def write_rows(table: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table anew from results that are kept elsewhere."""
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def interval_columns(document: Mapping[str, Any], names: Sequence[str], digits: int | None = 4) -> dict[str, float]:
    """Return the top-1 of a document of `evaluate` or of the `test` of `train`, and the ends of its 95 % interval.

    Args:
        document: It has `top1` and `top1_interval`.
        names: The columns of top-1, of the lower and of the upper end.
        digits: Digits behind the point; all if None.
    """
    figures = document["top1"], *document["top1_interval"]
    return {
        name: figure if digits is None else round(figure, digits) for name, figure in zip(names, figures, strict=True)
    }


def training_seconds(document: Mapping[str, Any]) -> int:
    """Return the seconds that all epochs of a document of `train` took."""
    return round(sum(row["seconds"] for row in document["history"]))


def machine_columns() -> dict[str, Any]:
    """Return the columns that say on which machine a row was measured."""
    return {"cores": os.cpu_count(), "machine": f"{platform.machine()} {platform.system()}"}


def tell(task: str, done: int, total: int, **figures: Any) -> None:
    """Report progress on stderr, every fifty steps."""
    if done % 50 == 0 or done == total:
        print(task, f"{done}/{total}", {name: round(value, 4) for name, value in figures.items()}, file=sys.stderr)


def told_row(row: Mapping[str, Any]) -> None:
    """Print a row as it was measured."""
    print(*(f"{key}={value}" for key, value in row.items()), flush=True)
