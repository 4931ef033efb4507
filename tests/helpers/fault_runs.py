"""Whole runs of verbs that need TensorFlow, or take seconds, as scenarios of the fault sweep; see `fault_scenarios`.

The sweep acts in one process, so that TensorFlow is loaded once. A verb that runs there does not fork, since
TensorFlow has threads by then.
"""

from __future__ import annotations

from pathlib import Path

from helpers.fault_scenarios import Scenario, earlier
from helpers.images import write_images

_OF_TENSORFLOW = ("tmp/tmp*",)  # Keras and TensorFlow leave what they could not finish
_EXPORT = ("export", "net.keras", "--samples", "8", "--force")


def _network(*names: str) -> None:
    from helpers.keras_networks import save_dense

    save_dense(Path("net.keras"))
    earlier(*names)


def _exported() -> None:
    _network("net.onnx", "net.tflite", "net.md")


def _classes() -> None:
    """Write a network of two classes, and images of both."""
    from helpers.keras_networks import save_dense

    save_dense(Path("net.keras"), classes=2, labels=("a", "b"), data="images")
    for part, count in (("train", 8), ("validation", 4)):
        write_images(Path("images", part), count, size=(8, 8))
    earlier("m.keras")


_RESUMES = ("m.train", "m.train/*")
_WITH_SECONDS = ("m.train/history.csv",)
_CURVES = (*_OF_TENSORFLOW, "m.train/tensorboard/*")  # named by the second, and not worth a run
_TRAIN = ("--data", "images", "--batch", "8", "-o", "m.keras", "--force")

RUNS: dict[str, Scenario] = {
    "export onnx": Scenario(
        _exported, [*_EXPORT, "-o", "net.onnx", "--precision", "int8", "--calibration", "8"],
        slow=True, ignored=_OF_TENSORFLOW, no_cuts=True,
    ),
    "export tflite": Scenario(
        _exported, [*_EXPORT, "-o", "net.tflite", "--precision", "int8", "--calibration", "8"],
        slow=True, ignored=_OF_TENSORFLOW, no_cuts=True,
    ),
    "train": Scenario(
        _classes, ["train", "--model", "net.keras", "--epochs", "2", "--preprocessing", "plain", *_TRAIN],
        slow=True, resumes=_RESUMES, volatile=_WITH_SECONDS, ignored=_CURVES, no_cuts=True,
        leaves_out="no picture of the run",
    ),
    "prune": Scenario(
        _classes, ["prune", "net.keras", "--sparsity", "0.5", "--epochs", "1", *_TRAIN],
        slow=True, resumes=_RESUMES, volatile=_WITH_SECONDS, ignored=_CURVES, no_cuts=True,
    ),
    "reproduce": Scenario(
        lambda: earlier("figures/figure7.svg"), ["reproduce", "figure7", "-o", "figures", "--force"],
        slow=True, no_cuts=True,
    ),
}  # fmt: skip
