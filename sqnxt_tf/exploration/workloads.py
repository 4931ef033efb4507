"""Turn layer rows into a simulator workload, without building or exporting a network."""

from __future__ import annotations

from sqnxt_sim import ConvLayer, OffArrayNode, OffArrayReason, Workload
from sqnxt_tf.networks.registry import find_network, layer_rows
from sqnxt_tf.networks.rows import LayerRow


def network_workload(name: str, *, classes: int = 1000, input_size: int | tuple[int, int] | None = None) -> Workload:
    """Return the workload of a network: that of its exported ONNX graph, but with unknown zeros in the weights.

    Raises:
        SqnxtError: The name is unknown, or the input is too small for the network.
    """
    rows = layer_rows(name, classes=classes, input_size=input_size)
    return Workload(name=find_network(name).name, layers=tuple(map(row_layer, rows)))


def row_layer(row: LayerRow) -> ConvLayer | OffArrayNode:
    """Return one layer row as a layer of a workload. Only convolutions and dense layers are costed, as in the paper."""
    if not row.macs:
        return OffArrayNode(
            name=row.name, op=row.op, why=OffArrayReason.NOT_COSTED, reason="the paper costs convolutions only"
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
    )
