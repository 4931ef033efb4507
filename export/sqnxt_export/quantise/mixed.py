"""Mixed precision: an int8 graph in which as few layers as needed keep 16 bits, the noisiest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx

from sqnxt_export.quantise.calibration import Calibration, calibrate
from sqnxt_export.quantise.learnt_ranges import LearntRanges, with_learnt_ranges
from sqnxt_export.quantise.noise import layer_noise
from sqnxt_export.quantise.qdq import to_int8
from sqnxt_export.runtimes.tensors import Samples, as_arrays

_RANKED_ON = 64
"""Samples on which the layers are ranked: more samples do not change the order of the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """An int8 graph, some of whose layers keep 16 bits.

    Attributes:
        model: The graph.
        wider: Names of the layers with 16-bit inputs and weights, the noisiest first.
        evaluations: Number of graphs that were tried.
    """

    model: onnx.ModelProto
    wider: tuple[str, ...]
    evaluations: int


def keep_worst_wider(
    model: onnx.ModelProto,
    samples: Samples,
    accept: Callable[[onnx.ModelProto], bool],
    method: str = "minmax",
    learnt: LearntRanges | None = None,
) -> Mixed:
    """Return the int8 graph with the fewest of its noisiest layers at 16 bits that `accept` accepts.

    Layers are ranked by the noise that each adds on exact inputs (`own_snr_db`), because widening a late layer does not
    remove the noise that it inherits. On a MobileNet whose top-1 falls from 60 % to 15 % in int8, the 4 worst of 28
    layers in this order restore it; in the order of accumulated noise, all 28 are needed.

    The search takes at most 2 log2(n) + 2 evaluations for n layers. If even all layers at 16 bits are not accepted,
    that graph is returned, and the caller judges it.

    Args:
        model: The float32 graph.
        samples: Calibration samples, one array per input.
        accept: Tells whether a graph is good enough.
        method: How 8-bit ranges are chosen.
        learnt: Ranges of 8-bit activations that take the place of calibrated ones.
    """
    found = calibrate(model, samples, method)
    if learnt is not None:
        found = with_learnt_ranges(model, found, learnt)
    narrow = to_int8(model, found)
    if accept(narrow):
        return Mixed(model=narrow, wider=(), evaluations=1)
    noise = layer_noise(model, narrow, [array[:_RANKED_ON] for array in as_arrays(samples)])
    ranking = [layer.name for layer in sorted(noise, key=lambda layer: layer.own_snr_db or 0.0)]
    return _search(model, found, ranking, accept)


def _search(
    model: onnx.ModelProto, found: Calibration, ranking: Sequence[str], accept: Callable[[onnx.ModelProto], bool]
) -> Mixed:
    """Find the smallest number of layers from the start of `ranking` that is accepted.

    The number doubles from 1 until it is accepted, and bisection then narrows it down. Acceptance is not monotonic,
    since a few images near the limit decide it: n layers may pass where 2n fail. A search from below finds the n.
    """
    too_few, enough, evaluations = 0, 1, 1
    graph = best = to_int8(model, found, frozenset(ranking))
    while enough < len(ranking):
        graph = to_int8(model, found, frozenset(ranking[:enough]))
        evaluations += 1
        if accept(graph):
            best = graph
            break
        too_few, enough = enough, min(2 * enough, len(ranking))
    while enough - too_few > 1:
        count = (too_few + enough) // 2
        graph = to_int8(model, found, frozenset(ranking[:count]))
        evaluations += 1
        if accept(graph):
            enough, best = count, graph
        else:
            too_few = count
    return Mixed(model=best, wider=tuple(ranking[:enough]), evaluations=evaluations)
