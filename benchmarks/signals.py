"""Signals at random moments of the long verbs: how each ended, when, and what it left behind.

    PYTHONPATH=tests python benchmarks/signals.py [--count 25] [--verb VERB ...] [--output benchmarks/signals.csv]

Every verb gets COUNT SIGINTs and COUNT SIGTERMs, each at a moment between its first tenth of a second, in which Python
itself starts, and its end. A row is written as
soon as its verb has ended; the same command again goes on where an earlier one was stopped. Linux only.
"""

import argparse
import csv
import random
import shutil
import signal
import tempfile
from collections import Counter
from pathlib import Path

from helpers.interrupted_verbs import VERBS, End, interrupt, seconds_of, write_inputs

HERE = Path(__file__).parent
COLUMNS = ("verb", "signal", "moment_seconds", "exit_code", "seconds_to_end", "leftovers")
SIGNALS = ("SIGINT", "SIGTERM")
ANSWER_SECONDS = 2


def main(verbs: list[str], count: int, path: Path) -> None:
    """Send the signals that are not yet in the table."""
    sent = Counter((row["verb"], row["signal"]) for row in rows(path))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "given").mkdir()
        given = write_inputs(place / "given")
        for verb in verbs:
            due = [(name, turn) for turn in range(count) for name in SIGNALS if turn >= sent[verb, name]]
            if not due:
                continue
            length = seconds_of(verb, place / f"whole {verb}", given)
            print(f"{verb}: {length:.1f} s", flush=True)
            for name, turn in due:
                moment = random.Random(f"{verb} {name} {turn}").uniform(0.1, length)
                end = interrupt(verb, signal.Signals[name], moment, place / "run", given)
                shutil.rmtree(place / "run")
                write(path, verb, name, moment, end)


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of the table; none if there is no table yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, verb: str, name: str, moment: float, end: End) -> None:
    """Add a row to the table, and show what is not as promised."""
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        if is_new:
            table.writerow(COLUMNS)
        table.writerow([verb, name, f"{moment:.3f}", end.code, f"{end.seconds:.3f}", "; ".join(end.left)])
    answered = end.code <= 0 or (end.code in (130, 143) and end.seconds < ANSWER_SECONDS)
    if end.left or not answered or "unexpected" in end.said:
        print(f"{verb} {name} at {moment:.3f} s: {end}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=25)
    parser.add_argument("--verb", action="append", choices=list(VERBS))
    parser.add_argument("--output", type=Path, default=HERE / "signals.csv")
    arguments = parser.parse_args()
    main(arguments.verb or list(VERBS), arguments.count, arguments.output)
