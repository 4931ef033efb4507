"""Parity: which differences pass, which fail, and by which figure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_export import PRECISIONS, ExportError, Judging, compare_all, compare_outputs

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
    reference = 2 * np.eye(10, dtype=np.float32)[np.arange(200) % 10] - 1
    reference[5:] *= 2
    for wrong, passed in [(2, True), (4, True), (5, False)]:  # 98 % of 200 may still be 99 %, 97.5 % surely is less
        logits = reference.copy()
        logits[:wrong] += 0.53 * (np.roll(reference[:wrong], 1, axis=1) - reference[:wrong])
        parity = compare_outputs(reference, logits, "int16x8", trained=True)
        assert parity.max_rel_diff > 0.5
        assert parity.passed is passed
        assert not compare_outputs(reference, logits, "int16x8").passed


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("trained", [False, True])
def test_a_threshold_without_scale_holds_in_every_case(precision: str, trained: bool) -> None:
    """The same answers do not excuse outputs that have little to do with the model's."""
    reference = np.eye(10, dtype=np.float32)[np.arange(200) % 10]
    shifted = reference + np.where(np.arange(200) % 2, 0.25, -0.25).astype(np.float32)[:, None]
    assert (shifted.argmax(axis=1) == reference.argmax(axis=1)).all()
    for scale in (1e-6, 1.0, 1e6):
        parity = compare_outputs(scale * reference, scale * shifted, precision, trained=trained)
        assert not parity.passed
        assert parity.sqnr_db == pytest.approx(10 * np.log10(0.09 / 0.0625), abs=0.01)


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


def test_a_regressor_is_never_taken_for_a_classifier() -> None:
    values = np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32)
    noisy = values + np.random.default_rng(3).normal(0, 0.1, values.shape).astype(np.float32)
    boxes = [("boxes", values), ("classes", LOGITS[:50])]
    found = compare_all(boxes, [noisy, LOGITS[:50]], "int8", Judging(trained=True, classes=10)).outputs
    assert [(output.task, output.top1_agreement) for output in found] == [("regressor", None), ("classifier", 1.0)]
    assert compare_outputs(values, noisy, "int8", trained=True, task="regressor").passed
    assert compare_outputs(values, noisy, "int8", trained=True).top1_agreement is not None  # one vector of numbers
    assert compare_outputs(values[:, :1], noisy[:, :1], "int8", trained=True).top1_agreement is None


def test_maps_are_judged_pixel_by_pixel_where_they_hold_classes() -> None:
    random = np.random.default_rng(4)
    scores = np.exp(random.normal(size=(3, 8, 8, 5)))
    classes = (scores / scores.sum(axis=-1, keepdims=True)).astype(np.float32)
    wrong = classes.copy()
    wrong[0, :2] = np.roll(wrong[0, :2], 1, axis=-1)  # 16 of 192 pixels
    parity = compare_outputs(classes, wrong, "int8", trained=True)
    assert (parity.passed, parity.top1_agreement) == (False, pytest.approx(1 - 16 / 192))
    picture = random.uniform(0, 1, (3, 8, 8, 3)).astype(np.float32)
    assert compare_outputs(picture, picture + np.float32(0.01), "int8", trained=True).top1_agreement is None
    assert compare_outputs(picture, picture, "int8", task="map").top1_agreement == 1
    labelled = compare_all([("map", picture)], [picture], "int8", Judging(classes=3))
    assert labelled.outputs[0].top1_agreement == 1


def test_every_output_counts() -> None:
    spoilt = LOGITS[:, ::-1].copy()
    for place, name in enumerate(("first", "second")):
        outputs = [LOGITS, LOGITS]
        outputs[place] = spoilt
        parity = compare_all([("first", LOGITS), ("second", LOGITS)], outputs, "float32", Judging())
        assert not parity.passed
        assert f"output '{name}'" in parity.reason
        assert [output["passed"] for output in parity.to_json()["outputs"]] == [place != 0, place != 1]
    with pytest.raises(ExportError, match="1 outputs against 2"):
        compare_all([("first", LOGITS), ("second", LOGITS)], [LOGITS], "float32", Judging())


def test_answers_that_are_all_alike_prove_nothing() -> None:
    constant = np.repeat(LOGITS[:1], 200, axis=0)
    even = np.full((200, 10), 0.1, np.float32)
    for reference in (constant, even, 1e-17 * LOGITS, np.zeros((200, 10), np.float32)):
        parity = compare_outputs(reference, reference, "int8")
        assert parity.passed
        assert parity.proves_nothing
    assert not compare_outputs(LOGITS, LOGITS, "int8").proves_nothing


def test_rounding_of_float32_is_no_difference() -> None:
    """The range of an output may be far smaller than its values."""
    reference = (1000 + 0.001 * LOGITS).astype(np.float32)
    assert compare_outputs(reference, np.nextafter(reference, np.float32(np.inf)), "float32").passed
    assert not compare_outputs(reference, reference + np.float32(0.1), "float32").passed


def test_integers_are_compared_as_they_are() -> None:
    scores = np.exp(2 * LOGITS)
    exact = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    rounded = np.round(exact * 256) / np.float32(256)
    judging = Judging(trained=True, rounded=True)
    assert compare_all([("p", exact)], [rounded], "int8", judging).max_rel_diff < 0.01
    with pytest.raises(ExportError, match="task 'boxes': unknown"):
        Judging(task="boxes")
