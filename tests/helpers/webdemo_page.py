"""Steps of a user on the page, and what the page shows then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from helpers import browsers
from sqnxt_export import open_model, read_metadata

PHONE = {"viewport": {"width": 390, "height": 844}, **browsers.PHONE}
PATIENCE_S = 180  # nothing is timed here: a machine that is busy with other work may take its time
SETTLED = "body[data-state=ready], body[data-state=failed]"

# Artifacts of the network that knows digits, and the options that make each.
KINDS: dict[str, dict[str, Any]] = {
    "float32.tflite": {},
    "float16.tflite": {},
    "int8.tflite": {},
    "int16x8.tflite": {},
    "float32.onnx": {"batch": None},
    "float16.onnx": {},
    "int8.onnx": {},
    "int16.onnx": {},
    "pixels-int8.tflite": {"embed_preprocessing": True},
    "pixels-float32.onnx": {"embed_preprocessing": True},
}


@contextmanager
def opened(browser: Any, address: str, *, init: str = "", **options: Any) -> Iterator[Any]:
    """Yield a page that has loaded its first model; fail if it reports an error or requests another host."""
    context = browser.new_context(**{**browsers.DESKTOP, **options})
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.extend([message.text] if message.type == "error" else []))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("response", lambda response: wrong.extend([response.url] if response.status >= 400 else []))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(
        f"document.addEventListener('answer', (event) => (window.heard ??= []).push(event.detail)); {init}"
    )
    try:
        page.goto(address)
        page.wait_for_selector(SETTLED)
        yield page
    finally:
        context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith(address.rpartition("/")[0])] == []


def wait_for(page: Any, expression: str) -> None:
    """Wait until a condition on elements holds. (Playwright's own wait needs `eval`, which the page forbids.)"""
    for _ in range(10 * PATIENCE_S):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never: {expression}; the page says {page.inner_text('body')!r}")


def choose_model(page: Any, index: int) -> None:
    """Choose a model if the page offers several, and wait until it is ready."""
    if page.locator("#models label").count() > 1:
        page.locator("#models label").nth(index).click()
    page.wait_for_selector("body[data-state=ready]")


def answer_to(page: Any, picture: Path) -> Any:
    """Return the page's answer to a chosen file: the event's detail."""
    page.evaluate("window.heard = []")
    page.set_input_files("#file", picture)
    return last_answer(page)


def last_answer(page: Any) -> Any:
    """Wait until the page falls silent, since an answer to what it showed before may still be on its way."""
    wait_for(page, "window.heard.length > 0")
    count = 0
    while count != (count := page.evaluate("window.heard.length")):
        page.wait_for_timeout(400)
    return page.evaluate("window.heard.at(-1)")


def draw(page: Any, strokes: list[list[tuple[float, float]]]) -> None:
    """Draw strokes with the mouse on the pad, whose sides are 1."""
    page.click("#clear")
    box = page.locator("#pad").bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=2)
        page.mouse.up()


def answer_to_drawing(page: Any, strokes: list[list[tuple[float, float]]]) -> int:
    """Return the best class of the drawing after the last stroke."""
    page.evaluate("window.heard = []")
    draw(page, strokes)
    return int(np.argmax(last_answer(page)["outputs"]))


def expected(artifact: Path, picture: Path) -> Any:
    """Return Python's answer to an image."""
    metadata = read_metadata(artifact)
    assert metadata is not None
    assert metadata.preprocessing is not None
    with Image.open(picture) as image:
        return open_model(artifact).run(metadata.preprocessing.apply([image]))[0]
