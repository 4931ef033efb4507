"""The page in a real browser: Chromium, headless and offline, from a file, at phone and desktop size."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers import browsers
from helpers.report_graphs import HOSTILE
from sqnxt_base.printable_text import printable
from sqnxt_tf import simulate, write_report
from sqnxt_tf.htmlreport.scales import fixed

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 360, "height": 740}, **browsers.PHONE}


@pytest.fixture(scope="module")
def page_file(graphs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of three networks, the last one with hostile names, on an array with a vector unit."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(list(graphs.values()), path, accelerators=["edge-npu-8bit"], title="<i>Three</i> & more")
    return path


@contextmanager
def opened(browser: Any, path: Path, **options: Any) -> Iterator[Any]:
    """Yield the page when it is ready; fail if it reports an error or requests anything."""
    context = browser.new_context(**{**browsers.DESKTOP, **options}, offline=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            page.wait_for_selector("body[data-state=ready]")
        yield page
    finally:
        context.close()
    assert wrong == []
    assert asked == [path.as_uri()]


def column(page: Any, table: str, index: int) -> list[str]:
    return [text.strip() for text in page.locator(f"{table} tbody tr > :nth-child({index})").all_inner_texts()]


def numbers(page: Any, table: str, index: int) -> list[float]:
    return [float(text.replace(",", "")) for text in column(page, table, index)]


LAYERS = "#model-1 .layers table"


def test_tables_sort_by_number_and_by_text_and_say_so(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        header = page.locator(f"{LAYERS} thead th").nth(4)
        header.locator("button").click()
        cycles = numbers(page, LAYERS, 5)
        assert cycles == sorted(cycles, reverse=True)
        assert len(set(cycles)) > 2
        assert header.get_attribute("aria-sort") == "descending"
        header.locator("button").press("Enter")
        assert numbers(page, LAYERS, 5) == sorted(cycles)
        assert header.get_attribute("aria-sort") == "ascending"
        page.locator(f"{LAYERS} thead button").nth(1).click()
        assert column(page, LAYERS, 2) == sorted(column(page, LAYERS, 2))
        assert page.locator(f"{LAYERS} [aria-sort]").count() == 1
        times = "#comparison table >> nth=1"
        page.locator(times).locator("thead button").nth(2).click()
        assert page.locator(times).locator("tbody th").first.inner_text().endswith("wide.onnx")


def test_filters_hold_for_rows_charts_and_sums(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        rows, marks = page.locator(f"{LAYERS} tbody tr"), page.locator("#model-1 .mark")
        everything = rows.count()
        assert (
            page.locator("#model-1 .shown").inner_text()
            == f"{everything} of {everything} layers, 100.0 % of the cycles"
        )
        kinds = page.locator("#model-1 [data-role=kind] label")
        assert kinds.count() == 4  # all, and each of the three
        for index in range(1, 4):
            kinds.nth(index).click()
            kind = kinds.nth(index).locator("input").get_attribute("value")
            seen = page.locator(f"{LAYERS} tbody tr:visible")
            assert 0 < seen.count() < everything
            assert {one.get_attribute("data-kind") for one in seen.all()} == {kind}
            bright = page.locator("#model-1 .mark:not(.dim)")
            assert {one.get_attribute("data-kind") for one in bright.all()} <= {kind}
            assert page.locator("#model-1 .shown").inner_text().startswith(f"{seen.count()} of {everything} layers")
        kinds.nth(0).click()
        page.fill("#model-1 [data-role=search]", "LAYER3")
        assert [one.strip() for one in page.locator(f"{LAYERS} tbody tr:visible th").all_inner_texts()] == ["layer3"]
        page.fill("#model-1 [data-role=search]", "")
        assert page.locator("#model-1 .mark.dim").count() == 0
        assert marks.count() > everything
        assert page.locator("#model-2 .mark.dim").count() == 0


def test_charts_are_drawn_inside_their_frames_and_one_shows_at_a_time(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        radios = page.locator("#model-1 [data-role=metric] label")
        names = ["cycles", "energy", "utilisation", "rejected dataflow"]
        assert [text.strip() for text in radios.all_inner_texts()] == names
        for index in range(4):
            radios.nth(index).click()
            figure = page.locator("#model-1 figure[data-metric]:not(.plot):visible")
            assert figure.count() == 1
            heights = figure.locator(".mark").evaluate_all("marks => marks.map(mark => mark.getBBox().height)")
            assert max(heights) > 100
            assert_marks_inside(figure)
        plots = page.locator(".plot")
        assert plots.count() == 4  # three rooflines and the comparison
        for plot in plots.all():
            assert_marks_inside(plot)
        assert page.locator("#model-1 .plot .roof").evaluate("roof => roof.getTotalLength()") > 300


def assert_marks_inside(figure: Any) -> None:
    boxes = figure.locator("svg").evaluate(
        """svg => [svg.viewBox.baseVal, ...Array.from(svg.querySelectorAll('.mark'), mark => mark.getBBox())]
            .map(({x, y, width, height}) => [x, y, width, height])"""
    )
    _, _, width, height = boxes[0]
    assert len(boxes) > 1
    for x, y, w, h in boxes[1:]:
        assert w > 0
        assert h > 0
        assert -1 <= x <= x + w <= width + 1
        assert -30 <= y <= y + h <= height + 1  # the dots of a roof's top may reach into the caption's room


def test_marks_tell_what_they_are_to_pointer_and_keyboard(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        figure = page.locator("#model-1 figure[data-metric=cycles]")
        svg, tip = figure.locator("svg"), figure.locator(".tip")
        svg.scroll_into_view_if_needed()
        box = svg.bounding_box()
        page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + box["height"] / 2)
        assert tip.inner_text().startswith("layer0 (")
        assert page.locator(f"{LAYERS} tr.lit th").inner_text().strip() == "layer0"
        svg.focus()
        svg.press("End")
        last = tip.inner_text()
        svg.press("ArrowLeft")
        assert tip.inner_text() != last
        svg.press("ArrowRight")
        assert tip.inner_text() == last
        assert tip.get_attribute("role") == "status"
        svg.press("Home")
        for word in ("layer0", "cycles", "%"):
            assert word in tip.inner_text()


def test_everything_can_be_reached_by_keyboard_and_has_a_name(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        nameless = page.evaluate(
            """() => Array.from(document.querySelectorAll('button, input, svg[role=img], a, summary, [role=region]'))
                .filter(one => !(one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length
                    || document.getElementById(one.getAttribute('aria-labelledby'))?.textContent.trim()))
                .map(one => one.outerHTML)"""
        )
        assert nameless == []
        ids = page.evaluate("() => Array.from(document.querySelectorAll('[id]'), one => one.id)")
        assert len(ids) == len(set(ids))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        radio = page.locator("#model-1 [data-role=metric] input").first
        radio.focus()
        radio.press("ArrowRight")
        assert page.locator("#model-1 figure[data-metric=energy]").is_visible()


@pytest.mark.parametrize(
    "options", [PHONE, {**PHONE, "color_scheme": "light"}, browsers.DESKTOP], ids=["dark", "light", "desktop"]
)
def test_the_page_never_scrolls_sideways(browser: Any, page_file: Path, options: dict[str, Any]) -> None:
    with opened(browser, page_file, **options) as page:
        for _ in range(4):
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            for figure in page.locator("#model-1 [data-role=metric] label").all():
                figure.click()
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        dark = options.get("color_scheme") == "dark"
        assert (sum(map(int, background.strip("rgb()").split(","))) < 120) is dark


def test_axes_can_be_read_on_a_phone(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, **PHONE) as page:
        sizes = page.locator(".chart:not([hidden]) svg text").evaluate_all(
            """texts => texts.map(text => parseFloat(getComputedStyle(text).fontSize)
                * text.ownerSVGElement.getBoundingClientRect().width / text.ownerSVGElement.viewBox.baseVal.width)"""
        )
        assert min(sizes) >= 10  # pixels


OVERLAPS = """figures => figures.flatMap(figure => {
    const svg = figure.querySelector('svg'), card = figure.closest('section').getBoundingClientRect();
    const frame = svg.getBoundingClientRect(), name = figure.dataset.metric;
    const box = text => ({text: text.textContent, rect: text.getBoundingClientRect()});
    const boxes = kind => Array.from(svg.querySelectorAll(kind), box);
    const labels = boxes('.axes .label'), ticks = boxes('.tick');
    const crosses = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const within = (a, b) => a.left >= b.left - 0.5 && a.right <= b.right + 0.5;
    const inside = (a, b) => within(a, b) && a.top >= b.top - 0.5 && a.bottom <= b.bottom + 0.5;
    const all = [...labels, ...ticks], found = [];
    if (labels.length !== 2 || !ticks.length) found.push(`${name}: ${labels.length} labels, ${ticks.length} ticks`);
    all.forEach((one, index) => {
        if (!inside(one.rect, frame)) found.push(`${name}: ${one.text} leaves its chart`);
        all.slice(index + 1).filter(other => crosses(one.rect, other.rect))
            .forEach(other => found.push(`${name}: ${one.text} and ${other.text} overlap`));
    });
    // A chart that scrolls shows its labels before it is scrolled.
    labels.filter(one => one.rect.right > card.right || one.rect.left < card.left)
        .forEach(one => found.push(`${name}: ${one.text} is cut by its card`));
    if (!figure.querySelector('.scroll') && !inside(frame, card)) found.push(`${name} leaves its card`);
    return found;
})"""


@pytest.mark.parametrize("width", [320, 390, 640, 800, 1280])
def test_labels_of_axes_overlap_no_tick_and_nothing_is_cut(browser: Any, page_file: Path, width: int) -> None:
    with opened(browser, page_file, viewport={"width": width, "height": 844}) as page:
        charts = page.locator("figure.chart")
        page.evaluate("document.querySelectorAll('figure.chart').forEach(chart => { chart.hidden = false; })")
        assert charts.count() == 3 * 5 + 1  # four by layer and a roofline of each network, and the comparison
        assert charts.evaluate_all(OVERLAPS) == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_names_and_figures_of_the_energy_bars_stay_in_their_card(browser: Any, page_file: Path, width: int) -> None:
    with opened(browser, page_file, viewport={"width": width, "height": 844}) as page:
        bars = page.locator(".bars li")
        assert bars.count() > 0
        cut = bars.evaluate_all(
            """bars => bars.flatMap(bar => {
                const card = bar.closest('section').getBoundingClientRect();
                return Array.from(bar.querySelectorAll('*'), part => [part.tagName, part.getBoundingClientRect()])
                    .filter(([, box]) => box.width && (box.left < card.left || box.right > card.right))
                    .map(([name]) => name);
            })"""
        )
        assert cut == []


def test_the_arrays_of_three_networks_fit_a_desktop(browser: Any, graphs: dict[str, Path], tmp_path: Path) -> None:
    names = ("sqnxt23.onnx", "sqnxt23v5.onnx", "MobileNet-int8.onnx")
    models = [shutil.copy(graphs["plain"], tmp_path / name) for name in names]
    path = write_report(models, tmp_path / "report.html").path
    with opened(browser, path) as page:
        table = page.locator("[aria-labelledby=comparison-arrays]")
        assert table.evaluate("table => table.scrollWidth <= table.clientWidth")


def contrast(first: list[float], second: list[float]) -> float:
    """Return WCAG's contrast ratio of two colours."""

    def luminance(colour: list[float]) -> float:
        parts = [value / 255 for value in colour]
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted(map(luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_out(browser: Any, page_file: Path, scheme: str) -> None:
    """Check the contrast of WCAG 2.1: 4.5 to 1 for text, 3 to 1 for shapes."""

    def colour(page: Any, name: str) -> list[float]:
        value = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
        return [int(value[at : at + 2], 16) for at in (1, 3, 5)]

    with opened(browser, page_file, color_scheme=scheme) as page:
        for ground in ("card", "page", "well"):
            for text in ("ink", "quiet", "accent", "warning"):
                assert contrast(colour(page, text), colour(page, ground)) >= 4.5, (text, ground)
        shapes = ("weight", "output", "vector", "part-mac", "part-register", "part-dram")
        for shape in shapes:
            assert contrast(colour(page, shape), colour(page, "card")) >= 3, shape


def test_names_from_anyone_stay_text(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file) as page:
        page.wait_for_timeout(200)
        assert page.evaluate("window.owned") is None
        assert page.locator("img, iframe, object, b:not(.bars b), main script, h1 i").count() == 0
        assert page.locator("script").count() == 1
        names = page.locator("#model-3 .layers tbody th").all_inner_texts()
        assert [name.strip() for name in names[: len(HOSTILE)]] == list(map(printable, HOSTILE))
        svg = page.locator("#model-3 figure[data-metric=cycles] svg")
        svg.focus()
        svg.press("Home")
        assert HOSTILE[0] in page.locator("#model-3 figure[data-metric=cycles] .tip").inner_text()
        assert page.locator("h1").inner_text() == "<i>Three</i> & more"
        assert page.title() == "<i>Three</i> & more"


def test_its_policy_runs_no_other_script(browser: Any, page_file: Path, tmp_path: Path) -> None:
    """Check that the browser does not run a script even if a name becomes markup."""
    broken = tmp_path / "broken.html"
    broken.write_text(page_file.read_text("utf-8").replace("</h1>", "</h1><script>window.owned = 1</script>"), "utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(broken.as_uri())
    page.wait_for_selector("body[data-state=ready]")
    assert page.evaluate("window.owned") is None
    context.close()


def test_without_javascript_all_of_it_is_there(browser: Any, page_file: Path) -> None:
    with opened(browser, page_file, java_script_enabled=False) as page:
        assert page.locator("#model-1 figure.chart svg:visible").count() == 5
        assert page.locator("#model-1 .controls:visible").count() == 0
        assert page.locator(f"{LAYERS} tbody tr:visible").count() > 6


def test_figures_are_the_simulators(browser: Any, graphs: dict[str, Path], page_file: Path) -> None:
    report = simulate(graphs["wide"], "edge-npu-8bit")
    with opened(browser, page_file) as page:
        table = "#model-2 .layers table"
        assert numbers(page, table, 5) == [round(cost.cycles) for cost in report.costs]
        assert column(page, table, 2) == [cost.name for cost in report.costs]
        cards = page.locator("#model-2 .cards").inner_text()
        for figure in (f"{report.cycles:,.0f} cycles", f"{report.utilisation:.1%}", f"{fixed(report.time_ms, 3)} ms"):
            assert figure in cards
        assert "1 Det" in page.locator("#model-2 .warning").inner_text()
