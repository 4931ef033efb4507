"""Pareto sets compared with the definition of dominance."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_tf.exploration.pareto import dominators, pareto_front, rank_of

TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.tuples(*[st.integers(0, 6)] * width), min_size=1, max_size=30)
)


def dominates(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@settings(deadline=None)
@given(TABLES)
def test_the_front_is_what_nobody_dominates(rows: list[tuple[int, ...]]) -> None:
    expected = [i for i, row in enumerate(rows) if not any(dominates(other, row) for other in rows)]
    assert pareto_front(np.array(rows, dtype=np.float64)).tolist() == expected


@settings(deadline=None)
@given(TABLES)
def test_dominators_are_no_worse_anywhere_and_better_somewhere(rows: list[tuple[int, ...]]) -> None:
    figures = np.array(rows, dtype=np.float64)
    for row in rows:
        expected = [i for i, other in enumerate(rows) if dominates(other, row)]
        assert dominators(figures, np.array(row, dtype=np.float64)).tolist() == expected


def test_equals_share_the_better_rank_of() -> None:
    values = np.array([3.0, 1.0, 2.0, 2.0])
    assert [rank_of(values, value) for value in (1.0, 2.0, 3.0)] == [1, 2, 4]
