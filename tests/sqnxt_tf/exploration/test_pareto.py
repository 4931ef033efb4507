"""Pareto sets compared with the definition of dominance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_tf.exploration import pareto
from sqnxt_tf.exploration.pareto import dominators, is_dominated, pareto_front, rank_of

TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.tuples(*[st.integers(0, 6)] * width), min_size=1, max_size=30)
)


def dominates(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@pytest.mark.parametrize("few", [None, 1], ids=["as it is", "divided to the end"])
@settings(deadline=None)
@given(TABLES)
def test_the_front_is_what_nobody_dominates(few: int | None, rows: list[tuple[int, ...]]) -> None:
    expected = [i for i, row in enumerate(rows) if not any(dominates(other, row) for other in rows)]
    with pytest.MonkeyPatch.context() as patch:
        if few is not None:
            patch.setattr(pareto, "_SMALL", few)
            patch.setattr(pareto, "_FEW", few)
        assert pareto_front(np.array(rows, dtype=np.float64)).tolist() == expected


@pytest.mark.parametrize("values", [3, 50, 10**6], ids=["many equal", "some equal", "none equal"])
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_front_of_thousands(width: int, values: int) -> None:
    figures = np.random.default_rng(width).integers(-values, values, (800, width)).astype(np.float64)
    figures[:, -1] -= figures[:, 0]  # otherwise few are left
    expected = [i for i, row in enumerate(figures) if not len(dominators(figures, row))]
    assert pareto_front(figures).tolist() == expected


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_dominated_by_others(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    figures, by = (rng.integers(0, 5, (size, width)).astype(np.float64) for size in rng.integers(0, 30, 2))
    expected = [bool(np.all(by <= row, axis=1).any()) for row in figures]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pareto, "_FEW", 1)
        assert is_dominated(figures, by=by).tolist() == expected


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
