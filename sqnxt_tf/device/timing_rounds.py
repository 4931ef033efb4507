"""Time artifacts on this machine: each in a process of its own, in turns, until the medians are known."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sqnxt_tf.device.fault_handlers import FaultHandler, raise_fault
from sqnxt_tf.device.statistics import FEWEST, median
from sqnxt_tf.device.timing_client import TimingClient
from sqnxt_tf.device.timings import LEAST_RUNS, Benchmark, LayerTime, Timing
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent

TOLERANCE = 0.02  # half width of the median's interval
SECONDS = 60.0
_LEAST_ROUNDS = 20
_MOST_OVERTIME = 3  # times `seconds`, while there are too few rounds for an interval
_TURN_MS = 20.0  # long enough that waking a process up does not matter
_MOST_RUNS_A_TURN = 50
_PROFILE_SECONDS, _LEAST_PROFILED, _MOST_PROFILED = 3.0, 5, 200


@dataclass(slots=True)
class _Entry:
    """One artifact while it is timed."""

    client: TimingClient
    opened: dict[str, Any]
    precision: str | None
    warm: dict[str, Any] = field(default_factory=dict)
    rounds: list[list[float]] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)

    @property
    def runs_a_turn(self) -> int:
        return int(np.clip(_TURN_MS / max(self.warm["typical_ms"], 1e-3), 1, _MOST_RUNS_A_TURN))

    def is_known(self, tolerance: float) -> bool:
        """Return whether there are enough runs for the median and for the tail."""
        if len(self.rounds) < _LEAST_ROUNDS or sum(map(len, self.rounds)) < LEAST_RUNS:
            return False
        return median(np.array(self.medians)).half_width <= tolerance

    def take_turn(self) -> None:
        self.rounds.append(self.client.ask("turn", runs=self.runs_a_turn)["milliseconds"])
        self.medians.append(float(np.median(self.rounds[-1])))


def time_artifacts(
    paths: Sequence[str | Path],
    *,
    threads: Sequence[int] = (1,),
    seconds: float = SECONDS,
    tolerance: float = TOLERANCE,
    per_layer: bool = False,
    dims: Mapping[str, int] = MappingProxyType({}),
    on_fault: FaultHandler = raise_fault,
    progress: Progress = silent,
) -> Benchmark:
    """Time artifacts, one batch of noise at a time, each in a process of its own.

    In each round every file has a turn, in a new random order. If the machine slows down, it slows all files of a round
    alike, and their ratios do not change. Rounds stop when every median is known to the tolerance, or when time is up.

    Args:
        paths: .onnx and .tflite files; the others are compared with the first one.
        threads: Numbers of threads; every file is timed with each of them.
        seconds: Time limit of all rounds together. It is exceeded up to three times while the rounds are too few for an
            interval.
        tolerance: Half width of the 95 % interval of a median, as a fraction of it.
        per_layer: Profile the files too, layer by layer.
        dims: Sizes of sides that the files leave free, by name or as "input:axis"; others are one.
        on_fault: Called with the error of a file that cannot be timed; if it returns, the others are timed.
        progress: Called with the progress.

    Raises:
        SqnxtError: A file cannot be timed, and `on_fault` raises its error.
    """
    load = _load_per_core()
    with ExitStack() as stack:
        entries = list(_opened(paths, threads, dims, stack, on_fault, progress))
        _take_turns(entries, seconds, tolerance, on_fault, progress)
        timings: list[Timing] = []
        for entry in entries:
            with _reported(on_fault):
                timings.append(_timing(entry, tolerance))
                if per_layer:
                    timings[-1] = replace(timings[-1], layers=_profiled(entry, progress))
    return Benchmark(timings=tuple(timings), load=load)


def _opened(
    paths: Sequence[str | Path],
    threads: Sequence[int],
    dims: Mapping[str, int],
    stack: ExitStack,
    on_fault: FaultHandler,
    progress: Progress,
) -> Iterator[_Entry]:
    """Yield an entry for each file and number of threads. Each file is checked once, and its fault is reported once."""
    from sqnxt_export import check_artifact, read_metadata

    for place, path in enumerate(map(Path, paths)):
        with _reported(on_fault):
            options, metadata = check_artifact(path), read_metadata(path)
            for count in threads:
                progress("loading", place, len(paths))
                client = stack.enter_context(TimingClient(path, count))
                yield _open(client, options, dims, metadata.precision if metadata else None)


def _open(client: TimingClient, options: Mapping[str, str], dims: Mapping[str, int], precision: str | None) -> _Entry:
    path = str(client.path.absolute())
    opened = client.ask("open", path=path, threads=client.threads, options=dict(options), dims=dict(dims))
    return _Entry(client, opened, precision, client.ask("warm_up"))


def _take_turns(
    entries: list[_Entry], seconds: float, tolerance: float, on_fault: FaultHandler, progress: Progress
) -> None:
    """Add rounds to the entries. An entry that fails is reported and removed."""
    random, began = np.random.default_rng(0), time.monotonic()
    while entries and not all(entry.is_known(tolerance) for entry in entries):
        for index in random.permutation(len(entries)):
            entry = entries[index]
            with _reported(on_fault):
                entry.take_turn()
        rounds = max(len(entry.rounds) for entry in entries)
        entries[:] = [entry for entry in entries if len(entry.rounds) == rounds]
        elapsed = time.monotonic() - began
        progress("timing, at most (s)", min(round(elapsed), round(seconds)), round(seconds), rounds=rounds)
        if elapsed > seconds and (rounds >= FEWEST or elapsed > _MOST_OVERTIME * seconds):
            return


def _profiled(entry: _Entry, progress: Progress) -> tuple[LayerTime, ...]:
    task = f"profiling {entry.client.path.name}"
    progress(task, 0, 1)
    runs = int(np.clip(1e3 * _PROFILE_SECONDS / entry.warm["typical_ms"], _LEAST_PROFILED, _MOST_PROFILED))
    layers = tuple(LayerTime.of(node) for node in entry.client.ask("profile", runs=runs)["nodes"])
    progress(task, 1, 1)
    return layers


def _timing(entry: _Entry, tolerance: float) -> Timing:
    opened, path, peak = entry.opened, entry.client.path, entry.client.ask("memory")["peak_rss_bytes"]
    return Timing(
        path=path,
        bytes=path.stat().st_size,
        precision=entry.precision,
        runtime=opened["runtime"],
        version=opened["version"],
        provider=opened["provider"],
        options=opened["options"],
        threads=entry.client.threads,
        batch=opened["batch"],
        load_ms=opened["load_ms"],
        first_ms=entry.warm["first_ms"],
        warmup=entry.warm["runs"],
        milliseconds=np.concatenate(entry.rounds),
        round_sizes=tuple(map(len, entry.rounds)),
        rss_before_load_bytes=opened["rss_before_load_bytes"],
        peak_rss_bytes=peak,
        tolerance=tolerance,
        set_dims=opened["set_dims"],
    )


@contextmanager
def _reported(on_fault: FaultHandler) -> Iterator[None]:
    try:
        yield
    except SqnxtError as error:
        on_fault(error)


def _load_per_core() -> float | None:
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (AttributeError, OSError):  # Windows; a container that hides it
        return None
