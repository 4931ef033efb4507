"""What fits into a microcontroller, and whether the estimates of int8 files hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_export import Metadata, measure_micro
from sqnxt_tf.microcontroller.limits import estimate, what_would_fit


@settings(max_examples=15, deadline=None)
@given(
    flash=st.integers(1 << 16, 1 << 21), ram=st.integers(1 << 14, 1 << 20), network=st.sampled_from(["sqnxt23_w1", ""])
)
def test_what_is_said_to_fit_keeps_both_limits(flash: int, ram: int, network: str) -> None:
    found = what_would_fit(Metadata(network=network), (96, 96), 10, flash, ram)
    assert len(found) <= 3
    assert all(item.flash_bytes <= flash and item.arena_bytes <= ram for item in found)
    assert all(item == estimate(item.network, classes=10, input_size=item.input_size) for item in found)
    assert all(max(item.input_size) <= 96 for item in found)


def test_the_network_itself_is_named_where_a_smaller_image_is_enough() -> None:
    own = estimate("sqnxt23_w1", classes=10, input_size=(96, 96))
    found = what_would_fit(Metadata(network="sqnxt23_w1"), (96, 96), 10, own.flash_bytes, own.arena_bytes - 1)
    assert "sqnxt23_w1" in [item.network for item in found]


def test_nothing_is_named_where_nothing_fits() -> None:
    assert what_would_fit(Metadata(), (96, 96), 10, 1000, 1000) == ()


@pytest.mark.slow
def test_the_estimate_is_near_what_the_interpreter_measures(tmp_path: Path) -> None:
    from sqnxt_tf import export

    network, path = "squeezenet_v1_1", tmp_path / "net.tflite"
    export(network, path, format="tflite", precision="int8", io="int8", classes=10, input_size=64)
    memory, expected = measure_micro(path), estimate(network, classes=10, input_size=(64, 64))
    assert expected.flash_bytes == pytest.approx(memory.model_bytes, rel=0.06)
    assert expected.arena_bytes == pytest.approx(memory.arena_bytes, rel=0.06)
