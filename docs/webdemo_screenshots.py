"""Pictures of the page that `sqnxt-tf webdemo` writes, on a desktop and on a phone in the dark, for docs/webdemo.md.

    python docs/webdemo_screenshots.py digits-float32.tflite digits-int8.tflite ...

Needs what the page's tests need: npm, Chromium and playwright.
"""

import functools
import http.server
import math
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from sqnxt_tf import write_webdemo

HERE = Path(__file__).parent
SCREENS = {
    "webdemo-desktop.png": {"viewport": {"width": 1120, "height": 760}, "color_scheme": "light"},
    "webdemo-phone.png": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": "dark",
    },
}


def arc(x: float, y: float, radius: float, start: float, end: float) -> list[tuple[float, float]]:
    """Part of a circle on a pad whose sides are 1; degrees, clockwise from the right."""
    angles = [math.radians(start + (end - start) * step / 30) for step in range(31)]
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


THREE = [*arc(0.48, 0.34, 0.16, -150, 80), *arc(0.48, 0.66, 0.18, -80, 150)]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def take(browser: Any, address: str, target: Path, screen: dict[str, Any]) -> None:
    context = browser.new_context(**screen)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("body[data-state=ready]")
    box = page.locator("#pad").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in THREE]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()
    page.wait_for_timeout(1500)
    page.screenshot(path=target, full_page=True)
    context.close()


def main(models: list[str]) -> None:
    if not models:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        write_webdemo(models, Path(place) / "site")
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with served(Path(place) / "site") as address:
            for name, screen in SCREENS.items():
                take(chromium, address, HERE / name, screen)
                print(HERE / name)
        chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])
