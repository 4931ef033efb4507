"""The layers of one model in onnxruntime and in LiteRT, side by side in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_tf.reports.tables import Table, percent

if TYPE_CHECKING:
    from sqnxt_tf.device.layer_shares import LayerShare
    from sqnxt_tf.device.two_runtimes import RuntimePair


def pair_table(pair: RuntimePair) -> Table:
    """Return one row for each layer with its time in both runtimes, and the simulated cycles where they are known."""
    first, second = pair.onnx, pair.tflite
    threads = first.timing.threads
    array = first.accelerator or second.accelerator
    title = f"{first.timing.path.name} and {second.timing.path.name} on {threads} thread{'s' if threads > 1 else ''}"
    headers = ["<layer", "<op", "onnxruntime ms", "LiteRT ms", "ratio", "onnxruntime %", "LiteRT %"]
    table = Table(
        [*headers, *(["simulated %"] if array else [])],
        title=f"{title}, beside {array}" if array else title,
        least_important=["op", "ratio"],
    )
    for layer in pair.layers:
        cells = (
            *(None if one is None else f"{one.milliseconds:.3f}" for one in (layer.onnx, layer.tflite)),
            _ratio(layer.onnx, layer.tflite),
            _part(layer.onnx, first.total_ms),
            _part(layer.tflite, second.total_ms),
        )
        simulated = None if layer.simulated is None else percent(layer.simulated, 2)
        table.add(layer.name, layer.op, *cells, *([simulated] if array else []))
    times = (f"{first.total_ms:.3f}", f"{second.total_ms:.3f}", f"{second.total_ms / first.total_ms:.2f}")
    table.add_total("total", None, *times, "100.00", "100.00", *(["100.00"] if array else []))
    return table


def _ratio(first: LayerShare | None, second: LayerShare | None) -> str | None:
    """Return LiteRT's time over onnxruntime's."""
    if first is None or second is None or not first.milliseconds:
        return None
    return f"{second.milliseconds / first.milliseconds:.2f}"


def _part(layer: LayerShare | None, total: float) -> str | None:
    return None if layer is None else percent(layer.milliseconds / total, 2)
