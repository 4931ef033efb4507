"""Free sizes of a .tflite file: the batch is fixed by the caller; other sizes stand in every tensor of the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.sizes import InputSizes
from sqnxt_sim.frontend.tflite_graph import TfliteGraph
from sqnxt_sim.workload import ConvLayer, LiveActivations, OffArrayNode, VectorWork, Workload


def images_per_call(graph: TfliteGraph, path: Path, sizes: InputSizes) -> int:
    """Return the factor by which the caller's batch exceeds that of the file's shapes.

    Raises:
        SimulatorError: A size contradicts the file, or a size other than the batch is free.
    """
    if sizes.dims:
        raise SimulatorError(path, "a .tflite file has no names for dimensions", "leave out `dims`")
    factor = 1
    for tensor in graph.inputs:
        name, shape = graph.tensors[tensor].name, graph.shape(tensor)
        signature = graph.tensors[tensor].signature or shape
        for axis, size in enumerate(signature[1:], start=1):
            if size == -1 and shape[axis : axis + 1] == (1,):
                raise SimulatorError(
                    path,
                    f"input {name!r} leaves axis {axis} free, and the file has no shapes for other sizes than 1",
                    "convert the model again at a fixed size",
                )
        if sizes.map_size is not None and len(shape) == 4 and sizes.map_size not in (shape[1:3], shape[2:]):
            raise _fixed(path, name, f"{shape[1]}x{shape[2]}", "{}x{}".format(*sizes.map_size), "input_size")
        if sizes.batch is None or len(shape) < 2 or shape[0] == sizes.batch:
            continue
        if signature[0] != -1 or sizes.batch % shape[0]:
            raise _fixed(path, name, f"{shape[0]} along axis 0", str(sizes.batch), "batch")
        factor = sizes.batch // shape[0]
    return factor


def _fixed(path: Path, name: str, found: str, wanted: str, parameter: str) -> SimulatorError:
    return SimulatorError(
        path,
        f"input {name!r} is fixed at {found}, not {wanted}",
        f"leave out `{parameter}`, or convert the model at that size",
    )


def with_batch(workload: Workload, factor: int) -> Workload:
    """Return the workload for so many times the batch."""
    if factor == 1:
        return workload
    return replace(
        workload,
        layers=tuple(_times(layer, factor) for layer in workload.layers),
        live=tuple(
            LiveActivations(
                node=live.node, float_values=live.float_values * factor, integer_bits=live.integer_bits * factor
            )
            for live in workload.live
        ),
        input_shapes=tuple((shape[0] * factor, *shape[1:]) if shape else shape for shape in workload.input_shapes),
    )


def _times(layer: ConvLayer | OffArrayNode, factor: int) -> ConvLayer | OffArrayNode:
    if isinstance(layer, ConvLayer):
        return replace(layer, batch=layer.batch * factor)
    work = layer.work
    if work is None:
        return layer
    return replace(
        layer,
        work=VectorWork(
            operations=work.operations * factor,
            values_read=work.values_read * factor,
            values_written=work.values_written * factor,
            bits=work.bits,
        ),
    )
