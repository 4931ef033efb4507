"""The summary of the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Table, percent

if TYPE_CHECKING:
    from sqnxt_tf.workflows.demo import DemoResult


def demo_table(result: DemoResult) -> Table:
    """Return one row for each file: size, accuracy, latency, and what the ONNX graphs cost on each array."""
    arrays = list(next(artifact.simulations for artifact in result.artifacts if artifact.simulations))
    short = [name.removeprefix("squeezelerator-") for name in arrays]
    table = Table(
        ["<file", "bytes", "compressed", "top-1 %", "95 % interval", "p50 ms"]
        + [header for name in short for header in (f"kcycles {name}", f"energy MMAC {name}")],
        least_important=["compressed", "95 % interval", *(f"energy MMAC {name}" for name in short)],
    )
    for artifact in result.artifacts:
        low, high = artifact.evaluation.top1_interval
        reports = [artifact.simulations.get(name) for name in arrays]
        table.add(
            artifact.path.name,
            artifact.path.stat().st_size,
            artifact.export.compressed_bytes if artifact.export else None,
            percent(artifact.evaluation.top1),
            f"{percent(low)}-{percent(high)}",
            f"{artifact.latency.p50_ms:.2f}" if artifact.latency else None,
            *(
                figure
                for report in reports
                for figure in (
                    f"{report.cycles / 1e3:,.1f}" if report else None,
                    f"{report.energy.total / 1e6:.1f}" if report else None,
                )
            ),
        )
    return table


def demo_text(result: DemoResult) -> list[str]:
    """Return what was measured and where the files are."""
    samples = result.artifacts[0].evaluation.samples
    lines = [
        f"top-1 is on {samples} test digits; p50 is for one image on one thread of this machine, all files taking "
        "turns; energy is in 16-bit MACs.",
        f"{percent(result.sparsity)} % of the pruned weights are zero: they save cycles and energy where a layer runs "
        "output stationary. Float graphs are simulated at the arrays' own 16 bits.",
        "Every artifact was proved equal to the model that it was made from.",
        f"{result.report} shows what the graphs cost, layer by layer: open it in a browser.",
        f"Everything is in {result.folder}/ ({result.seconds:.0f} s).",
    ]
    return lines + [f"failed: {fault}" for fault in result.faults]
