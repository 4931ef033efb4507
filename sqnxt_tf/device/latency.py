"""How long an artifact takes for one image on this machine."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Times of single-image runs, in milliseconds, float64 [runs]."""

    path: Path
    runtime: str
    threads: int
    warmup: int
    milliseconds: NDArray[np.float64]

    @property
    def p50_ms(self) -> float:
        """The median."""
        return float(np.percentile(self.milliseconds, 50))

    def to_json(self) -> dict[str, Any]:
        """Figures of the `benchmark` document."""
        p50, p90, p99 = (float(value) for value in np.percentile(self.milliseconds, [50, 90, 99]))
        return {
            "path": str(self.path),
            "runtime": self.runtime,
            "threads": self.threads,
            "latency_ms": {"p50": p50, "p90": p90, "p99": p99, "mean": float(self.milliseconds.mean())},
            "warmup": self.warmup,
            "runs": len(self.milliseconds),
        }


def measure_latency(
    paths: Sequence[str | Path], *, threads: int = 1, warmup: int = 5, runs: int = 100, progress: Progress = silent
) -> tuple[Latency, ...]:
    """Time one image at a time, the files taking turns, so that a machine whose speed drifts slows all of them alike.

    Turns are in a new order each round, and begin with a run that is not timed: no file pays for the caches that
    another one left behind.

    Raises:
        ExportError: a file cannot be read, or its runtime is not installed.
    """
    from sqnxt_export import open_model

    runners = [open_model(path, threads=threads) for path in paths]
    images = [runner.noise(1) for runner in runners]
    times = np.zeros((len(runners), warmup + runs))
    random = np.random.default_rng(0)
    for run in range(warmup + runs):
        for index in random.permutation(len(runners)):
            runners[index].run(images[index])
            start = time.perf_counter()
            runners[index].run(images[index])
            times[index, run] = 1e3 * (time.perf_counter() - start)
        progress("timing", run + 1, warmup + runs)
    return tuple(
        Latency(path=Path(path), runtime=runner.runtime, threads=threads, warmup=warmup, milliseconds=measured[warmup:])
        for path, runner, measured in zip(paths, runners, times, strict=True)
    )
