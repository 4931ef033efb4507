"""The results of timing: times of each artifact, their medians, and warnings about their quality."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.device.statistics import FEWEST, Estimate, median, middle_mean, percentiles, ratio

_LONG_TAIL = 1.25  # p90 over p50; on a quiet machine fewer than a tenth of the runs take a quarter longer
LEAST_RUNS = 100  # runs; a p99 needs a hundred
_BUSY = 0.5  # load for each core before the benchmark began


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTime:
    """One node of a file in its runtime's profiler. `index` is None for nodes that the runtime inserted.

    `milliseconds` is the mean of the middle half of the runs, `low` and `high` their quartiles. `kernels` and `fused`
    are those of `NodeTime`.
    """

    index: int | None
    name: str
    op: str
    milliseconds: float
    low: float
    high: float
    kernels: tuple[str, ...] = ()
    fused: tuple[str, ...] = ()

    @classmethod
    def of(cls, node: dict[str, Any]) -> LayerTime:
        """Return the time of a node from an answer of the timing process."""
        times = np.array(node["milliseconds"], np.float64)
        low, high = np.percentile(times, [25, 75])
        return cls(
            index=node["index"],
            name=node["name"],
            op=node["op"],
            milliseconds=middle_mean(times),
            low=float(low),
            high=float(high),
            kernels=tuple(node["kernels"]),
            fused=tuple(node["fused"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One artifact with one number of threads. `milliseconds` are the times of its runs in order, float64 [runs].

    Memory is in bytes, and None where the system does not tell it: `rss_before_load_bytes` is that of Python and the
    runtime, `peak_rss_bytes` the most that the process took. `round_sizes` are the numbers of runs in each round.
    `tolerance` is the half width of the median's interval, as a fraction, at which timing was to stop. `set_dims` are
    the sides that the file leaves free, by name, with the sizes that were timed.
    """

    path: Path
    bytes: int
    precision: str | None
    runtime: str
    version: str
    provider: str
    options: dict[str, str]
    threads: int
    batch: int
    load_ms: float
    first_ms: float
    warmup: int
    milliseconds: NDArray[np.float64]
    round_sizes: tuple[int, ...]
    rss_before_load_bytes: int | None
    peak_rss_bytes: int | None
    tolerance: float
    layers: tuple[LayerTime, ...] = ()
    set_dims: dict[str, int] = field(default_factory=dict)

    @property
    def format(self) -> str:
        """`onnx` or `tflite`."""
        return self.path.suffix.removeprefix(".").lower()

    @property
    def round_medians(self) -> NDArray[np.float64]:
        """The median of each round, float64 [rounds]."""
        edges = np.cumsum(self.round_sizes)[:-1]
        return np.array([np.median(part) for part in np.split(self.milliseconds, edges)])

    @property
    def p50_ms(self) -> float:
        """The median of all runs."""
        return float(np.median(self.milliseconds))

    @property
    def median(self) -> Estimate:
        """The median of the rounds' medians, with its interval."""
        return median(self.round_medians)

    @property
    def images_per_second(self) -> float:
        """All images over the time of all runs, one batch after the other."""
        return 1e3 * self.batch / float(self.milliseconds.mean())

    @property
    def model_bytes(self) -> int | None:
        """The memory beyond that of Python and the runtime."""
        if self.peak_rss_bytes is None or self.rss_before_load_bytes is None:
            return None
        return max(0, self.peak_rss_bytes - self.rss_before_load_bytes)

    @property
    def is_stable(self) -> bool:
        """Whether the median is known to the tolerance."""
        return len(self.round_sizes) >= FEWEST and self.median.half_width <= self.tolerance

    @property
    def noise(self) -> list[str]:
        """Warnings about measurement quality; empty on a quiet machine."""
        found = []
        if len(self.round_sizes) < FEWEST:
            found.append(f"{len(self.round_sizes)} rounds are too few for an interval")
        elif not self.is_stable:
            found.append(f"the median is known to ±{self.median.half_width:.0%} only")
        times = percentiles(self.milliseconds)
        if times["p90"] > _LONG_TAIL * times["p50"]:
            found.append(f"a tenth of the runs took at least {times['p90'] / times['p50']:.1f} times the median")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return an entry of the `benchmark` document, without the ratio and the layers."""
        return {
            "path": str(self.path),
            "format": self.format,
            "precision": self.precision,
            "runtime": self.runtime,
            "version": self.version,
            "provider": self.provider,
            "options": self.options,
            "threads": self.threads,
            "bytes": self.bytes,
            "batch": self.batch,
            "dims": self.set_dims,
            "latency_ms": {**percentiles(self.milliseconds), "mean": float(self.milliseconds.mean())},
            "median_ms": self.median.to_json(),
            "images_per_second": self.images_per_second,
            "warmup": self.warmup,
            "runs": len(self.milliseconds),
            "rounds": len(self.round_sizes),
            "load_ms": self.load_ms,
            "first_run_ms": self.first_ms,
            "peak_rss_bytes": self.peak_rss_bytes,
            "rss_before_load_bytes": self.rss_before_load_bytes,
            "stable": self.is_stable,
            "noise": self.noise,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """The timings of one benchmark, in the order of the request; the others are compared with the first one.

    `load` is the machine's load for each core before the benchmark began, None where it is not known.
    """

    timings: tuple[Timing, ...]
    load: float | None

    @property
    def reference(self) -> Timing:
        """The timing that the others are compared with."""
        return self.timings[0]

    def ratio(self, timing: Timing) -> Estimate:
        """Return the time of one over that of the reference, round by round; below 1 is faster."""
        rounds = min(len(timing.round_sizes), len(self.reference.round_sizes))
        return ratio(timing.round_medians[:rounds], self.reference.round_medians[:rounds])

    @property
    def noise(self) -> list[str]:
        """Warnings about measurement quality of all timings; empty if the machine was quiet."""
        found = [f"{_named(timing)}: {', '.join(timing.noise)}" for timing in self.timings if timing.noise]
        if found and self.load is not None and self.load > _BUSY:
            found.append(f"the machine had {self.load:.1f} running programs a core before the benchmark began")
        return found

    def without_layers(self) -> Benchmark:
        """Return the same benchmark without the times of layers."""
        return replace(self, timings=tuple(replace(timing, layers=()) for timing in self.timings))

    def to_json(self) -> list[dict[str, Any]]:
        """Return the `benchmark` document."""
        return [
            {
                **timing.to_json(),
                "ratio": {"of": str(self.reference.path), "threads": self.reference.threads}
                | self.ratio(timing).to_json(),
                "load_per_core": self.load,
            }
            for timing in self.timings
        ]


def _named(timing: Timing) -> str:
    return f"{timing.path.name} on {timing.threads} thread{'s' if timing.threads > 1 else ''}"
