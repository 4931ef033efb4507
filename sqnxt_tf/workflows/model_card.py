"""Gather what a model card says: what a file says of itself, and what it costs on arrays and on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqnxt_base.proportion import wilson_interval
from sqnxt_export import ACCURACY_IMAGES, Metadata
from sqnxt_tf.device.inspection import Inspection, inspect
from sqnxt_tf.device.timings import Timing

if TYPE_CHECKING:
    from sqnxt_sim import NetworkReport

ACCELERATORS = ("squeezelerator-16x16", "ethos-u55-128", "edge-tpu-like")
"""Presets on which a card simulates the file, unless others are asked for."""
_ARTIFACTS = (".onnx", ".tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """All that a model card says.

    Attributes:
        inspection: The file's size, weights and metadata.
        accuracy_interval: The 95 % interval of the metadata's accuracy; None where the number of images is unknown.
        accuracy_images: That number.
        simulations: The file on arrays; empty for a Keras model and for a graph that cannot be simulated.
        why_not_simulated: Why there is none of them; empty where there is.
        timing: Its latency on this machine; None where it was not measured.
    """

    inspection: Inspection
    accuracy_interval: tuple[float, float] | None = None
    accuracy_images: int | None = None
    simulations: tuple[NetworkReport, ...] = ()
    why_not_simulated: str = ""
    timing: Timing | None = None


def gather_facts(
    path: str | Path,
    *,
    accelerators: Sequence[str | Path] = ACCELERATORS,
    seconds: float | None = None,
    inspection: Inspection | None = None,
) -> ModelFacts:
    """Gather what a model card says of a .keras, .onnx or .tflite file.

    Args:
        path: The file.
        accelerators: Presets or .toml files to simulate it on.
        seconds: Longest time to measure its latency; not measured if None.
        inspection: What `inspect` found, if it was called already.

    Raises:
        SqnxtError, ExportError: The file cannot be read, or not be timed.
        SimulatorError: There is no such accelerator.
    """
    path = Path(path)
    found = inspection or inspect(path)
    metadata = found.metadata or Metadata()
    images = _accuracy_images(metadata)
    interval = None
    if images is not None and metadata.accuracy is not None:
        interval = wilson_interval(round(metadata.accuracy * images), images)
    reports, reason = _simulated(path, accelerators)
    return ModelFacts(
        inspection=found,
        accuracy_interval=interval,
        accuracy_images=images,
        simulations=reports,
        why_not_simulated=reason,
        timing=None if seconds is None else _timed(path, seconds),
    )


def _accuracy_images(metadata: Metadata) -> int | None:
    """Return the number of images behind the accuracy: a number from a file, so it is checked."""
    images = metadata.extra.get(ACCURACY_IMAGES)
    return images if type(images) is int and images > 0 else None


def _simulated(path: Path, accelerators: Sequence[str | Path]) -> tuple[tuple[NetworkReport, ...], str]:
    from sqnxt_sim import SimulatorError, load_accelerator, read_model, simulate_workload

    arrays = [load_accelerator(name) for name in accelerators]
    if path.suffix.lower() not in _ARTIFACTS:
        return (), "a Keras model is simulated once it is exported"
    try:
        workload = read_model(path)
        return tuple(simulate_workload(workload, array) for array in arrays), ""
    except SimulatorError as error:
        return (), error.fault


def _timed(path: Path, seconds: float) -> Timing:
    from sqnxt_tf.device.timing_rounds import time_artifacts

    return time_artifacts([path], seconds=seconds).timings[0]
