"""The latency of artifacts, and of their layers, in tables and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_tf.device.timings import LEAST_RUNS
from sqnxt_tf.reports.tables import Table, percent

if TYPE_CHECKING:
    from sqnxt_tf.device.layer_shares import LayerShare, LayerShares
    from sqnxt_tf.device.timings import Benchmark, Timing
    from sqnxt_tf.workflows.benchmark import BenchmarkResult

_NAMED = 5  # layers or operators that a sentence lists at most
_CUT_MS = 0.0005  # the most that is lost or added, to either side, of an operator's time in whole microseconds
_ROUGH = 0.05  # of the sum, from which on that is worth a line
_PROFILERS_OWN = 1.1  # time of the nodes over that of a run, beyond which the profiler's own work distorts them


def benchmark_table(result: Benchmark) -> Table:
    """Return one row for each file and number of threads; the ratio is of the rounds' medians, with a 95 % interval."""
    table = Table(
        [
            "<file",
            "<precision",
            "<runtime",
            "<executed by",
            "threads",
            "p50 ms",
            "p90 ms",
            "p99 ms",
            "mean ms",
            "ratio",
            "95 % interval",
            "images/s",
            "load ms",
            "first ms",
            "peak MB",
            "model MB",
            "file KB",
            "runs",
        ],
        least_important=[
            "executed by", "first ms", "load ms", "mean ms", "runs", "p90 ms", "model MB", "file KB", "images/s",
            "p99 ms", "95 % interval", "peak MB", "runtime", "precision",
        ],
    )  # fmt: skip
    for timing in result.timings:
        ratio = result.ratio(timing)
        times = timing.to_json()["latency_ms"]
        is_reference = timing is result.reference
        table.add(
            timing.path.name,
            timing.precision or "?",
            f"{timing.runtime} {timing.version}",
            timing.provider,
            timing.threads,
            *(f"{times[name]:.2f}" for name in ("p50", "p90", "p99", "mean")),
            "1" if is_reference else f"{ratio.value:.2f}",
            None if is_reference else f"{ratio.low:.2f}-{ratio.high:.2f}",
            f"{timing.images_per_second:.1f}",
            f"{timing.load_ms:.0f}",
            f"{timing.first_ms:.1f}",
            _megabytes(timing.peak_rss_bytes),
            _megabytes(timing.model_bytes),
            round(timing.bytes / 1e3),
            len(timing.milliseconds),
        )
    return table


def _megabytes(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e6:.1f}"


def benchmark_lines(result: Benchmark) -> list[str]:
    """Return how it was measured, and what the columns mean."""
    rounds = max(len(timing.round_sizes) for timing in result.timings)
    lines = [
        f"one image a run; each file runs in a process of its own, and they take turns in {rounds} rounds; the ratio "
        f"is to {result.reference.path.name} on {_threads(result.reference)}, within a round."
        if len(result.timings) > 1
        else f"one image a run, in {rounds} rounds."
    ]
    if any(timing.batch > 1 for timing in result.timings):
        lines[0] = lines[0].replace("one image a run", "one batch a run")
    lines.append(
        "load ms: opening the file; first ms: its first run; model MB: the peak memory beyond Python and the runtime"
    )
    if few := [timing for timing in result.timings if len(timing.milliseconds) < LEAST_RUNS]:
        names = ", ".join(dict.fromkeys(timing.path.name for timing in few))
        lines.append(f"fewer than {LEAST_RUNS} runs, so that p99 is near the longest (raise --seconds): {names}")
    for path, options in {timing.path.name: timing.options for timing in result.timings if timing.options}.items():
        lines.append(f"{path}: {', '.join(f'{name} = {value}' for name, value in options.items())}")
    return lines


def noise_lines(result: Benchmark) -> list[str]:
    """Return the warning that times are too noisy, where they are."""
    if not result.noise:
        return []
    return [
        "warning: these times are too noisy to quote; ratios are more reliable. Stop other programs and run it again: "
        + "; ".join(result.noise)
    ]


def simulated_lines(result: BenchmarkResult) -> list[str]:
    """Return the simulated total of each file whose layers have no times of their own to be set beside it."""
    profiled = {shares.timing.path for shares in result.layers}
    return [
        f"{path.name}: {report.cycles:,.0f} cycles = {report.time_ms:.3f} ms on {report.accelerator.name}, simulated"
        for path, report in result.simulations.items()
        if path not in profiled
    ]


def dim_notes(result: Benchmark) -> list[str]:
    """Return a note for each file with free sides: which sizes were timed."""
    notes = {}
    for timing in result.timings:
        if timing.set_dims:
            sizes = ", ".join(f"{name} {size}" for name, size in timing.set_dims.items())
            notes[timing.path] = f"note: {timing.path.name} leaves sides free; timed with {sizes} (--dim sets them)"
    return list(notes.values())


