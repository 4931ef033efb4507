"""Everything of this project that writes files, as scenarios of the fault sweep: prepare a folder, act, compare.

A new writer joins with a scenario here; `tests/test_faults.py` sweeps all of them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from helpers.faulty_files import Call
from helpers.images import write_images
from helpers.onnx_graphs import make_onnx, write_quadrants

_EARLIER = "an earlier file\n"


@dataclass(frozen=True)
class Scenario:
    """A way of the product to write files.

    Attributes:
        prepare: Fills the working folder, once.
        act: Arguments of the command line, or a function; it overwrites what is there.
        resumes: Patterns of what an unfinished work may leave, for the next run to resume from or to sweep away.
        slow: Whether it needs TensorFlow or takes more than half a second.
        at_most: Largest number of calls that fail in turn, for each kind of fault.
        volatile: Patterns of files whose contents differ between two equal runs, such as databases.
        ignored: Patterns of files that have another name in every run.
        calls: Kinds of calls that fail; all if empty.
        no_cuts: Whether power cuts are left out: it writes by the same functions as others, or through a database.
        leaves_out: What it says where it leaves something out and goes on; nothing if it never does.
    """

    prepare: Callable[[], None]
    act: Sequence[str] | Callable[[], Any]
    resumes: tuple[str, ...] = ()
    slow: bool = False
    at_most: int = 12
    volatile: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    no_cuts: bool = False
    leaves_out: str = ""


def earlier(*names: str) -> None:
    """Write files that stand where the outputs will."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(_EARLIER)


def contents(path: Path) -> Any:
    """Return what must be equal in two files of the same contents: without dates, and without names drawn at random."""
    data = path.read_bytes()
    if path.suffix == ".svg" and data.rstrip().endswith(b"</svg>"):
        return "a whole picture"
    if path.suffix in (".npz", ".keras", ".tflite"):
        return _members(data)
    return data


def _members(data: bytes) -> Any:
    """Return the members of a zip archive by name, without what differs between two equal runs."""
    if not zipfile.is_zipfile(BytesIO(data)):
        return data
    with zipfile.ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
        start = min((member.header_offset for member in archive.infolist()), default=0)
        members = {name: archive.read(name) for name in archive.namelist() if name != "metadata.json"}
    of_equal_size = (".h5", "story.npy")  # with names and seconds inside
    return data[:start], {
        name: len(data) if name.endswith(of_equal_size) else data for name, data in members.items()
    }  # fmt: skip


def _graph() -> None:
    """Write a network of one convolution, whose weights have few values."""
    kernel = (np.arange(64 * 3 * 3 * 3) % 5).reshape(64, 3, 3, 3).astype(np.float32)
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    onnx.save(make_onnx([node], [1, 3, 8, 8], [("w", kernel)]), "net.onnx")


def _overwritten(*names: str) -> Callable[[], None]:
    def prepare() -> None:
        _graph()
        earlier(*names)

    return prepare


def _images() -> None:
    write_images(Path("images"), 3)


def _packed_before() -> None:
    from sqnxt_tf.workflows.data_pack import pack

    _images()
    pack("images", "packed", shards=3, seed=5)


def _compressible() -> None:
    from sqnxt_export import compress_artifact

    _graph()
    compress_artifact("net.onnx", "net.sqz")
    earlier("out.sqz", "out.onnx")


def _misclassified() -> None:
    """Make a network that calls every image by the brightest quadrant, and images of which some are none."""
    from PIL import Image

    _classifier()
    random = np.random.default_rng(0)
    for name in "abcd":
        Path("images", name).mkdir(parents=True)
        for place in range(2):
            Image.fromarray(random.integers(0, 256, (4, 4), np.uint8)).save(f"images/{name}/{place}.png")
    from sqnxt_tf.data.data_source import DataSource
    from sqnxt_tf.device.evaluation import evaluate
    from sqnxt_tf.device.misclassified import write_misclassified

    images = DataSource.parse("images").part(None)
    write_misclassified(evaluate("net.onnx", images), images, Path("wrong"))
    next(Path("wrong").iterdir()).rename("wrong/00099_a_as_b.png")


