"""Files that end their runtime, take memory without bound or never end: each is one line and exit code 2."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.commands import Answer, helper_program
from helpers.fuzzing import fuzz_seeds
from helpers.hostile_classifiers import classifier, of_kind, split_in_no_parts
from helpers.hostile_keras import KERAS_KINDS, Templates, hostile_keras, make_templates
from helpers.hostile_tflite import KINDS, endless_loop, endless_memory, hostile_tflite
from helpers.supervised_commands import child_of, is_running, waiting
from sqnxt_export import ExportError, try_model

LITERT = "ai_edge_litert.interpreter"
LIMITS = ("--memory", "800M", "--timeout", 4)
ENDS = ("ran", "refused")
DEATHS = ("its process died of SIG", "was stopped, as opening it or its first run took more than ")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    return tmp_path / "a.png"


def run_all(paths: Sequence[Path], memory: int, seconds: float, runtime: str = LITERT) -> list[dict[str, Any]]:
    """Open and run files, each in a supervised child of one process."""
    command = helper_program("supervised_runs", runtime, memory, seconds)
    done = subprocess.run(command, input="\n".join(map(str, paths)), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_hostile(folder: Path, seeds: Sequence[int], seconds: float) -> Counter[str]:
    """Run the .tflite files of some seeds, and return how often each kind was stopped or ended its process."""
    paths = []
    for seed in seeds:
        paths.append(folder / f"{KINDS[seed % len(KINDS)].__name__}-{seed}.tflite")
        paths[-1].write_bytes(hostile_tflite(seed))
    return check_ends(paths, run_all(paths, 500_000_000, seconds), seconds)


def check_hostile_keras(folder: Path, templates: Templates, seeds: Sequence[int], seconds: float) -> Counter[str]:
    """Run the .keras files of some seeds, and return how often each kind was stopped or ended its process."""
    paths = []
    for seed in seeds:
        paths.append(folder / f"{KERAS_KINDS[seed % len(KERAS_KINDS)].__name__}-{seed}.keras")
        paths[-1].write_bytes(hostile_keras(templates, seed))
    return check_ends(paths, run_all(paths, 1_500_000_000, seconds, "tf_keras"), seconds)


def check_ends(paths: Sequence[Path], ends: Sequence[dict[str, Any]], seconds: float) -> Counter[str]:
    """Check that each file ran, was refused or was stopped in time and in one line; count the stopped ones by kind."""
    assert [Path(end["path"]) for end in ends] == list(paths)
    for end in ends:
        fault = end["end"].removeprefix(f"{end['path']}: ")
        assert fault in ENDS or fault.startswith(DEATHS), end
        assert "\n" not in fault
        assert end["seconds"] < seconds + 15  # the rest is for a machine that does other things too
    return Counter(Path(end["path"]).name.split("-")[0] for end in ends if end["end"] not in ENDS)


def test_hostile_graphs_end_their_child_only(tmp_path: Path) -> None:
    ended = check_hostile(tmp_path, [seed for seed in range(40) if KINDS[seed % len(KINDS)] is not endless_loop], 20)
    assert ended["split_by_nothing"]
    assert ended["endless_memory"]


def test_an_endless_loop_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(classifier(endless=True))
    (end,) = run_all([path], 1 << 30, 0.5)
    assert "was stopped, as opening it or its first run took more than 0.5 s" in end["end"]


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return make_templates(tmp_path_factory.mktemp("templates"))


@pytest.mark.slow
@pytest.mark.fuzz
def test_hostile_configs_end_their_child_only(tmp_path: Path, templates: Templates) -> None:
    check_hostile_keras(tmp_path, templates, fuzz_seeds(8, first=0), 10)


@pytest.mark.slow
@pytest.mark.fuzz
def test_many_more_hostile_graphs(tmp_path: Path) -> None:
    seeds = fuzz_seeds(80)
    ended = check_hostile(tmp_path, seeds, 0.5)
    due = {"endless_loop", "endless_memory", "split_by_nothing"}
    assert set(ended) >= due | ({"detection"} if len(seeds) >= 320 else set())  # few of these end the runtime


@pytest.mark.parametrize("verb", ["classify", "evaluate", "verify", "benchmark"])
def test_each_verb_tells_what_ended_the_runtime(
    tmp_path: Path, cli: Callable[..., Answer], image: Path, verb: str
) -> None:
    (tmp_path / "a.tflite").write_bytes(split_in_no_parts())
    rest = {
        "classify": ("--preprocessing", "plain", image),
        "evaluate": ("--preprocessing", "plain"),
        "verify": ("a.tflite",),
        "benchmark": ("--seconds", 0.2),
    }[verb]
    line = cli(verb, "a.tflite", *rest, *LIMITS).error_line()
    assert line.startswith("error: a.tflite: its process died of SIG")


@pytest.mark.parametrize("verb", ["verify", "benchmark"])
def test_limits_are_options_and_the_remedy_names_them(tmp_path: Path, cli: Callable[..., Answer], verb: str) -> None:
    (tmp_path / "a.tflite").write_bytes(classifier(endless=True))
    (tmp_path / "b.tflite").write_bytes(of_kind(endless_memory, "step"))
    rest = ("a.tflite",) if verb == "verify" else ()
    slow = cli(verb, "a.tflite", *rest, "--timeout", 1).error_line()
    assert slow.startswith("error: a.tflite: was stopped, as opening it or its first run took more than 1 s")
    assert "give more seconds with --timeout" in slow
    rest = ("b.tflite",) if verb == "verify" else ()
    large = cli(verb, "b.tflite", *rest, "--memory", "400M").error_line()
    assert "took more than 400 MB of memory; give more with --memory" in large


def test_a_good_file_answers_as_ever(tmp_path: Path, cli: Callable[..., Answer], image: Path) -> None:
    (tmp_path / "good.tflite").write_bytes(classifier())
    command = ("classify", "good.tflite", image, "--preprocessing", "0..255", "--json")
    (answer,) = cli(*command, *LIMITS).json()
    assert answer["top"][0]["label"] == "class 0"
    assert cli(*command, "--memory", "60%").code == 0
    assert "is not an amount of memory" in cli(*command, "--memory", "much").error_line()


def test_python_code_tries_a_file_first(tmp_path: Path) -> None:
    for name, data, fault in (
        ("good", classifier(), None),
        ("split", split_in_no_parts(), r"split.tflite: its process died of SIG\w+; export it again"),
        ("endless", classifier(endless=True), "endless.tflite: was stopped, .* more than 1 s; .* with `seconds`"),
        ("large", of_kind(endless_memory, "step"), "large.tflite: was stopped, .* 400 MB of memory; .*`memory_bytes`"),
        ("garbage", b"garbage", "garbage.tflite: not a .tflite file"),
    ):
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(data)
        seconds = 1 if name == "endless" else 60
        if fault is None:
            try_model(path)
        else:
            with pytest.raises(ExportError, match=fault):
                try_model(path, memory_bytes=400_000_000, seconds=seconds)


def endless(folder: Path) -> subprocess.Popen[str]:
    """Start a command that runs for ever, and wait until its child does."""
    (folder / "a.tflite").write_bytes(classifier(endless=True))
    return waiting("verify", "a.tflite", "a.tflite", "--timeout", 600, folder=folder, library="ai_edge_litert")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_child_ends_with_its_parent(tmp_path: Path, number: int) -> None:
    with endless(tmp_path) as process:
        child = child_of(process.pid)
        process.send_signal(number)
        assert process.wait(10) in (-number, 128 + number)
        end = time.monotonic() + 5
        while is_running(child) and time.monotonic() < end:
            time.sleep(0.05)
        assert not is_running(child)


@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_ctrl_c_ends_a_child_that_is_busy_in_c_code(tmp_path: Path, send: Callable[[int, int], None]) -> None:
    """A terminal sends the signal to both processes, `kill` to the parent only."""
    with endless(tmp_path) as process:
        child = child_of(process.pid)
        send(process.pid, signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stderr is not None
        assert process.stderr.read().splitlines() == ["error: interrupted"]
        assert not is_running(child)


def test_a_child_that_the_system_kills_is_one_line(tmp_path: Path) -> None:
    with endless(tmp_path) as process:
        os.kill(child_of(process.pid), signal.SIGKILL)
        assert process.wait(10) == 2
        assert process.stderr is not None
        (line,) = process.stderr.read().splitlines()
        assert line.startswith("error: a.tflite: its process was killed, as the system does when memory runs out")
