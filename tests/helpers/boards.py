"""The programs in examples/boards: built from what the package registries have, and classifiers for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from helpers.browsers import missing
from helpers.onnx_graphs import save_graph
from helpers.repository import EXAMPLES, ROOT
from sqnxt_export import Metadata, Preprocessing, write_metadata

BOARDS = EXAMPLES / "boards"
_HEADER = "onnxruntime_c_api.h"
_PLACES = (ROOT / "build" / "onnxruntime", Path("/usr/include/onnxruntime"))


def tool(name: str) -> str:
    """Return a program of the environment or the system; without it, skip the test, or fail in CI."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        missing(f"no {name} is installed")
    return str(found)


def build_classify(folder: Path) -> Path:
    """Build the C++ program against the library in Python's wheel, warnings being errors, and return it."""
    given = os.environ.get("ONNXRUNTIME_INCLUDE")
    places = [Path(given)] if given else list(_PLACES)
    include = next((place for place in places if (place / _HEADER).exists()), None)
    if include is None:
        missing(f"no {_HEADER} is in {' or '.join(map(str, places))}")
    (library,) = (Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*")
    flags = [f"-DONNXRUNTIME_INCLUDE={include}", f"-DONNXRUNTIME_LIBRARY={library}", "-DCMAKE_CXX_FLAGS=-Werror"]
    cmake = tool("cmake")
    for command in (["-S", str(BOARDS / "classify"), "-B", str(folder), *flags], ["--build", str(folder)]):
        done = subprocess.run([cmake, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder / "classify"


def write_image_classifier(path: Path, preprocessing: Preprocessing, labels: tuple[str, ...], **kinds: bool) -> Path:
    """Write an .onnx classifier of seeded weights whose scores depend on every pixel of its input.

    Args:
        path: The file to write.
        preprocessing: What its metadata say.
        labels: Its classes.
        **kinds: `pixels=True` for an input of uint8 in NHWC, `softmax=True` for probabilities, `free=True` for a free
            batch.
    """
    how = preprocessing
    count = how.height * how.width * how.channels
    random = np.random.default_rng(3)
    weights = random.normal(0, 0.5 / np.sqrt(count), (count, len(labels))).astype(np.float32)
    batch = "n" if kinds.get("free") else 1
    if kinds.get("pixels"):
        shape, kind = [batch, how.height, how.width, how.channels], TensorProto.UINT8
        nodes = [helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT)]
        weights /= 64
    else:
        shape, kind = [batch, how.channels, how.height, how.width], TensorProto.FLOAT
        nodes = [helper.make_node("Identity", ["input"], ["floats"])]
    last = "scores" if kinds.get("softmax") else "logits"
    nodes += [helper.make_node("Flatten", ["floats"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], [last])]
    if kinds.get("softmax"):
        nodes.append(helper.make_node("Softmax", ["scores"], ["logits"], axis=1))
    save_graph(path, nodes, {"input": shape}, {"logits": [batch, len(labels)]}, {"w": weights}, kind=kind)
    write_metadata(path, Metadata(network="tiny", labels=labels, preprocessing=preprocessing))
    return path
