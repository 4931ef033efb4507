"""Any file that the simulator reads: its content tells whether it is a .tflite or an ONNX file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sqnxt_base.user_files import open_regular
from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.tflite_schema import IDENTIFIER
from sqnxt_sim.frontend.weight_facts import LayerWeights
from sqnxt_sim.workload import Workload


def read_model(
    path: str | Path,
    *,
    batch: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    dims: Mapping[str, int] | None = None,
) -> Workload:
    """Read the workload of an .onnx or a .tflite file; see `read_onnx` and `read_tflite`.

    Args:
        path: The file.
        batch: Size of a free batch dimension.
        input_size: Side in pixels, or (height, width), of free map dimensions.
        dims: Sizes of free dimensions by name, for ONNX.

    Raises:
        SimulatorError: The file is missing or broken, or a size is free that no argument fixes.
    """
    path = Path(path)
    if is_tflite(path):
        from sqnxt_sim.frontend.tflite_reader import read_tflite

        return read_tflite(path, batch=batch, input_size=input_size, dims=dims)
    from sqnxt_sim.frontend.onnx_reader import read_onnx

    return read_onnx(path, batch=batch, input_size=input_size, dims=dims)


def read_weights(path: str | Path) -> tuple[LayerWeights, ...]:
    """Return the weights of every convolution, matrix product and recurrent operator of an .onnx or a .tflite file.

    Weights are read wherever the file keeps them: quantised, packed, sparse, or behind operators that rearrange them.
    No shape of an activation is needed. A tensor that two nodes share is listed for both.

    Raises:
        SimulatorError: The file is missing or broken.
    """
    path = Path(path)
    if is_tflite(path):
        from sqnxt_sim.frontend.tflite_layer_weights import tflite_weights

        return tflite_weights(path)
    from sqnxt_sim.frontend.onnx_parsing import load_model
    from sqnxt_sim.frontend.onnx_weights import layer_weights

    try:
        return layer_weights(load_model(path), path.name)
    except UnicodeDecodeError as error:
        # protobuf decodes a name only when it is read.
        raise SimulatorError(path, "holds names that are not UTF-8", "export it again") from error


def total_weights(layers: Iterable[LayerWeights]) -> tuple[int, int]:
    """Return how many weights a file holds, and how many of them are zero.

    A tensor that several nodes read counts once. Weights that the graph computes count as not zero, and those of
    unknown number not at all.
    """
    stored = {layer.tensor: layer for layer in layers if layer.count is not None}
    return sum(layer.count or 0 for layer in stored.values()), sum(layer.zeros or 0 for layer in stored.values())


def is_tflite(path: Path) -> bool:
    """Tell whether a file is a .tflite file, by its content or else by its name."""
    try:
        with open(open_regular(path), "rb") as file:  # noqa: PTH123 - a descriptor
            mark = file.read(8)[4:]
    except OSError:
        mark = b""
    return mark == IDENTIFIER or path.suffix.lower() == ".tflite"
