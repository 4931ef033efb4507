"""The page for photos, and its errors, in a real browser: headless Chromium."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.strokes import DIGITS
from helpers.webdemo_page import PATIENCE_S, answer_to, answer_to_drawing, expected, opened, wait_for
from sqnxt_export import Preprocessing
from sqnxt_tf.device.classification import probabilities

pytestmark = pytest.mark.slow


def test_another_picture_can_be_chosen_by_keyboard(browser: Any, photo_site: str, digit_pictures: list[Path]) -> None:
    with opened(browser, photo_site) as page:
        answer_to(page, digit_pictures[0])
        page.focus("[data-source=image]")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "file"
        with page.expect_file_chooser():
            page.locator("#stage").click()


def test_a_camera_that_goes_is_told_and_comes_back(browser: Any, photo_site: str) -> None:
    with opened(browser, photo_site) as page:
        page.click("[data-source=camera]")
        wait_for(page, "Number(rate.textContent) > 0")
        page.evaluate("video.srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
        wait_for(page, "hint.textContent.startsWith('The camera has gone') && best.textContent === '–'")
        page.click("[data-source=camera]")
        wait_for(page, "Number(rate.textContent) > 0")


def test_pictures_are_resized_bit_for_bit_as_in_python(browser: Any, photo_site: str) -> None:
    random = np.random.default_rng(3)
    program = """async ([{ width, height, data }, ways]) => {
        const { fit, fromRgba } = await import('./js/pixels.js');
        const image = { width, height, data: Uint8Array.from(data) };
        return ways.map(([high, wide, channels, rule]) =>
            Array.from(fit(fromRgba(image, channels), wide, high, rule).data));
    }"""
    sizes = [(32, 32), (7, 9), (100, 64), (37, 50)]
    ways = [[*size, channels, rule] for size in sizes for channels in (1, 3) for rule in ("stretch", "short_side_crop")]
    with opened(browser, photo_site) as page:
        for height, width in ((37, 50), (8, 8), (211, 97)):
            image = random.integers(0, 256, (height, width, 3), np.uint8)
            rgba = np.dstack([image, np.full((height, width), 255, np.uint8)])
            pixels = {"width": width, "height": height, "data": rgba.ravel().tolist()}
            for way, got in zip(ways, page.evaluate(program, [pixels, ways]), strict=True):
                high, wide, channels, rule = way
                zero, one = (0.0,) * channels, (1.0,) * channels
                same = Preprocessing(height=high, width=wide, channels=channels, resize=rule, mean=zero, scale=one)
                np.testing.assert_array_equal(got, same.apply([Image.fromarray(image)]).ravel(), str(way))


def test_photos_of_any_kind(browser: Any, photo_site: str, photo_artifact: Path, tmp_path: Path) -> None:
    """Check transparency on white, EXIF orientation, names as text, and outputs that are probabilities already."""
    pixels = np.random.default_rng(4).integers(0, 256, (60, 80, 4), np.uint8)
    pixels[..., 3] = np.where(pixels[..., 3] > 127, 255, 0)
    Image.fromarray(pixels).save(tmp_path / "glass.png")
    upright = Image.fromarray(np.tile(np.arange(80, dtype=np.uint8) * 3, (60, 1)))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    with opened(browser, photo_site) as page:
        assert page.inner_text("h1") == "Photos & <i>more</i>"
        assert page.is_hidden("#models")
        for name, tolerance in (("glass.png", 1e-3), ("turned.jpg", 2e-2)):  # JPEG decoders differ by a step
            outputs = answer_to(page, tmp_path / name)["outputs"]
            np.testing.assert_allclose(outputs, expected(photo_artifact, tmp_path / name), atol=tolerance, rtol=0)
        rows = [row.split("\n") for row in page.locator("#answers li").all_inner_texts()]
        shown = {label: float(figure.removesuffix(" %")) / 100 for label, figure in rows}
        assert shown["<b>bee</b>"] == pytest.approx(outputs[1], abs=6e-4)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.click("[data-source=draw]")
        answer_to_drawing(page, DIGITS[0])


def test_outputs_are_probabilities_where_python_takes_them_for_some(browser: Any, photo_site: str) -> None:
    rows = [[0.25, 0.75], [0.2, 0.81], [0.3, 0.1], [0.6, 0.6, 0.6], [2.0, -1.0], [1.2, 0.0], [0.0, 0.0]]
    program = "async (rows) => rows.map((await import('./js/results.js')).probabilities)"
    with opened(browser, photo_site) as page:
        for row, found in zip(rows, page.evaluate(program, rows), strict=True):
            np.testing.assert_allclose(found, probabilities(np.array(row, np.float32)), atol=1e-6)


def test_a_picture_that_is_none_is_told(browser: Any, photo_site: str, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG but no more")
    with opened(browser, photo_site) as page:
        page.set_input_files("#file", tmp_path / "broken.png")
        wait_for(page, "hint.textContent.includes('broken.png')")


@pytest.mark.parametrize(("lost", "told"), [("models.json", "models.json: the host answers 404"), ("*.wasm", "wasm")])
def test_a_part_of_the_page_that_the_host_lost_is_told(browser: Any, photo_site: str, lost: str, told: str) -> None:
    with browser.new_context(service_workers="block") as context:  # a worker's requests would pass the route by
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.route(f"**/{lost}", lambda route: route.fulfill(status=404))
        page.goto(photo_site)
        page.wait_for_selector("body[data-state=failed]")
        assert told in page.inner_text("#hint")


def test_a_model_that_the_host_lost_is_told(browser: Any, photo_site: str, host: tuple[Path, str]) -> None:
    listed = json.loads((host[0] / "photos" / "models.json").read_text())
    lost = host[0] / "photos" / listed["models"][0]["file"]
    data = lost.read_bytes()
    lost.unlink()
    try:
        with browser.new_context() as context:
            context.set_default_timeout(PATIENCE_S * 1000)
            page = context.new_page()
            page.goto(photo_site)
            page.wait_for_selector("body[data-state=failed]")
            assert "photos.onnx: the host answers 404" in page.inner_text("#hint")
    finally:
        lost.write_bytes(data)
