"""Spaces that are summed from tables: every pair has the costs that its network has alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqnxt_tf.exploration.candidates import Coster
from sqnxt_tf.exploration.enumeration import enumerate_space
from sqnxt_tf.exploration.space import Point
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.progress import silent

SPACE = """
classes = 10
sparsity = 0.4
[network]
stage1 = [3, 1]
stage2 = [1, 2]
stage3 = [2, 5]
stage4 = [1, 3]
total_blocks = [6, 7, 8]
stem_kernel = [3, 7]
width = [0.5, 1]
transition = ["parallel", "conv-first"]
groups = [1, 3]
aggregate = [false, true]
input_size = [5, 75]
[accelerator]
base = ["squeezelerator-8x8", "ethos-u65-256"]
array = ["8x8", "4x16"]
buffer_kib = [2, 64]
"""


def test_every_pair_costs_what_its_network_costs_alone(tmp_path: Path) -> None:
    """Some have no network (3 groups, 5 pixels), and a buffer of 2 KiB holds no tile of some layers."""
    (tmp_path / "mixed.toml").write_text(SPACE)
    space = load_space(tmp_path / "mixed.toml")
    told: list[tuple[int, int]] = []
    found = enumerate_space(space, lambda task, done, total, **_: told.append((done, total)))
    points = list(space.points())
    assert len(found) == len(points) == space.size
    assert told[-1] == (space.size, space.size)
    expected = list(Coster(space).cost_all(points))
    assert any(one is None for one in expected[: len(points) // 2])
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            assert (ours.spec, ours.input_size, ours.accelerator) == (
                theirs.spec,
                theirs.input_size,
                theirs.accelerator,
            )
            assert ours.figures == pytest.approx(theirs.figures, rel=1e-12)


def test_squeezenets_cost_what_they_cost_alone() -> None:
    space = load_space("squeezenet", only={"base_expand": ["64"], "fraction_3x3": ["0.01", "0.99"]})
    coster = Coster(space)
    for point, candidate in zip(space.points(), enumerate_space(space, silent), strict=True):
        assert candidate is not None
        assert candidate.figures == pytest.approx(coster.cost(point).figures, rel=1e-12)


def test_a_listed_network_is_found_by_its_dimensions() -> None:
    space = load_space("digits")
    for point, candidate in zip(space.points(), enumerate_space(space, silent), strict=True):
        assert candidate is not None
        assert Point(candidate.spec, candidate.input_size, 0) == point
