"""What is kept of networks that were judged, and how far two rankings agree."""

from __future__ import annotations

import random
from contextlib import suppress
from math import isnan
from pathlib import Path

import pytest

from helpers.hostile_texts import damaged_bytes
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.supernet.judgements import Judgements
from sqnxt_tf.supernet.rank_correlation import kendall_tau


def test_accuracies_are_there_again_and_those_of_another_supernet_are_not(tmp_path: Path) -> None:
    path = tmp_path / "super.judged.csv"
    first = Judgements(path, "one")
    assert first.get("sqnxt23v5_w1", 128) is None
    first.add("sqnxt23v5_w1", 128, 1 / 3)
    first.add("sqnxt23v5_w1", 96, 0.25)
    again = Judgements(path, "one")
    assert (len(again), again.get("sqnxt23v5_w1", 128), again.get("sqnxt23v5_w1", 96)) == (2, 1 / 3, 0.25)
    assert len(Judgements(path, "other")) == 0


def test_a_line_that_a_kill_cut_short_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "super.judged.csv"
    Judgements(path, "one").add("a", 32, 0.5)
    whole = path.read_text()
    path.write_text(whole + "one,b,32,0.12")
    cut = Judgements(path, "one")
    assert (cut.get("a", 32), cut.get("b", 32)) == (0.5, None)
    cut.add("c", 32, 0.75)
    cut.add("d", 32, 0.25)
    known = Judgements(path, "one")
    assert (known.get("a", 32), known.get("b", 32), known.get("d", 32)) == (0.5, None, 0.25)


def test_damaged_files_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    path, draw = tmp_path / "super.judged.csv", random.Random(1)
    for place in range(20):
        Judgements(path, "one").add(f"network{place}", 32, place / 20)
    whole = path.read_bytes()
    for _ in range(100):
        path.write_bytes(damaged_bytes(whole, draw))
        with suppress(SqnxtError):  # refused in one line, and nothing else is raised
            assert len(Judgements(path, "one")) <= 30


@pytest.mark.parametrize(
    ("first", "second", "tau"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4), 1),
        ((1, 2, 3, 4), (4, 3, 2, 1), -1),
        ((1, 2, 3, 4), (1, 3, 2, 4), 4 / 6),
        # of ten pairs: seven in order, one tied in the first, one in the second, one in opposite order: 6 / sqrt(9 * 9)
        ((1, 1, 2, 3, 4), (1, 2, 2, 5, 4), 6 / 9),
    ],
)
def test_kendalls_tau_of_rankings_that_were_counted_by_hand(
    first: tuple[float, ...], second: tuple[float, ...], tau: float
) -> None:
    assert kendall_tau(first, second) == pytest.approx(tau)


def test_kendalls_tau_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = random.Random(0)
    for _ in range(20):
        first, second = ([draw.randrange(8) for _ in range(15)] for _ in range(2))
        assert kendall_tau(first, second) == pytest.approx(stats.kendalltau(first, second).statistic)


def test_a_ranking_without_an_order_has_no_tau() -> None:
    assert isnan(kendall_tau((1, 1, 1), (1, 2, 3)))
