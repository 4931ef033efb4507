"""Offspring that are bred in processes of their own, several at a time.

A job is one offspring. Its process, `offspring_process.py`, reads the job from its stdin as JSON, and writes its
progress and then the finished member, or the fault, to its stdout, a JSON object a line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqnxt_base.json_text import parse_json_object
from sqnxt_base.limits import current_limits
from sqnxt_base.opening import remove_left_over
from sqnxt_base.watching import Watched, death_by
from sqnxt_tf.data.data_source import DataKind, DataSource
from sqnxt_tf.data.unreadable import LEFT_OUT, LOG
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.lineage import Member
from sqnxt_tf.options.training import EvolveOptions
from sqnxt_tf.progress import Progress
from sqnxt_tf.training.recipe import Recipe

if TYPE_CHECKING:
    from sqnxt_tf.workflows.breeding import Breeder, Place

_PROCESS = "sqnxt_tf.workflows.offspring_process"
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class OffspringJob:
    """One offspring to breed: founder, folder and options of its evolution, and its place in the lineage."""

    model: Path
    folder: Path
    options: EvolveOptions
    place: dict[str, int]
    name: str

    @classmethod
    def of(cls, breeder: Breeder, place: Place) -> OffspringJob:
        """Return the job of an offspring of an evolution."""
        options = replace(breeder.options, data=breeder.data, workers=1)
        name = place.name(options.offspring)
        return cls(model=breeder.path, folder=breeder.folder, options=options, place=asdict(place), name=name)

    def to_json(self) -> str:
        """Return the job as one line."""
        data = self.options.data
        assert data is not None
        options = {
            **asdict(self.options), "data": [data.name, data.kind], "accelerator": str(self.options.accelerator),
        }  # fmt: skip
        own = {"model": str(self.model), "folder": str(self.folder), "place": self.place, "name": self.name}
        return json.dumps({**own, "options": options})

    @classmethod
    def from_json(cls, text: str) -> OffspringJob:
        """Return the job of a line of `to_json`."""
        values = parse_json_object(text)
        options = values.pop("options")
        name, kind = options["data"]
        recipe = options["recipe"]
        options |= {"data": DataSource(name, DataKind(kind)), "recipe": recipe and Recipe(**recipe)}
        return cls(
            **{**values, "model": Path(values["model"]), "folder": Path(values["folder"])},
            options=EvolveOptions(**options),
        )


def run_jobs(jobs: Sequence[OffspringJob], workers: int, keep: Callable[[Member], None], progress: Progress) -> None:
    """Breed offspring in processes, `workers` at a time, and pass each to `keep` when it is finished.

    However this ends, none of the processes lives on, and none of their temporary files stays.

    Args:
        jobs: The offspring, all of one generation.
        workers: The most processes at a time.
        keep: Called with each finished member, in the order in which they are finished.
        progress: Called with the steps of all offspring together.

    Raises:
        SqnxtError: One of the offspring could not be bred, or its process was killed; finished ones are kept.
    """
    waiting, running, shown, steps = list(jobs), list[_Process](), set[str](), dict[str, tuple[int, int]]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(_Process(waiting.pop(0)))
            select.select([pipe for process in running for pipe in process.pipes], [], [], _POLL_SECONDS)
            for process in tuple(running):
                member = process.look()
                steps[process.job.name] = process.steps
                if member is not None:
                    keep(member)
                    running.remove(process)
                    _name_left_out(process.images_left_out(), shown)
                    process.end()
            _tell(steps, len(jobs), progress)
    finally:
        for process in running:
            process.end()


def _tell(steps: dict[str, tuple[int, int]], count: int, progress: Progress) -> None:
    """Report the steps of all offspring; those that have not begun will take as many as one that has."""
    most = max((total for _, total in steps.values()), default=0)
    if most:
        progress(f"training {count} offspring", sum(done for done, _ in steps.values()), most * count)


def _name_left_out(lines: Sequence[str], shown: set[str]) -> None:
    """Log each image that could not be read once: every process reads the same ones."""
    for line in lines:
        if line not in shown:
            shown.add(line)
            logging.getLogger(LOG).warning("%s", line)


class _Process:
    """The process of one job. `steps` are those of its training that are done, and all of them."""

    def __init__(self, job: OffspringJob) -> None:
        self.job, self.steps = job, (0, 0)
        self._log, self._unread = tempfile.TemporaryFile(), b""  # noqa: SIM115 - `end` closes it
        self._member: Member | None = None
        self._fault: SqnxtError | None = None
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _PROCESS, str(writing)], pass_fds=[writing], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=self._log, env=_environment(),
            )  # fmt: skip
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._events, self._watched = reading, Watched(self._process.pid, reading, current_limits())
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:  # its end is seen soon enough
            stdin.write(job.to_json().encode() + b"\n")

    @property
    def pipes(self) -> list[int]:
        """The pipes on which it has something to say."""
        assert self._process.stdout is not None
        return [self._events, self._process.stdout.fileno()]

    def look(self) -> Member | None:
        """Read what it has said, and return its member if it has finished.

        Raises:
            SqnxtError: It could not do its job, exceeded a limit while it opened a file, or was killed.
        """
        events, said = self.pipes
        ready = select.select([events, said], [], [], 0)[0]
        if events in ready and not self._watched.look():  # it has ended: what it has said last is still in the pipe
            self._process.wait()
            while self._hear():
                pass
            return self._result()
        if said in ready:
            self._hear()
        if fault := self._watched.fault():
            raise SqnxtError(self._watched.path, *fault)
        return None

    def end(self) -> None:
        """End the process, if it has not ended by itself, and remove its temporary files."""
        self._process.kill()
        self._process.wait()
        while self._watched.look():  # what it has made last
            pass
        remove_left_over(self._watched.left_over)
        os.close(self._events)
        self._log.close()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def images_left_out(self) -> list[str]:
        """Return the lines of its log about images that cannot be read."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        return [line for line in lines if line.startswith(LEFT_OUT)]

    def _hear(self) -> bool:
        """Read a part of what it has said; return False at the end."""
        received = os.read(self.pipes[1], 1 << 16)
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            said = parse_json_object(line)
            if "error" in said:
                self._fault = SqnxtError(*said["error"])
            elif "member" in said:
                self._member = Member(**said["member"])
            else:
                self.steps = said["done"], said["total"]
        return bool(received)

    def _result(self) -> Member:
        if self._fault is not None:
            raise self._fault
        if self._member is not None:
            return self._member
        code = self._process.returncode
        fault, remedy = death_by(-code) if code < 0 else (f"its process ended with exit code {code}", "")
        raise SqnxtError(self.job.name, fault, remedy or "run the same again without `workers` to see why")


def _environment() -> dict[str, str]:
    """Return the environment of a process, which finds modules where this one does, and shares a graphics card."""
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", **os.environ}
    return {**shared, "PYTHONPATH": os.pathsep.join(place for place in sys.path if place)}
