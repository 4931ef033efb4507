"""Simulate a file on an accelerator, both by name."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqnxt_sim import load_accelerator, read_onnx
from sqnxt_sim import simulate as simulate_workload

if TYPE_CHECKING:
    from sqnxt_sim import NetworkReport


def simulate(
    path: str | Path,
    accelerator: str | Path = "squeezelerator-16x16",
    *,
    dataflow: str = "best",
    sparsity: float | None = None,
    precision: str | None = None,
    batch: int | None = None,
    input_size: int | tuple[int, int] | None = None,
) -> "NetworkReport":
    """Cycles and energy of an ONNX graph on an accelerator, layer by layer.

    Args:
        path: the `.onnx` file.
        accelerator: a preset's name, or a `.toml` file.
        dataflow: `best` (the faster one, layer by layer), `weight_stationary` or `output_stationary`.
        sparsity: assume this fraction of zero weights instead of counting them.
        precision: assume this precision instead of the graph's own.
        batch: for a graph that leaves it free.
        input_size: side in pixels or (height, width), likewise.

    Raises:
        SimulatorError: the graph cannot be read or costed.
    """
    size = (input_size, input_size) if isinstance(input_size, int) else input_size
    workload = read_onnx(path, batch=batch, input_size=size)
    return simulate_workload(
        workload, load_accelerator(accelerator), dataflow=dataflow, sparsity=sparsity, precision=precision
    )
