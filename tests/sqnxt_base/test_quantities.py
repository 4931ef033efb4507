"""Numbers with suffixes, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_base.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "thousand", "number"),
    [
        ("940k", 1000, 940_000), ("2.5e6", 1000, 2.5e6), ("1M", 1000, 1e6), (" 3G ", 1000, 3e9), ("64K", 1024, 65_536),
        ("64Ki", 1000, 65_536), ("1.5Mi", 1000, 1.5 * 2**20), ("-2k", 1000, -2000), ("7", 1024, 7),
    ],
)  # fmt: skip
def test_suffixes(text: str, thousand: int, number: float) -> None:
    assert parse_quantity(text, thousand) == number


@pytest.mark.parametrize("text", ["", "K", "1KK", "1i", "1kb", "K1", "1K2", "one", "Ki", "1KiB"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="could not"):
        parse_quantity(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_plain_number_is_itself(number: float) -> None:
    assert parse_quantity(repr(number)) == number
