"""Names from files of strangers in pictures, pages, tables and lines: shown as escapes, wherever they come out."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from sqnxt_base.printable_text import printable
from sqnxt_sim import Workload, conv, load_accelerator, simulate_workload
from sqnxt_tf.cli.output import Output
from sqnxt_tf.device.layer_shares import LayerShare, LayerShares
from sqnxt_tf.device.timings import Benchmark, Timing
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.lineage import Lineage, Member
from sqnxt_tf.exploration.candidates import Candidate
from sqnxt_tf.networks.squeezenext import SqnxtSpec
from sqnxt_tf.reports.benchmark_picture import draw_benchmark
from sqnxt_tf.reports.history import draw_history
from sqnxt_tf.reports.lineage_picture import draw_lineage
from sqnxt_tf.reports.roofline import draw_roofline
from sqnxt_tf.reports.search_picture import _hover_text
from sqnxt_tf.reports.simulation import simulation_table
from sqnxt_tf.reports.sweep_picture import draw_sweep
from sqnxt_tf.workflows.benchmark import BenchmarkResult
from sqnxt_tf.workflows.sweep import sweep

NAMES = (
    "a formula $\\frac{1}{$",
    "price $5 and $^6",
    "lines\nand\x0btabs\x0c\t\r\x00",
    "\x1b[2J\x1b]0;title\x07",
    "\u202eevil\u2066\u200f\u2028",
    "half \ud800 and byte \udcff",
    "</text></svg><script>alert(1)</script>&amp;",
    "=HYPERLINK(1)",
    "[bold]x[/red]",
)
HOSTILE = " ".join(NAMES)
UNSAFE = {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"}


def is_safe(text: str, but: str = "\n") -> bool:
    return all(one in but or unicodedata.category(one) not in UNSAFE for one in text)


def hostile_workload() -> Workload:
    layers = [replace(conv(f"14x14x{32 + index}", "3x3x64"), name=name) for index, name in enumerate(NAMES)]
    return Workload(name=HOSTILE, layers=tuple(layers), notes=())


REPORT = simulate_workload(hostile_workload(), replace(load_accelerator("squeezelerator-16x16"), name=HOSTILE))


def roofline(path: Path) -> None:
    draw_roofline(REPORT, path)


def history(path: Path) -> None:
    row = {"epoch": 1, "rate": 1e-5, "loss": 2.0, "val_loss": 1.0, "accuracy": 0.5, "val_accuracy": 0.4}
    draw_history([row], path, title=HOSTILE)


def lineage(path: Path) -> None:
    members = [
        Member(
            name=name, parent=None if index == 0 else NAMES[0], generation=min(index, 1), environment=1.0, filters=9,
            parameters=9, macs=9, energy=1.0, bytes=10**6 + index, cycles=1.0, validation=0.5, top1=0.5, top1_low=0.4,
            top1_high=0.6, sha256="",
        )
        for index, name in enumerate(NAMES[:3])
    ]  # fmt: skip
    draw_lineage(Lineage(folder=path.parent, settings={"accelerator": HOSTILE}, members=tuple(members)), path)


def timing() -> Timing:
    return Timing(
        path=Path(HOSTILE.replace("\0", "").replace("/", "")), bytes=1, precision=None, runtime="onnxruntime",
        version="1", provider="CPU", options={}, threads=1, batch=1, load_ms=1, first_ms=1, warmup=5,
        milliseconds=np.linspace(1, 2, 100), round_sizes=(100,), rss_before_load_bytes=None, peak_rss_bytes=None,
        tolerance=0.02,
    )  # fmt: skip


def benchmark_files(path: Path) -> None:
    benchmark = Benchmark(timings=(timing(),), load=None)
    draw_benchmark(BenchmarkResult(benchmark=benchmark, layers=()), path)


def benchmark_layers(path: Path) -> None:
    layers = tuple(
        LayerShare(
            name=name, op="Conv", milliseconds=1.0, measured=0.1, low=0.1, high=0.2, cycles=1.0, simulated=0.2
        )
        for name in NAMES
    )  # fmt: skip
    shares = LayerShares(timing=timing(), accelerator=HOSTILE, compared=layers)
    benchmark = Benchmark(timings=(timing(),), load=None)
    draw_benchmark(BenchmarkResult(benchmark=benchmark, layers=(shares,)), path)


def swept(path: Path) -> None:
    draw_sweep(sweep(hostile_workload(), {"array.rows": [8, 16]}), path)


@pytest.mark.filterwarnings("ignore:constrained_layout not applied")  # the names leave no room
@pytest.mark.parametrize("draw", [roofline, history, lineage, benchmark_files, benchmark_layers, swept])
def test_pictures_are_drawn_and_sound_xml(draw: Callable[[Path], None], tmp_path: Path) -> None:
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        draw(tmp_path / "picture.svg")
    text = (tmp_path / "picture.svg").read_text("utf-8")
    shown = "".join(ElementTree.fromstring(text).itertext())
    assert is_safe(text)
    assert "price $5" in shown or "a formula $" in shown  # a dollar is a dollar
    assert not re.search(r"<script", text)


def test_hover_texts_of_plotly_are_markup_in_which_names_are_text() -> None:
    one = Candidate(spec=SqnxtSpec(depth=(1, 1, 1, 1)), input_size=9, accelerator=HOSTILE, figures={"cycles": 1.0})
    text = _hover_text(one)
    assert is_safe(text)
    assert set(re.findall(r"<[^>]*>", text)) == {"<b>", "</b>", "<br>"}


def test_tables_lines_notes_errors_and_progress_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(wide=True)
    out.table(simulation_table(REPORT))
    for name in NAMES:
        out.text(f"name {name}")
        out.note(f"note: {name}")
        out.fault(SqnxtError(name, f"has {name}", name))
        out.fault(ValueError(name))
        out.progress(f"reading {name}", 1, 2)
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert is_safe(text)
    assert len(printed.err.splitlines()) == 3 * len(NAMES)
    assert sum(line.startswith("name ") for line in printed.out.splitlines()) == len(NAMES)
    assert printable(NAMES[2]) in printed.out


def test_a_file_keeps_its_lines_and_a_line_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    Output().file("[array]\nrows = 8\t# \x1b[2J\n")
    Output().text("[array]\nrows = 8")
    assert capsys.readouterr().out.splitlines() == ["[array]", "rows = 8\t# \\x1b[2J", "[array]\\nrows = 8"]


def test_csv_has_no_formula_and_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    Output().csv(REPORT.to_json()["layers"])
    text = capsys.readouterr().out
    assert is_safe(text)
    names = [row["name"] for row in csv.DictReader(io.StringIO(text))]
    assert names == [f"'{printable(name)}" if name.startswith("=") else printable(name) for name in NAMES]
    Output(as_json=True).document(REPORT.to_json())
    text = capsys.readouterr().out
    assert text.isascii()
    assert [layer["name"] for layer in json.loads(text)["layers"]] == list(NAMES)  # a program gets what the file says


def test_bars_on_a_terminal_take_no_name_for_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    out = Output()
    for name in NAMES:
        out.progress(f"reading {name}", 1, 2)
    out.__exit__(None, None, None)
    assert "[bold]x[/red]" in capsys.readouterr().err


def test_a_notebook_shows_text() -> None:
    for value in (REPORT, hostile_workload(), REPORT.accelerator):
        assert is_safe(repr(value), but="")
        page = value._repr_html_()
        assert is_safe(page)
        assert not re.search(r"<script", page)
