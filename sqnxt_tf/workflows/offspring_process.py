"""The process that breeds one offspring; `offspring_jobs.py` starts it and has the protocol.

`python -m sqnxt_tf.workflows.offspring_process PIPE` reads the job from its stdin. PIPE is the number of the pipe on
which it tells which files it opens.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict
from typing import Any, TextIO

from sqnxt_base.watching import end_with_parent, tell_watcher
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.lineage import read_lineage
from sqnxt_tf.workflows.breeding import Breeder, Place
from sqnxt_tf.workflows.offspring_jobs import OffspringJob

_REPORT_SECONDS = 0.5  # between two reports of progress


def main() -> None:
    """Breed the offspring of the job on stdin, and write what comes of it to stdout."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: the parent ends this process
    tell_watcher(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        _write(answers, member=asdict(_bred(OffspringJob.from_json(sys.stdin.readline()), answers)))
    except SqnxtError as error:
        _write(answers, error=[error.object, error.fault, error.remedy])


def _bred(job: OffspringJob, answers: TextIO) -> Any:
    told = 0.0

    def progress(task: str, done: int, total: int, **figures: float) -> None:
        nonlocal told
        if task == f"training {job.name}" and (done == total or time.monotonic() - told > _REPORT_SECONDS):
            told = time.monotonic()
            _write(answers, done=done, total=total)

    lineage = read_lineage(job.folder)
    if lineage is None:
        raise SqnxtError(job.folder, "holds no lineage any more", "run the same again")
    return Breeder.of(job.model, job.folder, job.options, progress).breed(lineage, Place(**job.place))


def _write(answers: TextIO, **values: Any) -> None:
    answers.write(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
