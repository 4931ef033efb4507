"""Turn layer rows into a simulator workload, without building or exporting a network."""

from __future__ import annotations

from math import prod

from sqnxt_sim import ConvLayer, OffArrayNode, OffArrayReason, VectorWork, Workload
from sqnxt_tf.networks.registry import find_network, layer_rows
from sqnxt_tf.networks.rows import LayerRow


def network_workload(
    name: str, *, classes: int = 1000, input_size: int | tuple[int, int] | None = None, batch: int = 1
) -> Workload:
    """Return the workload of a network: that of its exported ONNX graph, but with unknown zeros in the weights.

    Raises:
        SqnxtError: The name is unknown, or the input is too small for the network.
    """
    rows = layer_rows(name, classes=classes, input_size=input_size)
    height, width, channels = rows[0].in_shape
    return Workload(
        name=find_network(name).name,
        layers=tuple(row_layer(row, batch=batch) for row in rows),
        input_shapes=((batch, channels, height, width),),
    )


def row_layer(row: LayerRow, *, batch: int = 1) -> ConvLayer | OffArrayNode:
    """Return one layer row as a layer of a workload: convolutions and dense layers for the array, others off it."""
    if not row.macs:
        return OffArrayNode(
            name=row.name,
            op=row.op,
            why=OffArrayReason.NOT_COSTED,
            reason="the paper costs convolutions only",
            work=_vector_work(row, batch),
        )
    (in_height, in_width, in_channels), (_, _, out_channels) = row.in_shape, row.out_shape
    top, left, bottom, right = row.pads
    return ConvLayer(
        name=row.name,
        op=row.op,
        in_channels=in_channels,
        out_channels=out_channels,
        in_height=in_height,
        in_width=in_width,
        kernel_height=row.kernel[0],
        kernel_width=row.kernel[1],
        stride_height=row.stride,
        stride_width=row.stride,
        pad_top=top,
        pad_left=left,
        pad_bottom=bottom,
        pad_right=right,
        groups=row.groups,
        batch=batch,
    )


def _vector_work(row: LayerRow, batch: int) -> VectorWork:
    """Return what a vector unit does for an operator, counted as for the exported graph; floats have no bits."""
    read, written = prod(row.in_shape), prod(row.out_shape)
    if row.op == "Add":
        read *= len(row.inputs)
    operations = {
        "MaxPool": written * prod(row.kernel),
        "GlobalAveragePool": read,
        "Add": written * (len(row.inputs) - 1),
        "Concat": 0,
    }[row.op]
    return VectorWork(operations=batch * operations, values_read=batch * read, values_written=batch * written)