def _classifier() -> None:
    """Write a network that calls every grey image by its brightest quadrant."""
    from sqnxt_export import Metadata, Preprocessing, write_metadata

    write_quadrants(Path("net.onnx"))
    grey = Preprocessing.plain(4, 4, channels=1)
    write_metadata("net.onnx", Metadata(labels=tuple("abcd"), preprocessing=grey))


def _site() -> None:
    _classifier()
    _write_site(title="before")


def _write_site(title: str = "after") -> None:
    """Write a site as `webdemo` does, with something else in place of what npm fetches."""
    from unittest.mock import patch

    from sqnxt_tf.webdemo import site

    def fetch(package: Any, folder: Path) -> None:
        for file in package.files:
            (folder / file.target).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.target).write_text("a runtime")

    with patch.object(site, "fetch_package", fetch), patch.object(site, "find_npm", lambda: "npm"):
        site.write_webdemo(["net.onnx"], "site", title=title, force=True)


def _micro() -> None:
    from helpers.micro_models import write_classifier

    write_classifier(Path("net.tflite"))
    earlier("project/main.cc", "project/mine.txt")


def _write_project() -> None:
    """Write a project as `micro` does, for a model that nothing has measured."""
    from helpers.micro_models import described
    from sqnxt_export import Preprocessing
    from sqnxt_tf.microcontroller.bundled_image import MicroTestImage
    from sqnxt_tf.microcontroller.project_folder import write_project

    image = MicroTestImage(pixels=np.zeros((8, 8, 3), np.uint8), source="zeros", answer=0)
    write_project(described(Preprocessing.plain(8, 8, channels=3), None), image, Path("project"))


def _tflite() -> None:
    from helpers.micro_models import write_classifier

    write_classifier(Path("net.tflite"))
    _graph()
    _write_metadata("before")


def _write_metadata(network: str = "after") -> None:
    from sqnxt_export import Metadata, write_metadata

    for name in ("net.onnx", "net.tflite"):
        write_metadata(name, Metadata(network=network))


_SETTINGS = {"seed": 3}
_HISTORY = [{"epoch": 1.0, "rate": 0.1, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}]


def _run_begun() -> None:
    from sqnxt_tf.training.run_folder import RunFolder

    RunFolder(Path("m.train")).begin(_SETTINGS)
    _save_run(1)


def _save_run(steps: int = 2) -> None:
    """Write what a run writes after an epoch, resumed from what is there."""
    from sqnxt_tf.training.run_folder import RunFolder
    from sqnxt_tf.training.state import RunState, write_checkpoint

    folder = RunFolder(Path("m.train"))
    with folder.begun(_SETTINGS):
        write_checkpoint(folder.checkpoint, {"w": np.full(99, steps)}, RunState(step=steps))
        folder.write_history(_HISTORY * steps)


def _finish_run() -> None:
    """End a run as `train` does: the model first, then the folder; a run that has ended stays as it is."""
    from sqnxt_export import whole_file
    from sqnxt_tf.training.run_folder import RunFolder

    folder = RunFolder(Path("m.train"))
    if not folder.is_begun and Path("m.keras").exists():
        return
    if not folder.is_begun or not folder.checkpoint.exists():
        raise RuntimeError("the run is lost")
    with folder.begun(_SETTINGS):
        with whole_file("m.keras", force=True) as part:
            part.write_text("a model")
        folder.finish()


def _lineage() -> None:
    _write_lineage(1)


def _write_lineage(seed: int = 2) -> None:
    from sqnxt_export import whole_file
    from sqnxt_tf.evolution.lineage import FILE, Lineage, Member, write_lineage

    figures: dict[str, Any] = dict.fromkeys(("filters", "parameters", "bytes", "macs", "cycles", "energy"), 9)
    figures |= dict.fromkeys(("validation", "top1", "top1_low", "top1_high"), 0.5)
    founder = Member(name="founder", parent=None, generation=0, environment=None, sha256="ab", **figures)
    folder = Path("evolved")
    folder.mkdir(exist_ok=True)
    with whole_file(folder / FILE, force=True) as part:
        write_lineage(Lineage(folder=folder, settings={"seed": seed}, members=(founder,)), part)


