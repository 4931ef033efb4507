from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.networks.registry import layer_rows
from sqnxt_tf.training.estimates import Workload, bounded, workload_of_model
from sqnxt_tf.training.recipe_files import PAPER, PHOTOS

SMALL = Workload.of_rows(layer_rows("tiny_darknet", classes=10, input_size=96))


@given(st.integers(1, 5000), st.integers(10**9, 10**12))
def test_a_batch_fits_into_half_of_the_memory_or_is_as_small_as_batch_norm_bears(wanted: int, memory: int) -> None:
    batch = SMALL.largest_batch(wanted, memory=memory)
    assert batch <= wanted
    assert SMALL.bytes_for(batch) <= memory / 2 or batch == min(wanted, 8)
    assert batch == wanted or SMALL.bytes_for(wanted) > memory / 2


def test_the_rate_follows_a_batch_that_memory_bounds() -> None:
    smaller = bounded(PAPER, SMALL, memory=8 * 10**9)
    assert smaller.batch < PAPER.batch
    assert smaller.rate == pytest.approx(PAPER.rate * smaller.batch / PAPER.batch)
    assert bounded(PHOTOS, SMALL, memory=8 * 10**9) == PHOTOS


@pytest.mark.parametrize("network", ["tiny_darknet", "squeezenet_v1_1"])
def test_a_keras_model_counts_what_its_rows_do(network: str) -> None:
    rows = Workload.of_rows(layer_rows(network, classes=10, input_size=64))
    model = workload_of_model(build(network, classes=10, input_size=64))
    assert model.macs == rows.macs
    assert rows.elements < model.elements < 4 * rows.elements  # batch norm and ReLU write maps of their own there
