"""The sweep of faults over one scenario: every call of each kind fails in turn, and what is left is judged."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EINTR
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from helpers.fault_scenarios import Scenario, contents
from helpers.faulty_files import FAULTS, SHORT, Call, Fault, Faults
from helpers.power_cuts import Disk, read_calls, write_state

Snapshot = Mapping[str, Any]
_MOST_CUTS = 60  # moments at which the power is cut; of more calls, so many are tried
_OF_TENSORFLOW = ("tmp/__autograph_generated_file*",)  # it removes them when the process ends


@dataclass(frozen=True)
class Ending:
    """How an act ended: the exit code of the command line, and what it printed."""

    code: int
    out: str
    err: str


class Sweep:
    """A folder in which a scenario acts again and again, each time from the same beginning."""

    def __init__(self, scenario: Scenario, place: Path) -> None:
        self.scenario, self.place = scenario, place
        self.root, self.template = place / "root", place / "template"
        self.faults = Faults(self.root, place / "calls")
        with self._in(self.template):
            (self.template / "tmp").mkdir()
            scenario.prepare()
        self.before = self._snapshot(self.template)
        self._begin_anew()
        self._judge_clean(self.act(), "without faults")
        self.after = self._snapshot(self.root)
        self._begin_anew()
        with self.faults.counted() as self.calls:
            self._judge_clean(self.act(), "while calls are counted")

    def run(self, most: int) -> tuple[int, list[str]]:
        """Let at most that many calls fail for each kind of fault; return how many failed, and what went wrong."""
        count, wrong = 0, []
        for fault in FAULTS:
            if self.scenario.calls and fault.call not in self.scenario.calls:
                continue
            for at in _spread(self.calls[fault.call], min(most, self.scenario.at_most)):
                self._begin_anew()
                with self.faults.failing(fault, at) as hits:
                    ending = self.act()
                if not hits[0]:  # threads read in any order
                    continue
                count += 1
                wrong += [f"{fault}, call {at}: {what}" for what in self._judge(ending, fault)]
        return count, wrong

    def cut(self, most_runs: int) -> tuple[int, list[str]]:
        """Cut the power at every moment; return how many states of the disk were judged, and what was wrong with them.

        After at most so many of them, the scenario acts again.
        """
        self._begin_anew()
        with self.faults.recorded():
            self._judge_clean(self.act(), "while calls are recorded")
        calls = read_calls(self.place / "calls")
        disk, states, wrong = Disk(self.root, self.template), [], []
        for number, call in enumerate(calls):
            disk.replay(call)
            if number % (1 + len(calls) // _MOST_CUTS) == 0 or call is calls[-1]:
                states += [(f"cut after {call.operation} {Path(call.path).name}", state) for state in disk.states()]
        again = {place - 1 for place in _spread(len(states), most_runs)}
        for place, (when, state) in enumerate(states):
            self._begin_with(state)
            wrong += [f"{when}: {what}" for what in self._judge_left(self._snapshot(self.root), excused=True)]
            if place in again:
                wrong += [f"{when}: {what}" for what in self._judge_next_run(excused=True)]
        return len(states), wrong

    def act(self) -> Ending:
        """Act as the process of a verb does."""
        act = self.scenario.act
        with self._in(self.root), (self.place / "out").open("w+") as out, (self.place / "err").open("w+") as err:
            with _redirected(out.fileno(), err.fileno()):
                code = _run(list(act)) if not callable(act) else _call(act)
            out.seek(0)
            err.seek(0)
            return Ending(code, out.read(), err.read())

    def _judge(self, ending: Ending, fault: Fault) -> Iterator[str]:
        """Yield what is wrong after a fault."""
        left = self._snapshot(self.root)
        excused = fault.call is Call.UNLINK  # what cannot be removed stays
        if ending.code == 0 and (said := self.scenario.leaves_out) and said in ending.out + ending.err:
            return
        if ending.code == 0:
            yield from self._differences(left, excused=excused)
            return
        if fault.error in (EINTR, SHORT):
            yield f"is no reason to fail: {ending.err.strip()}"
        else:
            yield from self._judge_line(ending)
            yield from self._judge_left(left, excused=excused)
        yield from self._judge_next_run(excused=excused)

    def _judge_next_run(self, *, excused: bool) -> Iterator[str]:
        finished = not list(self._differences(self._snapshot(self.root), excused=excused))
        again = self.act()
        if finished and "is not empty" in again.err:  # work that is done is not begun again without --force
            return
        if again.code:
            yield f"the next run ends in exit code {again.code}: {again.err.strip()}"
        else:
            found = self._differences(self._snapshot(self.root), excused=excused)
            yield from (f"after the next run: {what}" for what in found)

    def _judge_line(self, ending: Ending) -> Iterator[str]:
        *progress, line = ending.err.splitlines() or [""]
        if ending.code != 2 or not line.startswith("error: ") or any(one.startswith("error: ") for one in progress):
            yield f"exit code {ending.code} and {ending.err!r}"
            return
        named, _, rest = line.removeprefix("error: ").partition(": ")
        known = {Path(name).name for name in (*self.before, *self.after)} - {"tmp"}
        if named.startswith("temporary folder "):
            known |= {"tmp"}
        if "unexpected" in line or "Traceback" in ending.err or not rest.partition("; ")[2]:
            yield f"no fault and remedy in {line!r}"
        elif not any(known & set(Path(part).parts) and not _is_hidden(part) for part in named.split()):
            yield f"names {named!r}, which is no file of the user's: {line!r}"

    def _judge_left(self, left: Snapshot, *, excused: bool) -> Iterator[str]:
        """Yield what is lost, half-written or left over."""
        for name, was in self.before.items():
            may_be = [was, self.after.get(name)]
            if left.get(name) not in may_be and not self._is_resumed(name):
                yield f"{name} is lost" if name not in left else f"{name} is neither the old nor the new one"
        for name, found in left.items():
            is_known = name in self.before or found == self.after.get(name, "nothing") or self._is_resumed(name)
            if not is_known and not (excused and _is_hidden(name)):
                yield f"{name} is left over"

    def _differences(self, left: Snapshot, *, excused: bool) -> Iterator[str]:
        """Yield the differences from what a run without faults leaves; what could not be removed may be excused."""
        for name in sorted({*left, *self.after}):
            if left.get(name) == self.after.get(name):
                continue
            if name in left and name in self.after:
                yield f"{name} is another one"
            elif name in self.after:
                yield f"{name} is missing"
            elif not (excused and (_is_hidden(name) or self._is_resumed(name))):
                yield f"{name} is left over"

    def _is_resumed(self, name: str) -> bool:
        return not _is_hidden(name) and any(fnmatch(name, pattern) for pattern in self.scenario.resumes)

    def _judge_clean(self, ending: Ending, when: str) -> None:
        if ending.code:
            raise RuntimeError(f"exit code {ending.code} {when}: {ending.err}")

    def _snapshot(self, folder: Path) -> Snapshot:
        """Return the contents of every file, and the names of folders."""
        found: dict[str, Any] = {}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if any(fnmatch(name, pattern) for pattern in (*_OF_TENSORFLOW, *self.scenario.ignored)):
                continue
            volatile = any(fnmatch(name, pattern) for pattern in self.scenario.volatile)
            found[name] = "a folder" if path.is_dir() else "a file" if volatile else contents(path)
        return found

    def _begin_anew(self) -> None:
        os.chdir(self.place)
        kept = {path: path.read_bytes() for name in _OF_TENSORFLOW for path in self.root.glob(name)}
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.template, self.root)
        for path, data in kept.items():  # this process reads them again
            path.write_bytes(data)

    def _begin_with(self, state: dict[str, bytes | None]) -> None:
        os.chdir(self.place)
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        write_state(state)
        for path in self.template.rglob("*"):  # `data pack` knows its images by their time
            twin = self.root / path.relative_to(self.template)
            if path.is_file() and twin.is_file() and twin.read_bytes() == path.read_bytes():
                shutil.copystat(path, twin)
        (self.root / "tmp").mkdir(exist_ok=True)

    @contextmanager
    def _in(self, folder: Path) -> Iterator[None]:
        folder.mkdir(exist_ok=True)
        os.chdir(folder)
        os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
        yield


def _is_hidden(name: str) -> bool:
    """Tell whether a name is one of a temporary file or folder."""
    return any(part.startswith(".") or part.endswith(".part") for part in name.split("/")) or name.startswith("tmp/")


def _spread(count: int, most: int) -> list[int]:
    """Return at most so many numbers from 1 to `count`, the first and the last among them, or the one in the middle."""
    if count <= most:
        return list(range(1, count + 1))
    if most == 1:
        return [1 + count // 2]
    return sorted({round(1 + place * (count - 1) / (most - 1)) for place in range(most)})


def _run(arguments: list[str]) -> int:
    """Run the command line in this process, and return its exit code."""
    from sqnxt_tf.cli.main import run

    try:
        run(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2


def _call(act: Any) -> int:
    """Call a function as the command line would, and return the exit code; its errors are printed as one line."""
    import click

    from sqnxt_tf.cli import main
    from sqnxt_tf.errors import SqnxtError

    command = click.Command("act", callback=act)
    try:
        command.main([], standalone_mode=False)
    except OSError as error:
        sys.stderr.write(f"error: {main._describe_os_error(error)}\n")
        return 2
    except SqnxtError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    except Exception as error:
        sys.stderr.write(f"error: unexpected {error!r}\n")
        return 2
    return 0


@contextmanager
def _redirected(out: int, err: int) -> Iterator[None]:
    """Send what this process prints to files."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    os.dup2(out, 1)
    os.dup2(err, 2)
    try:
        yield
    finally:
        for stream, descriptor, place in ((sys.stdout, kept[0], 1), (sys.stderr, kept[1], 2)):
            with suppress(OSError):
                stream.flush()
            os.dup2(descriptor, place)
            os.close(descriptor)
