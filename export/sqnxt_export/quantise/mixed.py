"""Mixed precision: as few layers as needed stay 16 bits wide in an int8 graph, the noisiest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.quantise.calibration import Calibration, calibrate
from sqnxt_export.quantise.noise import layer_noise
from sqnxt_export.quantise.qdq import to_int8

_RANKED_ON = 64
"""Samples that the layers are ranked on: the order of the worst does not change with more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """An int8 graph whose layers `wider` have 16-bit inputs and weights; `evaluations` is what finding it took."""

    model: onnx.ModelProto
    wider: tuple[str, ...]
    evaluations: int


def keep_worst_wider(
    model: onnx.ModelProto,
    samples: NDArray[np.float32],
    accept: Callable[[onnx.ModelProto], bool],
    method: str = "minmax",
) -> Mixed:
    """The int8 graph with the fewest of its worst layers at 16 bits that `accept` says yes to.

    Layers are ranked by the noise that each adds on exact inputs (`own_snr_db`): what a late layer inherits is not
    mended by widening it. On a MobileNet whose top-1 int8 takes from 60 % to 15 %, 4 of 28 layers ranked so bring it
    back, and ranked by the noise that has come together, all 28 are needed. n layers take at most 2 log2(n) + 2
    evaluations. Where even all of them at 16 bits are not accepted, that graph is the answer: the caller judges it.

    Args:
        model: The float32 graph.
        samples: Calibration samples, float32 NHWC.
        accept: Whether a graph keeps what has been promised.
        method: How 8-bit ranges are chosen.
    """
    found = calibrate(model, samples, method)
    narrow = to_int8(model, found)
    if accept(narrow):
        return Mixed(model=narrow, wider=(), evaluations=1)
    noise = layer_noise(model, narrow, samples[:_RANKED_ON])
    ranking = [layer.name for layer in sorted(noise, key=lambda layer: layer.own_snr_db or 0.0)]
    return _search(model, found, ranking, accept)


def _search(
    model: onnx.ModelProto, found: Calibration, ranking: Sequence[str], accept: Callable[[onnx.ModelProto], bool]
) -> Mixed:
    """Fewest of `ranking` from its start: 1, 2, 4, ... until it is enough, then bisection below that.

    A few samples near the border may let n layers pass and 2n fail; coming from below finds the n.
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
