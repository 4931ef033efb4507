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
    "report-desktop.png": ({**DESKTOP, "color_scheme": "light"}, "#model-2, #model-1"),
    "report-comparison.png": ({**DESKTOP, "color_scheme": "dark"}, "#comparison, #model-1"),
    "report-phone.png": ({**PHONE, "color_scheme": "dark"}, ""),
}
TALLEST = 1750  # pixels of a picture


def take(browser: Any, page_file: Path, target: Path, options: dict[str, Any], part: str) -> None:
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(page_file.as_uri())
    page.wait_for_selector("body[data-state=ready]")
    shown = page.locator(part).last if part else page.locator("body")
    box = shown.bounding_box()
    chart = page.locator("main > section").last.locator("figure:not([hidden]) svg").first
    chart.hover(position={"x": 200, "y": 150})
    clip = {**box, "height": min(box["height"], TALLEST)}
    box_now = shown.bounding_box()
    clip["y"] = box_now["y"] + page.evaluate("window.scrollY")
    page.screenshot(path=target, full_page=True, clip=clip)
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
