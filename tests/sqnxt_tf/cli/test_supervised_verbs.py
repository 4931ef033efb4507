"""Each verb that opens a model from anyone: what ends its child, fills memory or never ends is one line and code 2."""

from __future__ import annotations

import os
import signal
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.commands import Answer
from helpers.hostile_classifiers import classifier, of_kind, split_in_no_parts
from helpers.hostile_keras import Templates, make_templates, never_done, of_gigabytes
from helpers.hostile_tflite import endless_memory
from helpers.supervised_commands import child_of, is_running, waiting

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
