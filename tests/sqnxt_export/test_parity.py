"""Parity: which differences pass, which fail, and by which figure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_export import PRECISIONS, ExportError, compare_outputs

LOGITS = np.random.default_rng(0).normal(size=(200, 10)).astype(np.float32)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_equal_logits_pass_and_others_fail(precision: str) -> None:
    for trained in (False, True):
        same = compare_outputs(LOGITS, LOGITS.copy(), precision, trained=trained)
        assert (same.passed, same.max_abs_diff, same.top1_agreement, same.samples) == (True, 0, 1, 200)
        assert not compare_outputs(LOGITS, LOGITS[:, ::-1], precision, trained=trained).passed
        assert not compare_outputs(LOGITS, np.zeros_like(LOGITS), precision, trained=trained).passed


@given(st.sampled_from(["float32", "float16", "int16"]), st.floats(0.1, 10))
def test_the_threshold_is_relative_to_the_largest_logit(precision: str, factor: float) -> None:
    limit = {"float32": 1e-4, "float16": 5e-3, "int16": 1e-3}[precision]
    reference = LOGITS.astype(np.float32) * np.float32(1000)
    logits = reference.copy()
    logits[3, 4] += limit * factor * np.abs(reference).max()
    parity = compare_outputs(reference, logits, precision)
    if abs(factor - 1) > 0.05:
        assert parity.passed == (factor < 1)
    assert parity.max_rel_diff == pytest.approx(limit * factor, rel=0.05)


def test_close_calls_may_flip_and_clear_ones_may_not() -> None:
    reference = np.array([[1.0, 0.999, 0.0]] * 4, np.float32)
    assert compare_outputs(reference, reference[:, [1, 0, 2]], "float16", trained=True).passed
    clear = np.array([[1.0, 0.9, 0.0]] * 4, np.float32)
    parity = compare_outputs(clear, clear[:, [1, 0, 2]], "int8", trained=True)
    assert (parity.passed, parity.top1_agreement) == (False, 0)
    assert "top-1" in parity.reason


def test_eight_bits_are_judged_by_agreement_once_trained() -> None:
    reference = np.eye(10, dtype=np.float32)[np.arange(200) % 10]
    noisy = reference + np.float32(0.3)
    noisy[:, 0] -= 0.9 * (np.arange(200) % 10 != 0)
    assert compare_outputs(reference, noisy, "int8", trained=True).passed
    for wrong, passed in [(2, True), (3, False)]:
        logits = reference.copy()
        logits[:wrong] = np.roll(logits[:wrong], 1, axis=1)
        assert compare_outputs(reference, logits, "int16x8", trained=True).passed is passed


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("side", ["model", "artifact"])
def test_a_value_that_is_not_finite_fails(value: float, side: str) -> None:
    broken = LOGITS.copy()
    broken[5, 5] = value
    pair = (broken, LOGITS) if side == "model" else (LOGITS, broken)
    parity = compare_outputs(*pair, "int8", trained=True)
    assert not parity.passed
    assert side in parity.reason
    assert parity.to_json()["max_abs_diff"] is None


def test_bad_input() -> None:
    with pytest.raises(ExportError, match="same classes"):
        compare_outputs(LOGITS, LOGITS[:, :5], "float32")
    with pytest.raises(ExportError, match="shape"):
        compare_outputs(LOGITS[:0], LOGITS[:0], "float32")
    with pytest.raises(ExportError, match="unknown"):
        compare_outputs(LOGITS, LOGITS, "int4")
    zero = np.zeros((2, 3), np.float32)
    assert compare_outputs(zero, zero, "float32").passed
    assert not compare_outputs(zero, zero + 1, "float32").passed
