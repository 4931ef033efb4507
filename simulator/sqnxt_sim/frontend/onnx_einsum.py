"""Layers from an Einsum of two operands that is a matrix product, whatever the order of its axes."""

from __future__ import annotations

from math import prod
from string import ascii_uppercase

from onnx import NodeProto

from sqnxt_sim.frontend.onnx_dense import product_layer
from sqnxt_sim.frontend.onnx_graph import OnnxGraph, attributes, known_shape, text
from sqnxt_sim.frontend.onnx_positions import Origins
from sqnxt_sim.frontend.onnx_weights import activation_bits, constant_operands, operand_facts
from sqnxt_sim.frontend.positions import Origin, rows_of, sequence
from sqnxt_sim.frontend.products import Product
from sqnxt_sim.workload import ConvLayer


def einsum_layer(graph: OnnxGraph, node: NodeProto, constants: frozenset[str], origins: Origins) -> ConvLayer | None:
    """Return the layer of an Einsum; None if it is no product of two matrices.

    Letters of both operands and of the result count independent products, those of both operands alone are summed over,
    and every other letter belongs to the rows or the columns of the result.

    Example: "bshd,hdo->bso" with constant second operand has rows b and s, columns o and a shared size of h * d.

    Raises:
        SimulatorError: A shape is not known.
    """
    if len(node.input) != 2:
        return None
    stored = next(constant_operands(node, constants), None)
    places = (0, 1) if stored is None or stored.weights == 1 else (1, 0)
    shapes = [known_shape(graph, node, name) for name in node.input]
    terms = _terms(text(attributes(node), "equation", ""), [len(shape) for shape in shapes])
    if terms is None:
        return None
    *operands, result = terms
    sizes: dict[str, int] = {}
    for term, shape in zip(operands, shapes, strict=True):
        for letter, size in zip(term, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    first, second = (operands[place] for place in places)
    lead = [letter for letter in first if letter in second and letter in result]
    summed = [letter for letter in first if letter in second and letter not in result]
    kept = set(first) ^ set(second)
    if not summed or not kept <= set(result):
        return None
    rows = [sizes[letter] for letter in first if letter in kept]
    data = node.input[places[0]]
    origin = origins.get(data, Origin())
    batch = sizes[lead[0]] if stored is None and lead and lead[0] == first[0] else 1
    shared = prod(sizes[letter] for letter in summed)
    product = Product(
        rows=sequence(prod(rows))._replace(batch=batch) if lead or not rows else rows_of((*rows, shared), origin),
        shared=shared,
        columns=prod(sizes[letter] for letter in second if letter in kept),
        groups=prod(sizes[letter] for letter in lead) // batch,
        bits=activation_bits(graph, data),
        weight_bits=activation_bits(graph, node.input[places[1]]),
    )
    return product_layer(node, product, None if stored is None else operand_facts(graph, node, stored, constants))


def _terms(equation: str, ranks: list[int]) -> list[str] | None:
    """Return the letters of each operand and of the result; None for an equation that is implicit or repeats a letter.

    An ellipsis stands for capital letters that the equation does not use, the last of them for the last axis.
    """
    before, arrow, result = equation.replace(" ", "").partition("->")
    operands = before.split(",")
    if not arrow or len(operands) != len(ranks):
        return None
    spare = [letter for letter in ascii_uppercase if letter not in equation]
    hidden = [rank - len(term.replace("...", "")) for term, rank in zip(operands, ranks, strict=True)]
    if min(hidden) < 0 or max(hidden) > len(spare):
        return None
    expanded = [
        term.replace("...", "".join(spare[len(spare) - count :])) for term, count in zip(operands, hidden, strict=True)
    ]
    expanded.append(result.replace("...", "".join(spare[len(spare) - max(hidden) :])))
    fits = all(len(term) == rank for term, rank in zip(expanded, ranks, strict=False))
    return expanded if fits and all(len(set(term)) == len(term) for term in expanded) else None
