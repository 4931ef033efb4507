"""Matrix products as layers; each is a 1x1 convolution, or several side by side as the groups of one.

Where one matrix holds weights, the rows of the other one are the positions of a map. Where the network computes both
(attention is the usual case), the second one takes the place of the weights: it moves at the width of activations and
has no zeros to skip. Products that are independent of each other, such as the heads of attention, are groups.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np

from sqnxt_sim.frontend.positions import Origin, Rows, rows_of, sequence
from sqnxt_sim.frontend.weight_facts import WeightFacts
from sqnxt_sim.workload import ConvLayer

Shape = tuple[int, ...]


class Product(NamedTuple):
    """Matrices [rows, shared] times [shared, columns]; each of the groups has matrices of its own.

    `bits` is the width of the first matrices, and `weight_bits` that of the second ones; None stands for floats.
    """

    rows: Rows
    shared: int
    columns: int
    groups: int = 1
    bits: int | None = None
    weight_bits: int | None = None


def matrix_product(product: Product, facts: WeightFacts | None, *, name: str, op: str) -> ConvLayer:
    """Return a product as a grouped 1x1 convolution.

    Args:
        product: Sizes and widths of the matrices.
        facts: Facts about the second matrices if they are weights; None if the network computes them.
        name: Name of the layer.
        op: The ONNX operator.
    """
    layer = ConvLayer(
        name=name,
        op=op,
        in_channels=product.groups * product.shared,
        out_channels=product.groups * product.columns,
        in_height=product.rows.height,
        in_width=product.rows.width,
        groups=product.groups,
        batch=product.rows.batch,
        weight_bits=product.weight_bits,
        activation_bits=product.bits,
        nonzero_weights=product.groups * product.shared * product.columns,
        computed_weights=True,
    )
    if facts is None:
        return layer
    return replace(layer, weight_bits=facts.bits, nonzero_weights=facts.nonzero, computed_weights=False)


def product_groups(second: Shape, origin: Origin, *, computed: bool) -> int:
    """Return the number of second matrices within one image; those of other images belong to the batch."""
    lead = second[:-2]
    is_batched = computed and lead and lead[0] > 1 and (len(lead) > 1 or lead[0] == origin.batch)
    return prod(lead[1:] if is_batched else lead)


def product_rows(first: Shape, second: Shape, groups: int, origin: Origin) -> Rows:
    """Return the rows that share a second matrix, as a batch of maps."""
    if prod(second[:-2]) == 1:
        return rows_of(first, origin)
    products = prod(np.broadcast_shapes(first[:-2], second[:-2]))
    return sequence(first[-2])._replace(batch=products // groups)
