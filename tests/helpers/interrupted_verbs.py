"""Long verbs that a signal ends at a given moment, and what they leave behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.keras_networks import save_dense
from helpers.supervised_commands import as_in_a_terminal, in_session

ENDS = {0, 130, 143, -signal.SIGINT, -signal.SIGTERM}
"""Exit codes: it was done, or ended; the negative ones come while Python itself starts, before any of our code."""
_NETWORK = ("tiny_darknet", "--classes", 10, "--input-size", 32)
VERBS: Mapping[str, tuple[object, ...]] = {
    "benchmark": ("benchmark", "dense.onnx", "--seconds", 3, "--plot", "times.svg"),
    "compress": ("compress", "dense.onnx", "-o", "dense.sqz"),
    "data pack": ("data", "pack", "photos", "-o", "packed", "--shards", 20),
    "evolve": ("evolve", "dense.keras", "--sizes", "0.003,0.002", "--epochs", 2, "--batch", 64, "-o", "evolved"),
    "evolve, two at a time": (
        "evolve", "dense.keras", "--sizes", "0.003", "--epochs", 2, "--batch", 64, "--offspring", 2, "--workers", 2,
        "-o", "evolved",
    ),
    "export": ("export", *_NETWORK, "--format", "onnx", "--precision", "int8", "-o", "net.onnx"),
    "prune": ("prune", "dense.keras", "--sparsity", 0.5, "--epochs", 2, "-o", "pruned.keras"),
    "report": ("report", "sqnxt23_w1", "squeezenet_v1_1", "-o", "page.html"),
    "search": ("search", "paper", "--picture", "pairs.html"),
    "train": ("train", "--network", "tiny_darknet", "--input-size", 32, "--epochs", 2, "-o", "net.keras"),
    "webdemo": ("webdemo", "dense.onnx", "--preprocessing", "plain", "-o", "site"),
}  # fmt: skip
WHOLE: Mapping[str, set[str]] = {
    "benchmark": {"times.svg"},
    "compress": {"dense.sqz"},
    "data pack": {"packed"},
    "evolve": {"evolved"},
    "evolve, two at a time": {"evolved"},
    "export": {"net.onnx"},
    "prune": {"pruned.keras", "pruned.train"},
    "report": {"page.html"},
    "search": {"pairs.html"},
    "train": {"net.keras", "net.train"},
    "webdemo": {"site"},
}
"""What a verb may leave: its output, which is whole, and the folders from which the same command goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a verb ended after a signal.

    Attributes:
        code: The exit code; negative where a signal ended the process before any of our code ran.
        seconds: From the signal to the end.
        said: What it wrote to stderr.
        left: Temporary files, outputs that are not whole, and processes that it left behind.
    """

    code: int
    seconds: float
    said: str
    left: tuple[str, ...]


def write_inputs(folder: Path) -> Path:
    """Write all that the verbs take, and return the folder."""
    import tf_keras as keras

    from sqnxt_export import to_onnx

    model = keras.models.load_model(save_dense(folder / "dense.keras"), compile=False)
    (folder / "dense.onnx").write_bytes(to_onnx(model).SerializeToString())
    pixels = np.random.default_rng(0)
    for number in range(60):
        place = folder / "photos" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.integers(0, 256, (120, 120, 3), np.uint8)).save(place)
    return folder


def start(verb: str, folder: Path, given: Path) -> subprocess.Popen[str]:
    """Start a verb in a session and with a folder for temporary files of its own, and signals as in a terminal."""
    (folder / "tmp").mkdir(parents=True)
    for item in given.iterdir():
        (folder / item.name).symlink_to(item)
    return subprocess.Popen(
        as_in_a_terminal(*VERBS[verb], "-q"), cwd=folder, start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder / "tmp")}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def seconds_of(verb: str, folder: Path, given: Path) -> float:
    """Run a verb to its end, and return the seconds that it takes."""
    began = time.monotonic()
    with start(verb, folder, given) as process:
        _, said = process.communicate(timeout=600)
        assert process.returncode == 0, said
    taken = time.monotonic() - began
    assert not (left := tuple(_left_behind(verb, folder, given, process.pid))), left
    return taken


def interrupt(verb: str, number: int, moment: float, folder: Path, given: Path) -> End:
    """Start a verb, send it a signal after some seconds, and return how it ended."""
    with start(verb, folder, given) as process:
        time.sleep(moment)
        process.send_signal(number)
        sent = time.monotonic()
        _, said = process.communicate(timeout=120)
    taken = time.monotonic() - sent
    time.sleep(0.2)  # a child that is killed with its parent needs a moment
    return End(
        code=process.returncode,
        seconds=taken,
        said=said,
        left=tuple(_left_behind(verb, folder, given, process.pid)),
    )


def _left_behind(verb: str, folder: Path, given: Path, session: int) -> Iterator[str]:
    """Yield what a verb should not have left: processes, temporary files, and outputs that are not whole."""
    yield from (f"process {name}" for name in in_session(session).values())
    yield from (f"tmp/{item.name}" for item in (folder / "tmp").iterdir())
    for name in sorted({item.name for item in folder.iterdir()} - {item.name for item in given.iterdir()} - {"tmp"}):
        if name not in WHOLE[verb]:
            yield name
        elif not _is_whole(folder / name):
            yield f"{name}, not whole"
        yield from (str(item.relative_to(folder)) for item in (folder / name).rglob(".*"))


def _is_whole(path: Path) -> bool:
    """Tell whether an output can be read to its end."""
    try:
        return _READERS[path.suffix](path) if path.suffix in _READERS else True
    except Exception:  # whatever a reader raises about a file that is cut short
        return False


def _ends_with_a_tag(path: Path) -> bool:
    return path.read_text("utf-8").rstrip().endswith(f"</{path.suffix[1:]}>")


def _is_archive(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return archive.testzip() is None


def _is_graph(path: Path) -> bool:
    import onnx

    onnx.checker.check_model(onnx.load(path), full_check=True)
    return True


def _is_container(path: Path) -> bool:
    from sqnxt_export import decompress

    restored = path.with_name("restored.onnx")
    decompress(path, restored)
    restored.unlink()
    return True


def _is_folder(path: Path) -> bool:
    """Tell whether a site has all its files, and a data set its catalogue or the state from which packing goes on."""
    if path.name == "site":
        return all((path / name).is_file() for name in json.loads((path / "contents.json").read_text())["files"])
    if path.name == "packed":
        return any((path / name).is_file() for name in ("dataset.json", "packing.json"))
    return True


_READERS: Mapping[str, Callable[[Path], bool]] = {
    ".html": _ends_with_a_tag,
    ".svg": _ends_with_a_tag,
    ".keras": _is_archive,
    ".onnx": _is_graph,
    ".sqz": _is_container,
    "": _is_folder,
}
