"""Parameters, MACs and activation memory of a network, from its layer rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqnxt_tf.networks.rows import LayerRow


def count_params(rows: Iterable[LayerRow]) -> int:
    """Count weights, biases, and two parameters for each batch-norm channel (moving statistics are not parameters)."""
    return sum(row.params for row in rows)


def count_macs(rows: Iterable[LayerRow]) -> int:
    """Count the multiply-accumulates of convolutions and fully connected layers, for one image."""
    return sum(row.macs for row in rows)


def count_macs_as_paper(rows: Iterable[LayerRow]) -> int:
    """Count as in the SqueezeNext paper's column: MACs, plus one for each output element (its bias or scale)."""
    return sum(row.macs + row.out_elements for row in rows if row.macs)


def peak_activation_bytes(rows: Sequence[LayerRow], *, bytes_per_element: int = 4) -> int:
    """Return the most bytes that live feature maps take at once, for one image, when layers run in order.

    A map lives from the layer that writes it to the last layer that reads it, so a layer's inputs and output live
    together. Batch norm and activations work in place.
    """
    last_use = {name: index for index, row in enumerate(rows) for name in row.inputs}
    first = rows[0]
    live = {first.inputs[0]: first.in_shape[0] * first.in_shape[1] * first.in_shape[2]}
    peak = 0
    for index, row in enumerate(rows):
        live[row.name] = row.out_elements
        peak = max(peak, sum(live.values()))
        live = {name: size for name, size in live.items() if last_use.get(name, -1) > index}
    return peak * bytes_per_element
