"""A drawing in the address: it comes back as it was, and an address that was made by somebody else does no harm."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from helpers.strokes import DIGITS
from helpers.webdemo_page import answer_to_drawing, opened, wait_for

pytestmark = pytest.mark.slow

READ = "async (text) => (await import('./js/sharing.js')).fromFragment(text, 255)"
WRITE = "async (strokes) => (await import('./js/sharing.js')).toFragment(strokes, 255)"


def fragment(*numbers: int) -> str:
    return "#drawing=" + base64.urlsafe_b64encode(bytes(numbers)).decode().rstrip("=")


def test_a_link_shows_the_drawing_to_another_visitor(browser: Any, digit_site: str) -> None:
    with opened(browser, digit_site) as page:
        page.click("#share")
        assert page.inner_text("#hint").startswith("Draw something")
        digit = answer_to_drawing(page, DIGITS[7])
        page.click("#share")
        wait_for(page, "hint.textContent.includes('link to this drawing')")
        address = page.url
        page.click("#clear")
        wait_for(page, "best.textContent === '–'")
    assert address.startswith(f"{digit_site}#drawing=")
    with opened(browser, address) as page:
        wait_for(page, f"best.textContent === '{digit}'")
        page.click("[data-source=image]")
        page.evaluate("location.hash = '#drawing=!'")  # no drawing: nothing happens
        page.evaluate("location.hash = ''")
        page.evaluate(f"location.hash = {'#' + address.partition('#')[2]!r}")
        wait_for(page, f"stage.dataset.shows === 'draw' && best.textContent === '{digit}'")


def test_strokes_survive_within_two_parts_of_a_side(browser: Any, photo_site: str) -> None:
    random = np.random.default_rng(5)
    strokes = [np.cumsum(random.integers(-4, 5, (count, 2)), 0) + 128 for count in (1, 2, 300)]
    with opened(browser, photo_site) as page:
        text = page.evaluate(WRITE, [stroke.clip(0, 255).tolist() for stroke in strokes])
        back = [np.array(stroke) for stroke in page.evaluate(READ, text)]
    for stroke, shared in zip(strokes, back, strict=True):
        drawn = stroke.clip(0, 255)
        np.testing.assert_array_equal(shared[[0, -1]], drawn[[0, -1]])
        assert len(shared) <= len(drawn)
        assert all(np.hypot(*(shared - point).T).min() <= 2 for point in drawn)


def test_what_is_no_drawing_is_nothing(browser: Any, photo_site: str) -> None:
    one = (0, 1, 9, 9)
    nothing = [
        "", "#", "#drawing=", "#drawing=%3Cscript%3E", "#drawing=A", "#drawing=AAAA====", "#other=AQABCQk",
        fragment(1), fragment(2, *one), fragment(1, *one[:3]), fragment(1, *one, 0), fragment(1, 0, 0),
        fragment(1, *one, 0, 0),
        fragment(1, 255, 255, 9, 9), fragment(1, *one * 201), fragment(1, 11, 185, *(9, 9) * 3001),
    ]  # fmt: skip
    with opened(browser, photo_site) as page:
        for text in nothing:
            assert page.evaluate(READ, text) is None, text[:40]
        assert page.evaluate(READ, fragment(1, *one)) == [[[9, 9]]]
        assert len(page.evaluate(READ, fragment(1, *one * 200))) == 200
        longest = fragment(1, 11, 184, *(9, 9) * 3000)
        assert len(page.evaluate(READ, longest)[0]) == 3000
        assert page.evaluate(WRITE, [[[0, 0], [9, 9]] * 1501]) == ""
        assert page.evaluate(WRITE, []) == ""
