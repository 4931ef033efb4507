"""What the command line prints on a terminal, and that it is the same everywhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from helpers.commands import run_python
from helpers.onnx_graphs import save_graph
from sqnxt_tf.cli import terminal
from sqnxt_tf.cli.output import Output
from sqnxt_tf.reports.tables import Table

STYLE = re.compile(r"\x1b\[\d*m")


def on_terminal(*arguments: object, columns: int, env: dict[str, str] | None = None) -> str:
    """What the command prints on a terminal of that width."""
    reading, writing = pty.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-m", "sqnxt_tf", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**inherited, "TERM": "xterm", **(env or {})},
    ) as process:
        os.close(writing)
        said = b""
        try:
            while part := os.read(reading, 1 << 16):
                said += part
        except OSError:  # Linux's way to say that the other end is closed
            pass
        os.close(reading)
        assert process.stderr is not None
        assert process.wait(60) == 0, process.stderr.read()
    return said.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two convolutions with the names that another framework gives them."""
    random = np.random.default_rng(0)
    names = ("backbone/block_1/conv2d/BiasAdd", "backbone/block_1/conv2d_1/BiasAdd")
    weights = [random.standard_normal((16, channels, 3, 3)).astype(np.float32) for channels in (3, 16)]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], names[0], pads=[1] * 4),
        helper.make_node("Conv", ["a", "w1"], ["y"], names[1], pads=[1] * 4),
    ]
    return save_graph(
        tmp_path_factory.mktemp("terminal") / "small.onnx", nodes, {"x": [1, 3, 64, 64]}, {"y": [1, 16, 64, 64]},
        {f"w{index}": weight for index, weight in enumerate(weights)},
    )  # fmt: skip


VERBS = (
    ("list",),
    ("summary", "sqnxt23v5_w1"),
    ("accelerators",),
    ("accelerators", "eyeriss-like"),
    ("reproduce", "table1"),
    ("simulate", "{graph}"),
    ("simulate", "{graph}", "--explain", "backbone/block_1/conv2d/BiasAdd"),
    ("compare", "{graph}", "{graph}", "--accelerator", "squeezelerator-8x8", "--accelerator", "edge-npu-8bit"),
)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(
    cli: Any, graph: Path, verb: tuple[str, ...]
) -> None:
    arguments = [part.format(graph=graph) for part in verb]
    number = re.compile(r"(?<![^\s(])[+-]?\d[\d,.]*\d(?![^\s);.,])")
    whole = set(number.findall(cli(*arguments).out))
    for columns in (60, 80):
        shown = STYLE.sub("", on_terminal(*arguments, columns=columns))
        assert max(map(len, shown.splitlines())) <= columns
        assert set(number.findall(shown)) <= whole


def test_a_narrow_terminal_says_what_it_does_not_show(graph: Path) -> None:
    shown = STYLE.sub("", on_terminal("simulate", graph, columns=80))
    assert "513,993" not in shown
    assert "Not shown: op, MACs, weight bits" in " ".join(shown.split())
    assert "`--wide` shows the whole table." in " ".join(shown.split())
    assert "--wide" not in on_terminal("simulate", graph, columns=250)


def test_totals_are_bold_unless_no_color_is_set(graph: Path) -> None:
    assert "\x1b[1m total" in on_terminal("simulate", graph, columns=80)
    assert "\x1b" not in on_terminal("simulate", graph, columns=80, env={"NO_COLOR": "1"})


def test_columns_is_honoured() -> None:
    shown = on_terminal("accelerators", columns=200, env={"COLUMNS": "60"})
    assert max(map(len, STYLE.sub("", shown).splitlines())) <= 60


def test_off_a_terminal_a_table_is_whole_and_costs_no_import_of_rich(cli: Any, graph: Path) -> None:
    assert cli("simulate", graph, env={"COLUMNS": "40"}).out == cli("simulate", graph, env={"COLUMNS": "400"}).out
    script = f"""
import sys
from sqnxt_tf.cli.main import main
main.main(["simulate", {str(graph)!r}], standalone_mode=False)
print("rich" in sys.modules)
"""
    done = run_python(script, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_wide_prints_all_of_a_table_and_leaves_lines_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal, "width", lambda: 30)
    table = Table(["<name", "first figure", "second figure"], least_important=["second figure"])
    table.add("a network of some length", 1_000_000, 2_000_000)
    line = "a line of the result that is longer than thirty characters"
    for out in (Output(), Output(wide=True)):
        out.table(table)
        out.text(line)
    narrow, wide = capsys.readouterr().out.split("characters\n")[:2]
    assert "2,000,000" not in narrow
    assert "\n  " in narrow
    assert "2,000,000" in wide
    assert line.removesuffix("characters") in wide


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ("short", ["short"]),
        ("one two three four", ["one two", "  three", "  four"]),
        ("  key  a value", ["  key  a", "    value"]),
        ("an/unbreakable/path", ["an/unbreakable/path"]),
    ],
)
def test_lines_are_folded_between_words(line: str, lines: list[str]) -> None:
    assert terminal.folded(line, 9) == lines
    assert terminal.folded(line, None) == [line]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["simlate", "m.onnx"], "No such command 'simlate'; did you mean 'simulate'; see `sqnxt-tf --help`"),
        (["data", "chek"], "'check'"),
        (["bench"], "'benchmark'"),
        (["frobnicate"], "No such command 'frobnicate'; see"),
        (["simulate", "m.onnx", "--dataflow", "bset"], "'best'"),
    ],
)
def test_an_unknown_verb_is_answered_with_the_nearest_one(cli: Any, arguments: list[str], fault: str) -> None:
    assert fault in cli(*arguments).error_line()


def test_the_package_runs_as_a_module_and_tells_its_version(cli: Any, tmp_path: Path) -> None:
    from sqnxt_tf import __version__

    done = subprocess.run(
        [sys.executable, "-m", "sqnxt_tf", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == cli("--version").out == f"sqnxt-tf {__version__}\n"
