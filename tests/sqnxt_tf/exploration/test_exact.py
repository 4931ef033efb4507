"""The exact Pareto set is that of the enumerated space, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_sim import load_accelerator
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration import exact
from sqnxt_tf.exploration.cost_tables import FIGURES, Tables, depth_sums
from sqnxt_tf.exploration.dominance_grid import DominanceGrid
from sqnxt_tf.exploration.enumeration import enumerate_space
from sqnxt_tf.exploration.pairs import Column
from sqnxt_tf.exploration.pareto import pareto_front
from sqnxt_tf.exploration.space import OBJECTIVES, Space, to_minimise
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.exploration.stage_choices import useful_entries
from sqnxt_tf.progress import silent

BLOCKS = st.lists(st.integers(1, 5), min_size=1, max_size=3, unique=True)
BASE = load_accelerator("squeezelerator-8x8")
ARRAYS = tuple(
    replace(
        BASE,
        name=f"{rows}-{kib}-{clock:g}",
        array=replace(BASE.array, rows=rows, clock_hz=clock),
        buffer=replace(BASE.buffer, bytes=int(kib * 1024)),
    )
    for rows, kib, clock in ((8, 64, 5e8), (8, 2, 5e8), (4, 64, 5e8), (8, 64, 7e8), (16, 32, 5e8))
)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Small spaces; in some a buffer holds no tile, groups do not divide channels, or a sum of blocks is set."""
    dimensions: dict[str, tuple[Any, ...]] = {f"stage{n}": tuple(draw(BLOCKS)) for n in (1, 2, 3, 4)}
    for name, values in (
        ("stem_kernel", (3, 5)), ("width", (0.5, 1.0)), ("transition", ("parallel", "conv-first")),
        ("groups", (1, 3)), ("aggregate", (False, True)), ("input_size", (32, 40)),
    ):  # fmt: skip
        dimensions[name] = tuple(draw(st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)))
    accelerators = tuple(draw(st.lists(st.sampled_from(ARRAYS), min_size=1, max_size=4, unique=True)))
    least, most = (sum(choose(dimensions[f"stage{n}"]) for n in (1, 2, 3, 4)) for choose in (min, max))
    total = draw(st.one_of(st.just(()), st.tuples(st.just(least), st.integers(least, most))))
    return replace(
        load_space("paper"), dimensions=dimensions, accelerators=accelerators, total_blocks=total, classes=10
    )


OBJECTIVE_LISTS = st.lists(
    st.tuples(st.sampled_from(list(OBJECTIVES)), st.sampled_from(["", "", "+"])),
    min_size=1, max_size=4, unique_by=lambda one: one[0],
).map(lambda chosen: tuple(sign + name for name, sign in chosen))  # fmt: skip


@pytest.mark.parametrize(("at_once", "accelerators"), [(2**14, 64), (4, 2)], ids=["whole", "in portions"])
@settings(deadline=None, max_examples=15)
@given(space=spaces(), objectives=OBJECTIVE_LISTS, limited=st.sampled_from([None, *OBJECTIVES]))
def test_the_exact_front_is_that_of_all_pairs(
    at_once: int, accelerators: int, space: Space, objectives: tuple[str, ...], limited: str | None
) -> None:
    everything = enumerate_space(space, silent)
    possible = [one for one in everything if one is not None]
    limits: dict[str, float] = {}
    if limited is not None and possible:
        limits[limited] = float(np.median([one.figures[limited] for one in possible]))
    within = [one for one in possible if all(one.figures[name] <= limit for name, limit in limits.items())]
    values = np.array([[to_minimise(name, one.figures) for name in objectives] for one in within])
    expected = [within[index] for index in pareto_front(values)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "_AT_ONCE", at_once)
        patch.setattr(exact, "_ACCELERATORS", accelerators)
        found = exact.exact_front(space, objectives, limits, silent)
    assert found.impossible == len(everything) - len(possible)
    assert found.over_limits == len(possible) - len(within)
    key = [repr((one.spec, one.input_size, one.accelerator, one.figures)) for one in expected]
    assert sorted(repr((one.spec, one.input_size, one.accelerator, one.figures)) for one in found.members) == sorted(
        key
    )


@pytest.mark.parametrize("objectives", [("cycles", "energy", "+macs"), ("params",)])
def test_a_family_without_stages_is_searched_too(objectives: tuple[str, ...]) -> None:
    space = load_space("squeezenet", only={"base_expand": ["128"], "bypass": ["none", "complex"]})
    candidates = [one for one in enumerate_space(space, silent) if one is not None]
    values = np.array([[to_minimise(name, one.figures) for name in objectives] for one in candidates])
    expected = {(one.network, one.accelerator) for one in (candidates[index] for index in pareto_front(values))}
    found = exact.exact_front(space, objectives, {}, silent)
    assert {(one.network, one.accelerator) for one in found.members} == expected


@settings(deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.tuples(
            st.lists(st.tuples(*[st.integers(0, 6)] * width), min_size=1, max_size=30),
            st.lists(st.tuples(*[st.integers(0, 6)] * width), min_size=1, max_size=30),
            st.tuples(*[st.sampled_from([1.0, -1.0, 1e9])] * width),
        )
    )
)
def test_what_the_grid_drops_is_dominated(rows: tuple[Any, Any, tuple[float, ...]]) -> None:
    known, asked = (0.0 + np.array(part, np.float64) * rows[2] for part in rows[:2])
    dropped = DominanceGrid(known).dominates(asked.T.copy())
    for candidate in asked[dropped]:
        assert (np.all(known <= candidate, axis=1) & np.any(known < candidate, axis=1)).any()


def test_the_grid_drops_most_of_what_is_dominated() -> None:
    rng = np.random.default_rng(0)
    known, asked = rng.uniform(1, 100, (2, 20_000, 3))
    dominated = len(asked) - np.count_nonzero(pareto_front(np.concatenate((asked, known))) < len(asked))
    assert np.count_nonzero(DominanceGrid(known).dominates(asked.T.copy())) > 0.95 * dominated


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(1, -1), (1, 1), (-1, -1)]), st.booleans())
def test_entries_are_left_out_only_if_no_member_has_them(seed: int, signs: tuple[int, int], fine: bool) -> None:
    """Differences in the last bit are lost in a sum: an entry that is worse by so little may be in an equal one."""
    rng = np.random.default_rng(seed)
    stages = []
    for size in rng.integers(1, 5, 3):
        entries = rng.integers(1, 4, (1, len(FIGURES), size)).astype(np.float64)
        stages.append(entries + fine * rng.integers(-1, 2, entries.shape) * 2.0**-51)
    tables = Tables(np.full((1, len(FIGURES), 1), 1000.0), tuple(stages))
    columns = [Column(row, False, sign < 0) for row, sign in enumerate(signs)]
    sums = depth_sums(tables.frame[0], [stage[0] for stage in stages])
    front = pareto_front(np.stack([sign * sums[row] for row, sign in enumerate(signs)], axis=1))
    useful = useful_entries(tables, columns)
    for entries, chosen in zip(np.unravel_index(front, [stage.shape[-1] for stage in stages]), useful, strict=True):
        assert set(entries.tolist()) <= set(chosen.tolist())


def test_a_front_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "MOST_MEMBERS", 5)
    with pytest.raises(SqnxtError, match="more than 5 pairs that none"):
        exact.exact_front(load_space("paper"), ("cycles", "energy", "+params"), {}, silent)
