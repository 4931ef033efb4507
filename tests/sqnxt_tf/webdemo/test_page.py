"""The page of digits in a real browser: Chromium, headless, from a host that sends plain files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.strokes import DIGITS
from helpers.webdemo_page import KINDS, PHONE, answer_to, answer_to_drawing, choose_model, expected, opened, wait_for

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("index", range(len(KINDS)), ids=list(KINDS))
def test_logits_equal_pythons(
    browser: Any, digit_site: str, digit_artifacts: Path, digit_pictures: list[Path], index: int
) -> None:
    """Check the page without threads, as the host does not send the headers that browsers require for them."""
    name = list(KINDS)[index]
    with opened(browser, digit_site) as page:
        assert not page.evaluate("crossOriginIsolated")
        choose_model(page, index)
        for picture in digit_pictures:
            answer = answer_to(page, picture)
            assert answer["model"] == name
            np.testing.assert_allclose(answer["outputs"], expected(digit_artifacts / name, picture), atol=1e-3, rtol=0)
            assert page.inner_text("#best") == picture.stem
        assert page.locator("#answers li").count() == 5
        assert float(page.inner_text("#latency")) > 0
        assert float(page.inner_text("#rate")) > 0


def test_drawn_digits_are_classified(browser: Any, digit_site: str) -> None:
    with opened(browser, digit_site) as page:
        answers = {digit: answer_to_drawing(page, strokes) for digit, strokes in DIGITS.items()}
        page.click("#undo")
        page.click("#clear")
        wait_for(page, "best.textContent === '–'")
    wrong = {digit: answer for digit, answer in answers.items() if digit != answer}
    assert len(wrong) <= 2, wrong  # 1,259 digits of one style are all that the network has seen


def test_size_and_place_of_a_drawing_do_not_matter(browser: Any, digit_site: str) -> None:
    small = [[(0.1 + x / 3, 0.6 + y / 3) for x, y in stroke] for stroke in DIGITS[0]]
    with opened(browser, digit_site) as page:
        assert answer_to_drawing(page, small) == answer_to_drawing(page, DIGITS[0]) == 0


def test_a_phone_in_the_dark(browser: Any, digit_site: str) -> None:
    with opened(browser, digit_site, **PHONE) as page:
        session = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in DIGITS[0][0]]
        kinds = ["touchStart", *["touchMove"] * (len(points) - 1)]
        for kind, (x, y) in zip(kinds, points, strict=True):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        wait_for(page, "best.textContent === '0'")
        assert page.evaluate("scrollY") == 0, "drawing must not scroll the page"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        for size in ({"width": 320, "height": 568}, {"width": 844, "height": 390}):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
        sizes = page.eval_on_selector_all(
            "button, #models label", "all => all.filter(e => e.offsetHeight).map(e => e.offsetHeight)"
        )
        assert min(sizes) >= 36, "large enough for a finger"
        colours = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        page_light, ink_light = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
        assert page_light < 100
        assert ink_light > 600


def test_one_finger_draws_and_a_second_one_does_not(browser: Any, photo_site: str) -> None:
    """Check two touches at once, as when a hand rests on the glass: neither continues the other's stroke."""
    with opened(browser, photo_site, **PHONE) as page:
        session = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()

        def touch(kind: str, *points: tuple[float, float]) -> None:
            at = [
                {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": number}
                for number, (x, y) in enumerate(points)
            ]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

        palm = (0.9, 0.9)
        touch("touchStart", (0.1, 0.1))
        touch("touchStart", (0.1, 0.2), palm)
        for step in range(3, 10):
            touch("touchMove", (0.1, step / 10), palm)
        touch("touchEnd", palm)
        touch("touchEnd")
        wait_for(page, "window.heard.length > 0")
        ink = """([x, y]) => pad.getContext('2d').getImageData(x * pad.width, y * pad.height, 1, 1).data[3]"""
        assert [page.evaluate(ink, place) for place in ([0.1, 0.5], palm, [0.5, 0.5])] == [255, 0, 0]


def test_the_camera_reads_a_digit_on_paper(browser: Any, digit_site: str) -> None:
    with opened(browser, digit_site) as page:
        page.click("[data-source=camera]")
        wait_for(page, "best.textContent === '0'")
        wait_for(page, "Number(rate.textContent) > 0")
        assert page.inner_text("#rate-name") == "frames / s"
        page.click("#flip")
        wait_for(page, "best.textContent === '0'")
        choose_model(page, 1)
        wait_for(page, "best.textContent === '0'")
        page.click("[data-source=draw]")
        wait_for(page, "hint.textContent.startsWith('Waiting for a drawing')")
        assert page.evaluate("document.getElementById('video').srcObject") is None, "the camera is off"


def test_without_a_camera_the_page_says_so(browser: Any, digit_site: str) -> None:
    nothing = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
    refused = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
    for init, hint in ((nothing, "https"), (refused, "allow it")):
        with opened(browser, digit_site, init=init) as page:
            page.click("[data-source=camera]")
            wait_for(page, f"hint.textContent.includes('{hint}')")
