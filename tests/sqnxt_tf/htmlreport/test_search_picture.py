"""The interactive picture of a search in headless Chromium: it fits any width, its menus work, it loads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sqnxt_tf.reports.search_picture import draw_search
from sqnxt_tf.workflows.search import search

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("search") / "picture.html"
    draw_search(search("paper"), path)
    return path


@pytest.mark.parametrize("width", [390, 1200])
def test_the_picture_fits_the_screen_and_its_menus_change_the_axes(browser: Any, picture: Path, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 760}, is_mobile=width < 600, offline=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if request.url != picture.as_uri() else None)
    try:
        page.goto(picture.as_uri())
        page.wait_for_selector(".updatemenu-header")
        size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight, innerWidth, innerHeight]"
        assert page.evaluate(size) == [width, 760, width, 760]
        title, *menus = (
            page.locator(part).nth(place).bounding_box()
            for part, place in ((".gtitle", 0), (".updatemenu-header", 0), (".updatemenu-header", 1))
        )
        assert title["x"] >= 0
        assert title["x"] + title["width"] <= width
        upper, lower = sorted([title, *menus], key=lambda box: box["y"])[1:]
        assert title["y"] + title["height"] <= upper["y"]
        assert upper["y"] + upper["height"] <= lower["y"]
        for header, entry, axis in (("x: cycles", "x: params", ".xtitle"), ("y: energy", "y: macs", ".ytitle")):
            page.locator(".updatemenu-header", has_text=header).click()
            page.locator(".updatemenu-dropdown-button", has_text=entry).click()
            page.locator(axis, has_text={"x: params": "parameters", "y: macs": "MACs of one image"}[entry]).wait_for()
        assert wrong == []
    finally:
        context.close()
