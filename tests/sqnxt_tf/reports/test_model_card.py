"""Model cards: what they say, that their code runs, and that no text from a file becomes markup."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from helpers.commands import run_cli
from helpers.micro_models import write_classifier
from helpers.onnx_graphs import write_quadrants
from sqnxt_export import ACCURACY_IMAGES, LICENCE, PARITY, Metadata, Preprocessing, write_metadata
from sqnxt_export.artifact.metadata_io import without_archive
from sqnxt_tf.accuracy import wilson_interval
from sqnxt_tf.reports.loading import loading_code
from sqnxt_tf.reports.markdown import escaped, table
from sqnxt_tf.reports.model_card import model_card
from sqnxt_tf.workflows.model_card import gather_facts

MARKDOWN = MarkdownIt("commonmark").enable("table")
HOSTILE = "<script>alert(1)</script> [a](http://evil.example) `x` | *b* ![p](q) &amp; # h"
MARKUP = st.text(alphabet="`*_[]()<>&|#~$!:@\\^-+=.1w /ah\n\t\x00", max_size=40)


def described(path: Path, **fields: object) -> Path:
    given: dict[str, object] = {
        "network": "tiny",
        "precision": "int8",
        "preprocessing": Preprocessing.plain(12),
        **fields,
    }
    write_metadata(path, Metadata(**given))  # type: ignore[arg-type]
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = write_classifier(tmp_path / "whole.tflite")
    bare = tmp_path / "net.tflite"
    bare.write_bytes(without_archive(path))
    return bare


def card_of(path: Path) -> str:
    return model_card(gather_facts(path, accelerators=["squeezelerator-8x8"]))


def inline_tokens(text: str) -> list[tuple[str, str]]:
    tokens = [token for token in MARKDOWN.parse(text) if token.type == "inline"]
    return [(child.type, child.content) for token in tokens for child in token.children or ()]


@settings(deadline=None)
@given(st.text(max_size=60) | MARKUP)
def test_every_character_of_a_file_stands_for_itself(text: str) -> None:
    found = inline_tokens(f"x {escaped(text)}")
    assert {kind for kind, _ in found} <= {"text", "text_special"}
    shown = "".join(content for _, content in found)
    expected = "".join(c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text)
    assert shown == " ".join(["x", *expected.split()])


@settings(deadline=None)
@given(st.lists(st.text(max_size=20) | MARKUP, min_size=2, max_size=2))
def test_a_cell_stays_a_cell(cells: list[str]) -> None:
    tokens = MARKDOWN.parse("\n".join(table(["a", "b"], [cells, cells])))
    assert [token.type for token in tokens if token.type in ("td_open", "tr_open")].count("td_open") == 4
    assert tokens[-1].type == "table_close"


def test_a_hostile_file_writes_no_markup_into_its_card(file: Path) -> None:
    extra = {LICENCE: HOSTILE, PARITY: {"samples": HOSTILE, "max_abs_diff": True}, ACCURACY_IMAGES: HOSTILE}
    path = described(
        file, network=HOSTILE, labels=(HOSTILE,) * 4, data=HOSTILE, accuracy=0.5, versions={HOSTILE: HOSTILE},
        extra=extra,
    )  # fmt: skip
    tokens = MARKDOWN.parse(card_of(path))
    inner = [child for token in tokens for child in token.children or ()]
    assert not [token for token in [*tokens, *inner] if token.type.startswith(("html", "link", "image"))]
    headings = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert len(headings) == 10


def test_a_card_tells_accuracy_with_its_interval_parity_and_licence(file: Path) -> None:
    parity = {"samples": 128, "max_abs_diff": 0.25, "max_rel_diff": 0.01, "sqnr_db": None, "top1_agreement": 1.0}
    extra = {PARITY: parity, LICENCE: "Apache-2.0", ACCURACY_IMAGES: 359}
    card = card_of(described(file, accuracy=0.967, data="digits/test", extra=extra))
    low, high = wilson_interval(347, 359)
    assert f"95 % interval {100 * low:.1f} to {100 * high:.1f} %, 359 images" in card
    assert "| largest difference | 0.25 |" in card
    assert "The file states: Apache-2.0." in card
    assert "| squeezelerator-8x8 |" in card


def test_a_file_without_metadata_gets_a_card_that_says_so(file: Path) -> None:
    card = card_of(file)
    assert "The file states no accuracy." in card
    assert "no comparison with the model" in card
    assert "The file states: none." in card


@pytest.mark.parametrize("name", ["quadrants.onnx", "net.tflite"])
def test_the_python_of_a_card_runs(name: str, tmp_path: Path) -> None:
    make = write_quadrants if name.endswith(".onnx") else write_classifier
    make(tmp_path / name)
    codes = [code for _, language, code in loading_code(name, name.rpartition(".")[2]) if language == "python"]
    own = [code for code in codes if "tensorflow" not in code]
    assert len(own) == 2
    for code in own:
        done = subprocess.run(
            [sys.executable, "-c", f"{code}\nassert len(outputs)"], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_a_name_is_quoted_in_code() -> None:
    for format in ("onnx", "tflite", "keras"):
        for _, _, code in loading_code('a"\n```$name', format):
            assert '"a\\"\\n```$name"' in code


def test_the_command_line_prints_a_card_and_its_latency(file: Path, tmp_path: Path) -> None:
    shown = run_cli("inspect", described(file), "--card", "--time", "0.2", cwd=tmp_path)
    assert shown.code == 0, shown.err
    assert shown.out.startswith("# tiny (int8 tflite)\n")
    assert "Measured on the machine that wrote this card" in shown.out
    assert run_cli("inspect", file, "--time", "1", cwd=tmp_path).code == 2


@pytest.mark.slow
def test_an_export_writes_its_card_from_what_travels_inside(tmp_path: Path) -> None:
    given = ["squeezenet_v1_1", "--format", "onnx", "--input-size", "32", "--classes", "10", "--licence", "CC-BY-4.0"]
    exported = run_cli("export", *given, "-o", "net.onnx", "--card", "--json", cwd=tmp_path).json()
    card = (tmp_path / exported["card"]).read_text("utf-8")
    assert card == run_cli("inspect", "net.onnx", "--card", cwd=tmp_path).out
    assert "The file states: CC-BY-4.0." in card
    assert f"| largest difference | {exported['parity']['max_abs_diff']:.6g} |" in card
    (tmp_path / "other.onnx.md").touch()
    assert "exists already" in run_cli("export", *given, "-o", "other.onnx", "--card", cwd=tmp_path).error_line()
