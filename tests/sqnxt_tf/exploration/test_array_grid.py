"""Values of a grid of accelerators as text and as numbers, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sqnxt_sim import load_accelerator
from sqnxt_tf import SqnxtError
from sqnxt_tf.exploration.array_grid import ArrayGrid, parse_dimension

BASE = load_accelerator("squeezelerator-16x16")


def values(key: str, given: Any) -> tuple[float, ...]:
    return ArrayGrid.of(BASE, {key: given}).dimensions[key]


@pytest.mark.parametrize(
    ("key", "text", "numbers"),
    [
        ("array.rows", "8,16, 32", (8, 16, 32)),
        ("array.rows", "8..32:8", (8, 16, 24, 32)),
        ("array.rows", "8..30:8", (8, 16, 24)),
        ("array.rows", "3..5", (3, 4, 5)),
        ("array.rows", "4..64*4,7", (4, 16, 64, 7)),
        ("buffer.bytes", "64K,1M", (65536, 1048576)),
        ("buffer.bytes", "64..256K*64", (64, 4096, 262144)),
        ("dram.bytes_per_second", "1G,1.5g,2Gi", (1e9, 1.5e9, 2.0**31)),
        ("dram.bytes_per_second", "4G..16G*2", (4e9, 8e9, 16e9)),
        ("array.clock_hz", "500M,1e9", (5e8, 1e9)),
        ("buffer.capacity_divisor", "1.5..2.5:0.5", (1.5, 2.0, 2.5)),
    ],
)
def test_texts(key: str, text: str, numbers: tuple[float, ...]) -> None:
    assert values(key, text) == numbers
    assert [type(value) for value in values(key, text)] == [type(number) for number in numbers]


def test_numbers_are_taken_as_they_are() -> None:
    assert values("array.rows", [8, 16.0]) == (8, 16)
    assert values("energy.dram", range(100, 103)) == (100, 101, 102)


def test_a_grid_has_every_combination_and_nothing_else_changes() -> None:
    grid = ArrayGrid.of(BASE, {"array.rows": "8,16", "buffer.bytes": [4096, 8192, 65536]})
    assert [tuple(point.values()) for point in grid.points][:4] == [(8, 4096), (8, 8192), (8, 65536), (16, 4096)]
    for point, accelerator in zip(grid.points, grid.accelerators, strict=True):
        differing = {key for key, value in accelerator.numbers.items() if value != BASE.numbers[key]}
        assert differing <= set(point)
        assert {key: accelerator.numbers[key] for key in point} == point
        assert accelerator.origins["array.rows"].kind == "chosen"
        assert accelerator.origins["array.cols"] == BASE.origins["array.cols"]


def test_an_optional_number_may_be_swept() -> None:
    (accelerator,) = ArrayGrid.of(BASE, {"array.multiplier_bits": [8]}).accelerators
    assert accelerator.array.multiplier_bits == 8
    assert accelerator.numbers["array.multiplier_bits"] == 8


@pytest.mark.parametrize(
    ("dimensions", "fault"),
    [
        ({}, "sweep: has no dimension"),
        ({"array.row": "8"}, "sweep of 'array.row': is not a number of an accelerator file; did you mean array.rows"),
        ({"rows": "8"}, "did you mean array.rows"),
        ({"speed": "8"}, "known are array.rows, array.cols"),
        ({"array.rows": "0"}, "sweep of array.rows: 0 is out of range; give a whole number in 1..1024"),
        ({"array.rows": "8.5"}, "8.5 is out of range"),
        ({"array.rows": [True]}, "True is out of range"),
        ({"array.rows": []}, "has no value, or one twice"),
        ({"array.rows": "8,8"}, "has no value, or one twice"),
        ({"array.rows": "8,"}, "'' is not a number; give numbers as in 8,16,32"),
        ({"array.rows": "eight"}, "'eight' is not a number"),
        ({"array.rows": "8i"}, "'8i' is not a number"),
        ({"energy.dram": "nan"}, "nan is out of range"),
        ({"array.rows": "8..4"}, "has a range without an end"),
        ({"array.rows": "8..64:0"}, "has a range without an end"),
        ({"array.rows": "8..64*1"}, "has a range without an end"),
        ({"energy.dram": "0..1:1e-9"}, "has more than 10,000 values; take larger steps"),
        ({"array.rows": "1..1024", "array.cols": "1..1024"}, "has 1,048,576 accelerators"),
        ({"vector.operation_energy": "1"}, "squeezelerator-16x16 has no section [vector]"),
    ],
)
def test_what_is_refused(dimensions: dict[str, Any], fault: str) -> None:
    with pytest.raises(SqnxtError) as error:
        ArrayGrid.of(BASE, dimensions)
    assert fault in str(error.value)


def test_a_dimension_as_one_text() -> None:
    assert parse_dimension("array.rows = 8,16") == ("array.rows", "8,16")
    with pytest.raises(SqnxtError, match="has no values"):
        parse_dimension("array.rows")
