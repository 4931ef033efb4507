"""The page in a real browser: Chromium, headless, at phone and desktop size, from a host that sends plain files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sqnxt_export import Preprocessing, open_model, read_metadata
from sqnxt_tf.data import load_data
from sqnxt_tf.device.classification import probabilities

from .. import browsers
from .conftest import KINDS
from .strokes import DIGITS

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 390, "height": 844}, **browsers.PHONE}
PATIENCE_S = 180  # nothing is timed here: a machine that is busy with other work may take its time
SETTLED = "body[data-state=ready], body[data-state=failed]"


@contextmanager
def opened(browser: Any, address: str, *, init: str = "", **options: Any) -> Iterator[Any]:
    """A page that has its first model; fails where it said anything wrong or asked another host for anything."""
    context = browser.new_context(**{**browsers.DESKTOP, **options})
    context.set_default_timeout(PATIENCE_S * 1000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("response", lambda response: response.status >= 400 and wrong.append(response.url))
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
    """Until it holds; elements stand under their ids. (Playwright's own wait needs `eval`, which the page forbids.)"""
    for _ in range(10 * PATIENCE_S):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never: {expression}; the page says {page.inner_text('body')!r}")


def choose_model(page: Any, index: int) -> None:
    if page.locator("#models label").count() > 1:
        page.locator("#models label").nth(index).click()
    page.wait_for_selector("body[data-state=ready]")


def answer_to(page: Any, picture: Path) -> Any:
    """What the page answers to a chosen file: the event's detail."""
    page.evaluate("window.heard = []")
    page.set_input_files("#file", picture)
    wait_for(page, "window.heard.length > 0")
    return page.evaluate("window.heard.at(-1)")


def draw(page: Any, strokes: list[list[tuple[float, float]]]) -> None:
    """Strokes on the pad, whose sides are 1, with the mouse."""
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
    """The best class of what was drawn, once the last stroke has been answered."""
    page.evaluate("window.heard = []")
    draw(page, strokes)
    page.wait_for_timeout(100)
    count = -1
    while count != (count := page.evaluate("window.heard.length")) or not count:
        page.wait_for_timeout(400)
    return int(np.argmax(page.evaluate("window.heard.at(-1).outputs")))


@pytest.fixture(scope="module")
def test_digits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten test digits, one of each, as PNG files."""
    folder, data = tmp_path_factory.mktemp("pictures"), load_data("digits", "test")
    chosen = [int(np.flatnonzero(data.labels == digit)[0]) for digit in range(10)]
    for digit, index in enumerate(chosen):
        Image.fromarray(data.image(index)).save(folder / f"{digit}.png")
    return [folder / f"{digit}.png" for digit in range(10)]


def expected(artifact: Path, picture: Path) -> Any:
    metadata = read_metadata(artifact)
    assert metadata is not None
    assert metadata.preprocessing is not None
    with Image.open(picture) as image:
        return open_model(artifact).run(metadata.preprocessing.apply([image]))[0]


@pytest.mark.parametrize("index", range(len(KINDS)), ids=list(KINDS))
def test_logits_equal_pythons(
    browser: Any, digit_site: str, digit_artifacts: Path, test_digits: list[Path], index: int
) -> None:
    """Without threads: the host sends none of the headers that browsers ask for them."""
    name = list(KINDS)[index]
    with opened(browser, digit_site) as page:
        assert not page.evaluate("crossOriginIsolated")
        choose_model(page, index)
        for picture in test_digits:
            answer = answer_to(page, picture)
            assert answer["model"] == name
            np.testing.assert_allclose(answer["outputs"], expected(digit_artifacts / name, picture), atol=1e-3, rtol=0)
            assert page.inner_text("#best") == picture.stem
        assert page.locator("#answers li").count() == 5
        assert float(page.inner_text("#latency")) > 0
        assert float(page.inner_text("#rate")) > 0


def test_drawn_digits_are_classified(browser: Any, digit_site: str) -> None:
    with opened(browser, digit_site) as page:
        answers = {digit: answer_to_drawing(page, strokes) for digit, strokes in DIGITS.items()}
        page.click("#undo")
        page.click("#clear")
        wait_for(page, "best.textContent === '–'")
    wrong = {digit: answer for digit, answer in answers.items() if digit != answer}
    assert len(wrong) <= 2, wrong  # 1,259 digits of one style are all that the network has seen


def test_size_and_place_of_a_drawing_do_not_matter(browser: Any, digit_site: str) -> None:
    small = [[(0.1 + x / 3, 0.6 + y / 3) for x, y in stroke] for stroke in DIGITS[0]]
    with opened(browser, digit_site) as page:
        assert answer_to_drawing(page, small) == answer_to_drawing(page, DIGITS[0]) == 0


def test_a_phone_in_the_dark(browser: Any, digit_site: str) -> None:
    with opened(browser, digit_site, **PHONE) as page:
        session = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in DIGITS[0][0]]
        kinds = ["touchStart", *["touchMove"] * (len(points) - 1)]
        for kind, (x, y) in zip(kinds, points, strict=True):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        wait_for(page, "best.textContent === '0'")
        assert page.evaluate("scrollY") == 0, "drawing must not scroll the page"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        for size in ({"width": 320, "height": 568}, {"width": 844, "height": 390}):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
        sizes = page.eval_on_selector_all(
            "button, #models label", "all => all.filter(e => e.offsetHeight).map(e => e.offsetHeight)"
        )
        assert min(sizes) >= 36, "large enough for a finger"
        colours = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        page_light, ink_light = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
        assert page_light < 100
        assert ink_light > 600


def test_one_finger_draws_and_a_second_one_does_not(browser: Any, photo_site: str) -> None:
    """As where the ball of the hand rests on the glass: each touch would draw the other's stroke on."""
    with opened(browser, photo_site, **PHONE) as page:
        session = page.context.new_cdp_session(page)
        box = page.locator("#pad").bounding_box()

        def touch(kind: str, *points: tuple[float, float]) -> None:
            at = [
                {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": number}
                for number, (x, y) in enumerate(points)
            ]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

        palm = (0.9, 0.9)
        touch("touchStart", (0.1, 0.1))
        touch("touchStart", (0.1, 0.2), palm)
        for step in range(3, 10):
            touch("touchMove", (0.1, step / 10), palm)
        touch("touchEnd", palm)
        touch("touchEnd")
        wait_for(page, "window.heard.length > 0")
        ink = """([x, y]) => pad.getContext('2d').getImageData(x * pad.width, y * pad.height, 1, 1).data[3]"""
        assert [page.evaluate(ink, place) for place in ([0.1, 0.5], palm, [0.5, 0.5])] == [255, 0, 0]


def test_the_camera_reads_a_digit_on_paper(browser: Any, digit_site: str) -> None:
    with opened(browser, digit_site) as page:
        page.click("[data-source=camera]")
        wait_for(page, "best.textContent === '0'")
        wait_for(page, "Number(rate.textContent) > 0")
        assert page.inner_text("#rate-name") == "frames / s"
        page.click("#flip")
        wait_for(page, "best.textContent === '0'")
        choose_model(page, 1)
        wait_for(page, "best.textContent === '0'")
        page.click("[data-source=draw]")
        wait_for(page, "hint.textContent.startsWith('Waiting for a drawing')")
        assert page.evaluate("document.getElementById('video').srcObject") is None, "the camera is off"


def test_without_a_camera_the_page_says_so(browser: Any, digit_site: str) -> None:
    nothing = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
    refused = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
    for init, hint in ((nothing, "https"), (refused, "allow it")):
        with opened(browser, digit_site, init=init) as page:
            page.click("[data-source=camera]")
            wait_for(page, f"hint.textContent.includes('{hint}')")


def test_another_picture_can_be_chosen_by_keyboard(browser: Any, photo_site: str, test_digits: list[Path]) -> None:
    with opened(browser, photo_site) as page:
        answer_to(page, test_digits[0])
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
    """Transparency on white, EXIF's orientation, names as text; answers that are probabilities already."""
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
    with browser.new_context() as context:
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
