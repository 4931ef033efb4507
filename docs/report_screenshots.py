"""Pictures of the page that `sqnxt-tf report` writes, on a desktop and on a phone in the dark, for docs/report.md.

    python docs/report_screenshots.py sqnxt23.onnx sqnxt23v5.onnx ...

Needs what the page's tests need: Chromium and playwright.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from sqnxt_tf import write_report

HERE = Path(__file__).parent
DESKTOP = {"viewport": {"width": 1180, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
SCREENS: dict[str, tuple[dict[str, Any], str]] = {  # file -> context, and the part of the page that is shown
    "report-desktop.png": ({**DESKTOP, "color_scheme": "light"}, ".model"),
    "report-comparison.png": ({**DESKTOP, "color_scheme": "dark"}, "#comparison"),
    "report-phone.png": ({**PHONE, "color_scheme": "dark"}, "body"),
}
TALLEST = 1750  # pixels of a picture


def take(browser: Any, page_file: Path, target: Path, options: dict[str, Any], part: str) -> None:
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.wait_for_selector("body[data-state=ready]")
    parts = page.locator(part)
    shown = parts.nth(min(1, parts.count() - 1))
    box = shown.bounding_box()
    chart = shown.locator("figure:not([hidden]) svg").first.bounding_box()
    page.set_viewport_size({"width": options["viewport"]["width"], "height": round(box["y"] + box["height"]) + 40})
    page.mouse.move(chart["x"] + 0.145 * chart["width"], chart["y"] + 0.7 * chart["height"])
    page.screenshot(path=target, clip={**box, "height": min(box["height"], TALLEST)})
    context.close()


def main(models: list[str]) -> None:
    if not models:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        page_file = Path(place) / "report.html"
        write_report(models, page_file)
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (options, part) in SCREENS.items():
            take(chromium, page_file, HERE / name, options, part)
            print(HERE / name)
        chromium.close()


if __name__ == "__main__":
    main(sys.argv[1:])
