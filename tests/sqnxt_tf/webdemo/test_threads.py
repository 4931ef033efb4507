"""The page on a host that sends the headers for threads: the same answers, from more than one thread."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.webdemo_page import KINDS, answer_to, choose_model, expected, opened

pytestmark = pytest.mark.slow


class Isolating(http.server.SimpleHTTPRequestHandler):
    """A host that lets pages share memory between threads."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def isolated_site(host: tuple[Path, str], digit_site: str) -> Iterator[str]:
    """Return the address of the digits' site on a host that sends COOP and COEP."""
    handler = functools.partial(Isolating, directory=str(host[0]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/some/where/digits/"
        server.shutdown()
        thread.join()


def test_threads_are_used_and_change_no_answer(
    browser: Any, isolated_site: str, digit_artifacts: Path, digit_pictures: list[Path]
) -> None:
    cores = "Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 });"
    started = "const Plain = Worker; Worker = class extends Plain { constructor(...all) { super(...all); " + (
        "window.workers = (window.workers ?? 0) + 1; } };"
    )
    with opened(browser, isolated_site, init=cores + started) as page:
        assert page.evaluate("crossOriginIsolated")
        workers = [page.evaluate("window.workers ?? 0")]  # those of the first model, which is LiteRT's
        for index, name in enumerate(KINDS):
            choose_model(page, index)
            assert page.inner_text("#latency-name") == "ms a run, 2 threads", name
            answer = answer_to(page, digit_pictures[3])
            wanted = expected(digit_artifacts / name, digit_pictures[3])
            np.testing.assert_allclose(answer["outputs"], wanted, atol=1e-3, rtol=0, err_msg=name)
        workers.append(page.evaluate("window.workers"))
    assert 0 < workers[0] < workers[1], "both runtimes started threads"
