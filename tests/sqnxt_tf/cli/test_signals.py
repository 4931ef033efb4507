"""Ctrl-C and SIGTERM at random moments of every long verb: nothing half-written, no temporary file, no child left over.

SQNXT_TF_SIGNALS sets how many signals each verb gets; 2 by default, since most verbs start TensorFlow.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.commands import cli_command
from helpers.keras_networks import save_dense
from sqnxt_export import to_onnx

pytestmark = pytest.mark.slow

_COUNT = int(os.environ.get("SQNXT_TF_SIGNALS", "2"))
_ANSWER_SECONDS = 10  # two are promised of a verb that has begun; the rest is for a machine that does other things too
_ENDS = {0, 130, 143, -signal.SIGINT, -signal.SIGTERM}
"""Exit codes: it was done, or ended; the negative ones come while Python itself starts, before any of our code."""
_NETWORK = ("tiny_darknet", "--classes", 10, "--input-size", 32)
VERBS = {
    "benchmark": ("benchmark", "dense.onnx", "--seconds", 3, "--plot", "times.svg"),
    "compress": ("compress", "dense.onnx", "-o", "dense.sqz"),
    "data pack": ("data", "pack", "photos", "-o", "packed", "--shards", 20),
    "evolve": ("evolve", "dense.keras", "--sizes", "0.003,0.002", "--epochs", 2, "--batch", 64, "-o", "evolved"),
    "export": ("export", *_NETWORK, "--format", "onnx", "--precision", "int8", "-o", "net.onnx"),
    "prune": ("prune", "dense.keras", "--sparsity", 0.5, "--epochs", 2, "-o", "pruned.keras"),
    "report": ("report", "sqnxt23_w1", "squeezenet_v1_1", "-o", "page.html"),
    "search": ("search", "paper", "--picture", "pairs.html"),
    "train": ("train", "--network", "tiny_darknet", "--input-size", 32, "--epochs", 2, "-o", "net.keras"),
}
WHOLE = {
    "benchmark": {"times.svg"},
    "compress": {"dense.sqz"},
    "data pack": {"packed"},
    "evolve": {"evolved"},
    "export": {"net.onnx"},
    "prune": {"pruned.keras", "pruned.train"},
    "report": {"page.html"},
    "search": {"pairs.html"},
    "train": {"net.keras", "net.train"},
}
"""What a verb may leave: its output, which is whole, and the folders from which the same command goes on."""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all that the verbs take."""
    import tf_keras as keras

    folder = tmp_path_factory.mktemp("given")
    model = keras.models.load_model(save_dense(folder / "dense.keras"), compile=False)
    (folder / "dense.onnx").write_bytes(to_onnx(model).SerializeToString())
    pixels = np.random.default_rng(0)
    for number in range(60):
        place = folder / "photos" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.integers(0, 256, (120, 120, 3), np.uint8)).save(place)
    return folder


def start(command: tuple[object, ...], folder: Path, given: Path) -> subprocess.Popen[str]:
    """Start a verb in a session and with a folder for temporary files of its own, and signals as in a terminal."""
    (folder / "tmp").mkdir(parents=True)
    for item in given.iterdir():
        (folder / item.name).symlink_to(item)
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, *cli_command(*command, "-q")], cwd=folder, start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder / "tmp")}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def in_session(session: int) -> list[str]:
    """Return the processes of a session that still run, with their names."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = place.read_text().rpartition(")")
        except OSError:  # it has ended meanwhile
            continue
        state, _, _, its_session = rest.split()[:4]
        if int(its_session) == session and state != "Z":
            found.append(name)
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_is_ended_at_any_moment_leaves_nothing_behind(tmp_path: Path, given: Path, verb: str) -> None:
    began = time.monotonic()
    with start(VERBS[verb], tmp_path / "whole", given) as process:
        _, err = process.communicate(timeout=400)
        assert process.returncode == 0, err
    length, source = time.monotonic() - began, random.Random(verb)
    for attempt in range(_COUNT):
        folder, number = tmp_path / str(attempt), (signal.SIGINT, signal.SIGTERM)[attempt % 2]
        with start(VERBS[verb], folder, given) as process:
            time.sleep(source.uniform(0.1, 1) * length)
            process.send_signal(number)
            sent = time.monotonic()
            _, err = process.communicate(timeout=60)
        taken = time.monotonic() - sent
        assert process.returncode in _ENDS, (process.returncode, err)
        assert process.returncode == 0 or taken < _ANSWER_SECONDS
        assert "unexpected" not in err
        assert process.returncode < 0 or "Traceback" not in err, err
        time.sleep(0.2)  # a child that is killed with its parent needs a moment
        assert in_session(process.pid) == []
        assert list((folder / "tmp").iterdir()) == []
        left = {item.name for item in folder.iterdir()} - {item.name for item in given.iterdir()} - {"tmp"}
        assert left <= WHOLE[verb], left