def layers_table(shares: LayerShares) -> Table:
    """Return one row for each layer with its fraction of the time, and of the simulated cycles where they are known."""
    title = f"{shares.timing.path.name} on {_threads(shares.timing)}, {shares.timing.runtime}'s profiler"
    if shares.accelerator is None:
        table = Table(["<layer", "<op", "ms", "time %", "quartiles %"], title=title)
        for layer in shares.compared:
            table.add(layer.name, layer.op, f"{layer.milliseconds:.3f}", percent(layer.measured, 2), _quartiles(layer))
        table.add_total("total", None, f"{shares.total_ms:.3f}", "100.00", None)
        return table
    headers = ["<layer", "<op", "ms", "measured %", "quartiles %", "simulated %", "kcycles", "factor", "<disagree"]
    table = Table(
        headers,
        title=f"{title}, beside {shares.accelerator}",
        least_important=["op", "quartiles %", "ms", "kcycles", "factor"],
    )
    for layer in shares.compared:
        table.add(
            layer.name,
            layer.op,
            f"{layer.milliseconds:.3f}",
            percent(layer.measured, 2),
            _quartiles(layer),
            percent(layer.simulated or 0, 2),
            f"{(layer.cycles or 0) / 1e3:,.1f}",
            f"x{layer.factor:.2f}" if layer.factor else None,
            layer.verdict,
        )
    time, cycles = (sum(getattr(one, name) or 0 for one in shares.compared) for name in ("milliseconds", "cycles"))
    table.add_total("these layers", None, f"{time:.3f}", "100.00", None, "100.00", f"{cycles / 1e3:,.1f}", None, None)
    return table


def layers_lines(shares: LayerShares) -> list[str]:
    """Return what the profiler adds, and how well measured and simulated fractions agree."""
    lines = _profiler_lines(shares)
    if shares.accelerator is None:
        return lines
    if shares.others:
        lines.append(_others_line(shares))
    if missing := shares.not_measured:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        lines.append(
            f"fused into other nodes by {shares.timing.runtime}, and left out: {', '.join(missing[:_NAMED])}{more}"
        )
    disagree = shares.disagreements
    cycles = sum(layer.simulated or 0 for layer in shares.compared if not layer.verdict)
    lines.append(
        f"{len(shares.compared) - len(disagree)} of {len(shares.compared)} layers, with {percent(cycles)} % of the "
        f"cycles, agree within a factor of 1.5, or within half a per cent of the whole"
        + ("" if shares.rank_correlation is None else f"; rank correlation {shares.rank_correlation:.2f}")
    )
    lines += [
        f"{layer.name} is {layer.verdict}: {percent(layer.measured)} % of the time, {percent(layer.simulated or 0)} % "
        "of the cycles"
        for layer in disagree[:_NAMED]
    ]
    return lines + ([f"and {len(disagree) - _NAMED} more"] if len(disagree) > _NAMED else [])


def _profiler_lines(shares: LayerShares) -> list[str]:
    """Return what is to be known of the times themselves."""
    lines = []
    cut = _CUT_MS * sum(len(layer.kernels) for layer in (*shares.compared, *shares.others))
    if cut > _ROUGH * shares.total_ms:
        lines.append(
            "XNNPACK cuts the time of each layer to whole microseconds: the sum is known to "
            f"±{percent(cut / shares.total_ms)} %"
        )
    if shares.total_ms - cut > _PROFILERS_OWN * shares.timing.p50_ms:
        lines.append(
            f"the nodes take {shares.total_ms:.2f} ms under the profiler, and a run {shares.timing.p50_ms:.2f} ms "
            "without it: it adds time to each node, so that short ones look longer than they are"
        )
    if fused := sum(len(layer.fused) for layer in (*shares.compared, *shares.others)):
        one = fused == 1
        lines.append(
            f"{fused} operator{'' if one else 's'} of the file {'has' if one else 'have'} no time of "
            f"{'its' if one else 'their'} own: {shares.timing.runtime} made {'it' if one else 'them'} part of these "
            "layers (--json names them)"
        )
    return lines


def _others_line(shares: LayerShares) -> str:
    by_op: dict[str, float] = {}
    for layer in shares.others:
        by_op[layer.op] = by_op.get(layer.op, 0) + layer.measured
    largest = sorted(by_op.items(), key=lambda item: -item[1])[:_NAMED]
    return (
        f"{percent(shares.others_share)} % of the {shares.total_ms:.2f} ms is spent in nodes without array cycles: "
        + ", ".join(f"{op} {percent(share)} %" for op, share in largest)
    )


def _quartiles(layer: LayerShare) -> str:
    return f"{percent(layer.low, 2)}-{percent(layer.high, 2)}"


def _threads(timing: Timing) -> str:
    return f"{timing.threads} thread{'s' if timing.threads > 1 else ''}"
