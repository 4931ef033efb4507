"""The report's file and verb: contents, refusals, and everything that can be tested without a browser."""

from __future__ import annotations

import builtins
import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import sqnxt_tf.workflows.report as workflow
from helpers.report_graphs import HOSTILE, write_graph
from sqnxt_sim import Dataflow, load_accelerator, read_onnx
from sqnxt_tf import SqnxtError, simulate, write_report
from sqnxt_tf.htmlreport import study as study_module
from sqnxt_tf.htmlreport.study import AS_EXPORTED, PRECISIONS, study_networks


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return an accelerator whose buffer is too small for the layers."""
    from sqnxt_sim import accelerator_text

    text = accelerator_text("squeezelerator-8x8").replace('"squeezelerator-8x8"', '"tiny"')
    path = tmp_path / "tiny.toml"
    path.write_text(text.replace("value = 32768", "value = 72"))
    return path


def test_a_report_is_one_file_that_names_no_address_and_is_the_same_each_time(
    graphs: dict[str, Path], tmp_path: Path
) -> None:
    first, second = (
        write_report([graphs["plain"], graphs["wide"]], tmp_path / name).path.read_text("utf-8")
        for name in ("a.html", "b.html")
    )
    assert first == second
    assert re.findall(r"""(?:https?:)?//\w[^\s"']*|url\(|@import|\bsrc=|<link""", first) == []
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.html", "b.html"]
    assert first.startswith("<!doctype html>")


def test_a_buffer_has_the_same_size_wherever_it_is_told(graphs: dict[str, Path], tmp_path: Path) -> None:
    page = write_report([graphs["plain"]], tmp_path / "page.html").path.read_text("utf-8")
    assert set(re.findall(r"buffer (?:of )?(\d[\d.,]* \w+)", page)) == {"128 KiB"}


def test_each_network_tells_the_size_of_its_input(graphs: dict[str, Path], tmp_path: Path) -> None:
    small = write_graph(tmp_path / "small.onnx", ("a", "b"), side=8)
    report = write_report([graphs["plain"], small], tmp_path / "page.html")
    page = report.path.read_text("utf-8")
    for shape, pixels in (("1×3×24×24", 3 * 24 * 24), ("1×3×8×8", 3 * 8 * 8)):
        assert f"<dt>input</dt><dd>{shape} <small>shape in the graph</small>" in page
        assert re.search(rf'data-value="{pixels}"[^<]*<bdi>{shape}</bdi>', page)
    assert [model["input_shapes"] for model in report.to_json()["models"]] == [[[1, 3, 24, 24]], [[1, 3, 8, 8]]]


