"""How far an artifact may be from its model, for each precision. `benchmarks/gate_thresholds.py` measures the figures.

Every output is held to all of them in every case, trained or not, except that `MAX_REL_DIFF` of 8-bit precisions gives
way to top-1 where the model is a trained classifier.
"""

from __future__ import annotations

MAX_REL_DIFF = {"float32": 1e-4, "float16": 5e-3, "int16": 1e-3, "int8-weights": 0.2, "int8": 0.5, "int16x8": 0.5}
"""Largest allowed difference over the largest reference value.

The 8-bit figures are sanity bounds. Eight-bit weights carry a rounding error of up to 0.4 % of a channel's largest
weight in every layer, and the error accumulates with depth: the logits of an untrained network, which lie close
together, may differ by tens of per cent. A wrong graph (weights permuted, a scale lost, a layer dropped) differs by the
size of the logits themselves, that is by about 1. Those of `int8-weights` are two to three times the worst of 31
models, since nothing is calibrated there. The cost of 8 bits to a trained model is judged by `MIN_AGREEMENT` as well.
"""
MAX_RANGE_DIFF = {"float32": 1e-4, "float16": 1e-2, "int16": 2e-3, "int8-weights": 0.12, "int8": 0.5, "int16x8": 0.5}
"""Largest allowed difference over the range of the output, that is, its largest minus its smallest reference value."""
MIN_SQNR_DB = {"float32": 80.0, "float16": 40.0, "int16": 50.0, "int8-weights": 12.0, "int8": 10.0, "int16x8": 10.0}
"""Smallest signal-to-quantisation-noise ratio in decibels: variance of the reference over the mean squared error."""
MIN_AGREEMENT = {"int8-weights": 0.99, "int8": 0.99, "int16x8": 0.99}
"""Top-1 agreement required of trained models, as a fraction of the samples (of a map, of its pixels). In the other
precisions, every sample whose best two logits are further apart than the tolerance must keep its answer."""
