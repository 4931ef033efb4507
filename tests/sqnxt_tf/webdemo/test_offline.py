"""The site without a network, and a newer one that takes its place: a real browser, and a host that goes away."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.browsers import DESKTOP
from helpers.strokes import DIGITS
from helpers.webdemo_page import PATIENCE_S, SETTLED, answer_to_drawing, choose_model, wait_for
from sqnxt_tf.webdemo.site import write_webdemo

pytestmark = pytest.mark.slow

KEPT = "offline.textContent.startsWith('Works without a network')"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A plain static host."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[int]:
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@contextmanager
def visitor(browser: Any) -> Iterator[Any]:
    with browser.new_context(**DESKTOP) as context:
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.add_init_script("document.addEventListener('answer', (event) => (window.heard ??= []).push(event.detail))")
        yield page


@pytest.fixture(scope="module")
def models(digit_artifacts: Path) -> list[Path]:
    return [digit_artifacts / name for name in ("float32.onnx", "int8.onnx")]


@pytest.fixture
def site(models: list[Path], digit_site: str, tmp_path: Path) -> Path:
    """Return the folder of a host with a site in a sub-folder. (The larger site filled npm's cache before.)"""
    write_webdemo(models, tmp_path / "host" / "digits", title="First")
    return tmp_path / "host"


def test_after_one_visit_it_needs_no_network_and_a_newer_one_replaces_it(
    browser: Any, site: Path, models: list[Path]
) -> None:
    with visitor(browser) as page:
        with served(site) as port:
            address = f"http://127.0.0.1:{port}/digits/"
            page.goto(address)
            page.wait_for_selector(SETTLED)
            wait_for(page, KEPT)
            choose_model(page, 1)
            choose_model(page, 0)
            digit = answer_to_drawing(page, DIGITS[7])
        page.goto(f"{address}?from=home#drawing=none")
        page.wait_for_selector(SETTLED)
        for model in (0, 1):  # both were used
            choose_model(page, model)
            assert answer_to_drawing(page, DIGITS[7]) == digit
        assert page.is_hidden("#update")
        first = page.evaluate("caches.keys()")
        write_webdemo(models[1:], site / "digits", title="Second", force=True)
        with served(site, port):
            page.goto(address)
            page.wait_for_selector("#update:not([hidden])")
            assert page.inner_text("h1") == "First", "parts of two versions are never mixed"
            with page.expect_navigation():  # the page loads itself again, and answers nothing while it does
                page.click("#update")
            wait_for(page, "title.textContent === 'Second'")
            page.wait_for_selector(SETTLED)
            wait_for(page, KEPT)
        page.reload()
        page.wait_for_selector(SETTLED)
        assert page.inner_text("h1") == "Second"
        answer_to_drawing(page, DIGITS[7])
        second = page.evaluate("caches.keys()")
    assert len(first) == len(second) == 1
    assert first != second


def test_two_sites_of_one_host_keep_their_own(browser: Any, site: Path, models: list[Path]) -> None:
    shutil.copytree(site / "digits", site / "more")
    with visitor(browser) as page, served(site) as port:
        for name in ("digits", "more"):
            page.goto(f"http://127.0.0.1:{port}/{name}/")
            page.wait_for_selector(SETTLED)
            wait_for(page, KEPT)
        kept = page.evaluate("caches.keys()")
    assert len(kept) == 2


def test_browsers_offer_to_install_it(browser: Any, site: Path) -> None:
    with visitor(browser) as page, served(site) as port:
        page.goto(f"http://127.0.0.1:{port}/digits/")
        page.wait_for_selector(SETTLED)
        session = page.context.new_cdp_session(page)
        manifest = session.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert json.loads(manifest["data"])["name"] == "First"
        faults = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [fault["errorId"] for fault in faults if fault["errorId"] != "in-incognito"] == []