_SEARCH = ("search", "digits", "--trials", "4", "--storage", "trials.db", "--picture", "s.html", "--force")


def _trials() -> None:
    _run_command(["search", "digits", "--trials", "2", "--storage", "trials.db"])
    earlier("s.html")


def _run_command(arguments: list[str]) -> None:
    """Run the command line in this process."""
    from sqnxt_tf.cli.main import run

    try:
        run(arguments)
    except SystemExit as end:
        assert end.code == 0, arguments  # noqa: PT017 - it is no exception that a test expects


def _recorded() -> None:
    earlier("demo/summary.json")


def _write_json() -> None:
    from sqnxt_tf.workflows.demo import write_json

    write_json(Path("demo/summary.json"), {"numbers": list(range(3000))}, force=True)


def _network() -> None:
    from helpers.keras_networks import save_dense

    save_dense(Path("net.keras"))


def _models() -> None:
    _network()
    _save_model("m.keras")


def _save_model(path: str = "m.keras") -> None:
    from sqnxt_export import load_keras, read_metadata, save_keras

    save_keras(load_keras("net.keras"), path, read_metadata("net.keras"), force=True)


def _pictures() -> None:
    earlier("history.png", "lineage.svg")


def _draw() -> None:
    from sqnxt_tf.reports.history import draw_history

    draw_history(_HISTORY, Path("history.png"), force=True)


SCENARIOS: dict[str, Scenario] = {
    "report": Scenario(_overwritten("page.html"), ["report", "net.onnx", "-o", "page.html", "--force"]),
    "roofline": Scenario(
        _overwritten("r.svg"), ["simulate", "net.onnx", "--roofline", "r.svg", "--force"], slow=True, at_most=1
    ),
    "sweep": Scenario(
        _overwritten("p.svg"),
        ["simulate", "net.onnx", "--sweep", "array.rows=8,16", "--picture", "p.svg", "--force"],
        slow=True, at_most=1, calls=(Call.WRITE, Call.RENAME), no_cuts=True,
    ),
    "compare": Scenario(_graph, ["compare", "net.onnx", "net.onnx", "--json"], no_cuts=True),
    "accelerators": Scenario(_overwritten("my.toml"), ["accelerators", "--new", "my.toml", "--force"]),
    "data pack": Scenario(
        _images, ["data", "pack", "images", "-o", "packed", "--shards", "2"], resumes=("packed", "packed/*"), at_most=9,
        leaves_out="unreadable",
    ),
    "data pack again": Scenario(
        _packed_before, ["data", "pack", "images", "-o", "packed", "--shards", "2", "--force"],
        resumes=("packed", "packed/*"), slow=True, at_most=9, leaves_out="unreadable",
    ),
    "compress": Scenario(_compressible, ["compress", "net.onnx", "-o", "out.sqz", "--force"]),
    "decompress": Scenario(_compressible, ["decompress", "net.sqz", "-o", "out.onnx", "--force"]),
    "metadata": Scenario(_tflite, _write_metadata),
    "misclassified": Scenario(
        _misclassified,
        ["evaluate", "net.onnx", "--data", "images", "--misclassified", "wrong", "--force"],
        slow=True, at_most=8, leaves_out="unreadable",
    ),
    "webdemo": Scenario(_site, _write_site, slow=True, at_most=2, no_cuts=True),
    "micro": Scenario(_micro, _write_project, at_most=3),
    "checkpoint": Scenario(_run_begun, _save_run, volatile=("m.train/.lock",)),
    "end of a run": Scenario(_run_begun, _finish_run, resumes=("m.train/*",)),
    "evolve": Scenario(_lineage, _write_lineage),
    "demo": Scenario(_recorded, _write_json),
    "search": Scenario(
        _trials, _SEARCH, volatile=("trials.db", "s.html"), ignored=("trials.db-*",), slow=True, at_most=2,
        no_cuts=True,
    ),
    "picture of a run": Scenario(_pictures, _draw, slow=True, at_most=1, volatile=("*.png",), no_cuts=True),
    "saved model": Scenario(_models, _save_model, slow=True, at_most=6, ignored=("tmp/tmp*",)),
}  # fmt: skip
