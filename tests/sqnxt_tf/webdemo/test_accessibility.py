"""The page for people who use a keyboard, a screen reader or strong contrast: axe-core finds no violation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.browsers import DESKTOP
from helpers.npm_packages import AXE, install
from helpers.strokes import DIGITS
from helpers.webdemo_page import PHONE, answer_to, answer_to_drawing, opened, wait_for

pytestmark = pytest.mark.slow

SCREENS = {"desktop": {**DESKTOP, "color_scheme": "light"}, "phone in the dark": PHONE}
SHORT = """async () => (await axe.run()).violations.flatMap(
    ({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`))"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return (install(AXE, tmp_path_factory.mktemp("axe")) / "axe.min.js").read_text("utf-8")


@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_no_violation_in_any_state(
    browser: Any, digit_site: str, digit_pictures: list[Path], axe: str, screen: str
) -> None:
    with opened(browser, digit_site, init=axe, **SCREENS[screen]) as page:
        assert page.evaluate(SHORT) == [], "nothing is drawn"
        answer_to_drawing(page, DIGITS[3])
        assert page.evaluate(SHORT) == [], "a drawing is answered"
        page.click("[data-source=camera]")
        wait_for(page, "Number(rate.textContent) > 0")
        assert page.evaluate(SHORT) == [], "the camera films"
        page.click("[data-source=image]")
        assert page.evaluate(SHORT) == [], "no picture is chosen"
        answer_to(page, digit_pictures[0])
        page.evaluate("document.getElementById('update').hidden = false")
        assert page.evaluate(SHORT) == [], "a picture is answered, and a newer page waits"


def test_axe_finds_no_violation_in_a_page_that_failed(browser: Any, photo_site: str, axe: str) -> None:
    with browser.new_context(service_workers="block", **DESKTOP) as context:
        page = context.new_page()
        page.add_init_script(axe)
        page.route("**/models.json", lambda route: route.fulfill(status=404))
        page.goto(photo_site)
        page.wait_for_selector("body[data-state=failed]")
        assert page.evaluate(SHORT) == []
        page.evaluate("document.getElementById('pad').removeAttribute('aria-label')")
        assert len(page.evaluate(SHORT)) == 1, "axe does find one where there is one"
