"""A real browser for the tests of pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"viewport": {"width": 1200, "height": 900}}
PHONE = {"device_scale_factor": 3, "is_mobile": True, "has_touch": True, "color_scheme": "dark"}


def missing(what: str) -> None:
    """Skip the test on a developer's machine; fail in CI, which installs everything."""
    message = f"{what}; `.ci/run` shows how to install it"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def chromium_launcher() -> Iterator[Callable[..., Any]]:
    """Yield a function that starts headless Chromium with arguments. Every browser is closed at the end.

    Playwright drives any number of browsers, but its synchronous interface allows itself only once in a process.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        missing("no Chromium is installed")
    with sync_playwright() as driver, ExitStack() as started:

        def launch(*arguments: str) -> Any:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", *arguments])
            started.callback(browser.close)
            return browser

        yield launch
