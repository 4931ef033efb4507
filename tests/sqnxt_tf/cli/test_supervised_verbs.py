"""Each verb that opens a model from anyone: what ends its child, fills memory or never ends is one line and code 2."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.commands import Answer
from helpers.hostile_classifiers import classifier, of_kind, split_in_no_parts
from helpers.hostile_keras import Templates, make_templates, never_done, of_gigabytes
from helpers.hostile_tflite import endless_memory
from helpers.supervised_commands import as_in_a_terminal, child_of, in_session, is_running, waiting

STOPPED = "was stopped, as opening it or its first run took more than"
OF_ARTIFACTS = {
    "webdemo": ("webdemo", "a.tflite", "-o", "out", "--preprocessing", "plain"),
    "micro": ("micro", "a.tflite", "-o", "out", "--preprocessing", "plain"),
}
OF_MODELS = {
    "prune": ("prune", "a.keras", "-o", "p.keras"),
    "compress": ("compress", "a.keras", "-o", "a.sqz"),
    "evolve": ("evolve", "a.keras", "-o", "evolved"),
    "train --model": ("train", "--model", "a.keras", "-o", "t.keras"),
    "train --from": ("train", "--from", "a.keras", "-o", "t.keras"),
    "train --teacher": (
        "train", "--network", "tiny_darknet", "--input-size", 32, "--teacher", "a.keras", "-o", "t.keras",
    ),
}  # fmt: skip
SPOILT_H5PY = "import os, signal, time\n{}\n"
"""A library in native code that opens files, as its user meets it: it does one thing when it is loaded."""


@pytest.mark.parametrize("verb", OF_ARTIFACTS)
def test_artifacts_end_the_child_only(tmp_path: Path, cli: Callable[..., Answer], verb: str) -> None:
    def line_about(data: bytes, *limits: object) -> str:
        (tmp_path / "a.tflite").write_bytes(data)
        return cli(*OF_ARTIFACTS[verb], *limits).error_line()

    assert "its process died of SIG" in line_about(split_in_no_parts())
    never = line_about(classifier(endless=True), "--timeout", 0.5)
    large = line_about(of_kind(endless_memory, "step"), "--memory", "400M")
    if verb == "micro":  # another runtime opens it first
        assert "TensorFlow Lite Micro did not run it within 2.5 s" in never
        assert "TensorFlow Lite Micro refuses it" in large
    else:
        assert f"{STOPPED} 0.5 s; give more seconds with --timeout" in never
        assert f"{STOPPED} 400 MB of memory; give more with --memory" in large
    assert [item.name for item in tmp_path.iterdir()] == ["a.tflite"]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its process died of SIGSEGV"),
        ("taken = b'1' * (1 << 30); time.sleep(60)", f"{STOPPED} 400 MB of memory"),
        ("time.sleep(60)", f"{STOPPED} 3 s"),
    ],
)
def test_inspect_opens_a_file_in_a_child(tmp_path: Path, cli: Callable[..., Answer], what: str, told: str) -> None:
    (tmp_path / "h5py.py").write_text(SPOILT_H5PY.format(what))
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    line = cli("inspect", "a.keras", "--memory", "400M", "--timeout", 3).error_line()
    assert line.startswith(f"error: a.keras: {told}")


def running(command: tuple[object, ...], folder: Path, processes: int) -> subprocess.Popen[str]:
    """Start a command in a session of its own, and wait until that has so many processes."""
    process = subprocess.Popen(
        as_in_a_terminal(*command), cwd=folder, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 60
    while len(in_session(process.pid)) < processes:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


TRAIN = ("train", "--network", "tiny_darknet", "--input-size", 32, "-o", "net.keras")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_training_that_lets_no_python_run_ends_when_asked(tmp_path: Path, number: int, code: int) -> None:
    """TensorFlow waits for lost workers so; here the process is stopped."""
    with running(TRAIN, tmp_path, 2) as process:
        os.kill(child_of(process.pid), signal.SIGSTOP)
        sent = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == code
        assert time.monotonic() - sent < 5  # two seconds, and some for a machine that does other things too
        assert in_session(process.pid) == {}


def test_temporary_files_of_libraries_go_with_a_child_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    with running(TRAIN, tmp_path, 2) as process:
        end = time.monotonic() + 60
        while not (folders := list(place.iterdir())):
            assert time.monotonic() < end
            time.sleep(0.02)
        (folders[0] / "generated.py").touch()
        os.kill(child_of(process.pid), signal.SIGKILL)
        assert process.wait(20) == 2
    assert list(place.iterdir()) == []


def test_local_workers_end_with_their_parent_even_if_they_let_no_python_run(tmp_path: Path) -> None:
    with running((*TRAIN, "--local-workers", 2), tmp_path, 5) as process:
        time.sleep(1)  # until the last one has begun too
        workers = set(in_session(process.pid)) - {process.pid}
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        process.kill()
        process.wait(20)
        end = time.monotonic() + 5
        while (left := in_session(process.pid)) and time.monotonic() < end:
            time.sleep(0.05)
        for worker in left:
            os.kill(worker, signal.SIGKILL)
        assert left == {}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return make_templates(tmp_path_factory.mktemp("templates"))


def command(verb: str) -> tuple[object, ...]:
    """Return the command of a verb that opens a model which says nothing of its data."""
    own = () if verb in ("compress", "train --teacher") else ("--preprocessing", "plain")
    return (*OF_MODELS[verb], *own, *(("--data", "digits") if verb == "prune" else ()))


@pytest.mark.slow
@pytest.mark.parametrize("verb", OF_MODELS)
def test_models_end_the_child_only(tmp_path: Path, cli: Callable[..., Answer], templates: Templates, verb: str) -> None:
    (tmp_path / "a.keras").write_bytes(of_gigabytes(templates))
    line = cli(*command(verb), "--memory", "1500M", "--timeout", 60).error_line()
    assert line.startswith(f"error: a.keras: {STOPPED} 1.5 GB of memory; give more with --memory")
    (tmp_path / "a.keras").write_bytes(never_done(templates))
    line = cli(*command(verb), "--timeout", 2).error_line()
    assert line.startswith(f"error: a.keras: {STOPPED} 2 s; give more seconds with --timeout")
    with waiting(*command(verb), "--timeout", 600, folder=tmp_path, library="_pywrap_tensorflow") as process:
        child = child_of(process.pid)
        os.kill(child, signal.SIGSEGV)
        assert process.wait(10) == 2
        assert process.stderr is not None
        assert "its process died of SIGSEGV" in process.stderr.read().splitlines()[-1]
        assert not is_running(child)
    assert [item.name for item in tmp_path.iterdir()] == ["a.keras"]