class Tags(HTMLParser):
    """Collects every tag and attribute of a page, and whether each tag is closed."""

    VOID = ("meta", "input", "link", "br", "rect", "circle", "line", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_hostile_names_add_no_tag_and_no_attribute(graphs: dict[str, Path], tmp_path: Path) -> None:
    seen = {}
    for kind in ("plain", "hostile"):
        seen[kind] = Tags()
        text = write_report([graphs[kind]], tmp_path / f"{kind}.html", title=None).path.read_text("utf-8")
        seen[kind].feed(text)
        seen[kind].close()
        assert seen[kind].open == []
    assert seen["hostile"].tags == seen["plain"].tags
    assert seen["hostile"].attributes == seen["plain"].attributes
    assert not {name for name in seen["hostile"].attributes if name.startswith("on") or name == "style"}
    for name in HOSTILE:
        assert name not in text


def test_what_if_covers_all_presets_own_files_and_precisions(
    graphs: dict[str, Path], tmp_path: Path, tiny: Path
) -> None:
    from sqnxt_sim import list_accelerators

    arrays = ["squeezelerator-8x8", str(tiny)]
    report = write_report([graphs["plain"]], tmp_path / "r.html", accelerators=arrays)
    (one,) = report.studies
    found = [(what.accelerator.name, what.precision) for what in one.what_ifs]
    assert set(found) == {(name, precision) for name in (*list_accelerators(), "tiny") for precision in PRECISIONS}
    assert len(found) == len(set(found))
    assert found[0] == ("squeezelerator-8x8", AS_EXPORTED)
    eight = next(x for x in one.what_ifs if (x.accelerator.name, x.precision) == ("squeezelerator-16x16", "8 bit"))
    assert eight.report is not None
    assert eight.report.cycles == simulate(graphs["plain"], precision="int8").cycles


def test_an_array_that_a_layer_does_not_fit_on_is_a_row_that_says_so(
    graphs: dict[str, Path], tmp_path: Path, tiny: Path
) -> None:
    report = write_report([graphs["wide"]], tmp_path / "r.html", accelerators=["squeezelerator-8x8", tiny])
    faults = [what for what in report.studies[0].what_ifs if what.fault]
    assert {what.accelerator.name for what in faults} == {"tiny"}
    text = html.unescape(report.path.read_text("utf-8"))
    assert text.count("does not run") == len(faults) == 2  # it does at 8 bits
    assert f"tiny, as exported: {faults[0].fault}" in text
    assert report.to_json()["models"][0]["what_if"][3]["total"] is None
    with pytest.raises(Exception, match="does not run on tiny: layer 'layer"):
        write_report([graphs["wide"]], tmp_path / "other.html", accelerators=[tiny])
    assert not (tmp_path / "other.html").exists()


def test_one_dataflow_alone_is_what_the_simulator_says_of_it(graphs: dict[str, Path]) -> None:
    (one,) = study_networks([("plain", read_onnx(graphs["plain"]))], [load_accelerator("edge-npu-8bit")])
    assert one.dataflows == (Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY)
    for dataflow in one.dataflows:
        alone = simulate(graphs["plain"], "edge-npu-8bit", dataflow=str(dataflow))
        assert one.cycles_with_only(dataflow) == pytest.approx(alone.cycles)
        assert one.cycles_with_only(dataflow) >= one.report.cycles


@pytest.mark.parametrize("name", ["eyeriss", "ethos-u65-256"])
def test_an_array_of_one_dataflow_has_a_report(graphs: dict[str, Path], tmp_path: Path, name: str) -> None:
    report = write_report([graphs["plain"]], tmp_path / "r.html", accelerators=[name])
    (study,) = report.studies
    (dataflow,) = study.dataflows
    assert study.cycles_with_only(dataflow) == study.report.cycles
    text = html.unescape(report.path.read_text("utf-8"))
    assert str(dataflow) in text
    assert "Rejected dataflow" not in text


def test_files_of_one_name_are_told_apart(graphs: dict[str, Path], tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(graphs["plain"], tmp_path / folder / "model.onnx")
    report = write_report([tmp_path / folder / "model.onnx" for folder in ("one", "two")], tmp_path / "r.html")
    assert [one.name for one in report.studies] == ["one/model.onnx", "two/model.onnx"]


def test_what_a_page_cannot_show_is_refused(
    graphs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_module, "MOST_LAYERS", 10)
    write_report([graphs["plain"]], tmp_path / "r.html")
    with pytest.raises(SqnxtError, match=r"2 graph\(s\) of 16 nodes: a page holds 10; give fewer"):
        write_report([graphs["plain"], graphs["wide"]], tmp_path / "other.html")
    assert not (tmp_path / "other.html").exists()


def test_names_of_any_length_leave_a_page_of_a_sane_size(tmp_path: Path) -> None:
    sizes = []
    for length in (500, 1_000_000):
        path = write_graph(tmp_path / "long.onnx", ("a" * length, "b" * length))
        text = write_report([path], tmp_path / "r.html", force=True).path.read_text("utf-8")
        sizes.append(len(text))
        assert f"{'a' * 499}{'a' if length == 500 else '…'}<" in text
    assert sizes[0] == sizes[1]


def test_a_missing_jinja_is_told_before_the_work(
    graphs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(workflow, "study_networks", lambda *_, **__: pytest.fail("simulated first"))
    with pytest.raises(SqnxtError, match=r"jinja2: is not installed.*pip install 'sqnxt-tf\[report\]'"):
        write_report([graphs["plain"]], tmp_path / "r.html")


def test_the_verb_tells_and_obeys_its_contract(cli: Any, graphs: dict[str, Path], tmp_path: Path) -> None:
    plain = graphs["plain"]
    document = cli("report", plain, "-o", "r.html", "--json").json()
    assert document["path"] == "r.html"
    assert document["bytes"] == (tmp_path / "r.html").stat().st_size
    assert document["models"][0]["total"]["cycles"] == simulate(plain).cycles
    assert "exists already" in cli("report", plain, "-o", "r.html").error_line()
    assert "r.html: " in cli("report", plain, "-o", "r.html", "--force", "--quiet").out
    for arguments, fault in {
        ("-o", "x.html"): "Missing argument 'MODEL...'",
        (plain, "-o", "x.pdf"): "end its name with .html",
        (plain, plain, "-o", "x.html"): "is given twice",
        (plain, "-o", "no/x.html"): "does not exist",
        ("none.onnx", "-o", "x.html"): "none.onnx",
        (plain, "-o", "x.html", "--accelerator", "nothing"): "nothing",
    }.items():
        assert fault in cli("report", *arguments).error_line()
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
