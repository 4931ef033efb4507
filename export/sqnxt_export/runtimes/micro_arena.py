"""TensorFlow Lite Micro (TFLM): the arena that a .tflite file needs there, as TFLM itself says, and what it answers.

The interpreter of PyPI's `tflite-micro` runs the reference kernels on this machine. A device with 32-bit pointers needs
less for the part that persists; optimised kernels such as CMSIS-NN's may need more for their own buffers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.limits import current_limits
from sqnxt_base.opening import temporary_folder
from sqnxt_export.artifact.files import existing_file
from sqnxt_export.artifact.metadata_io import without_archive
from sqnxt_export.artifact.tflite_file import check_tflite, read_tflite
from sqnxt_export.errors import ExportError

_PATIENCE = 5
"""How many times the seconds of `opening_limits` TFLM has: its reference kernels are slow."""
_LONGEST_REASON = 300
_TOTAL = re.compile(r"Arena allocation (head|tail) (\d+) bytes")
_WEAK_REASONS = ("TFLM failed", "Failed starting model allocation")
"""Lines of stderr that say no more than that something failed before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroMemory:
    """The memory that TFLM needs for a file.

    Attributes:
        model_bytes: Bytes of the model without the archive of metadata behind it: what lies in flash.
        arena_bytes: Size of the smallest arena in which it runs, in steps of 16 bytes.
        persistent_bytes: Part of it that stays in use between calls: tensors' descriptions, kernels' data, variables.
        transient_bytes: Part of it that holds feature maps and scratch buffers during a call.
        operators: Names of the operators that the file uses, each once.
        version: Version of `tflite-micro`.
    """

    model_bytes: int
    arena_bytes: int
    persistent_bytes: int
    transient_bytes: int
    operators: tuple[str, ...]
    version: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        names = ("model_bytes", "arena_bytes", "persistent_bytes", "transient_bytes", "version")
        return {**{name: getattr(self, name) for name in names}, "operators": list(self.operators)}


def measure_micro(path: str | os.PathLike[str]) -> MicroMemory:
    """Measure the memory that TFLM needs for a .tflite file, by bisection with TFLM's own interpreter.

    Raises:
        ExportError: There is no such file, it is of another kind or damaged, `tflite-micro` is not installed, or TFLM
            refuses the file; the message says why.
    """
    return _in_child(_checked(path), None, ())[0]


def run_micro(
    path: str | os.PathLike[str], inputs: Sequence[NDArray[Any]], outputs: Sequence[int] = (0,)
) -> tuple[MicroMemory, list[NDArray[Any]]]:
    """Run a .tflite file in TFLM, in the smallest arena that it needs.

    Args:
        path: The file; it may come from anyone.
        inputs: An array of the stored type for each input, with the batch.
        outputs: Places of the outputs to return.

    Returns:
        The memory that it needs, and the stored values of the outputs.

    Raises:
        ExportError: See `measure_micro`.
    """
    return _in_child(_checked(path), inputs, outputs)


def _checked(path: str | os.PathLike[str]) -> Path:
    path = existing_file(path)
    if path.suffix.lower() != ".tflite":
        raise ExportError(
            path, "is not a .tflite file, which TensorFlow Lite Micro wants", "export its model to a .tflite file"
        )
    check_tflite(path)
    if find_spec("tflite_micro") is None:
        raise ExportError(
            "tflite-micro",
            "is not installed and is needed to measure the memory of microcontrollers",
            "install it with `pip install 'sqnxt-tf[micro]'` (Linux on x86-64 only)",
        )
    return path


def _in_child(
    path: Path, inputs: Sequence[NDArray[Any]] | None, outputs: Sequence[int]
) -> tuple[MicroMemory, list[NDArray[Any]]]:
    graphs = read_tflite(path).subgraphs
    data = without_archive(path)
    with temporary_folder() as place:
        model, given, answers = place / "model.tflite", place / "inputs.npz", place / "outputs.npz"
        model.write_bytes(data)
        if inputs is not None:
            np.savez(given, *inputs)
        asked = {"model": str(model), "given": str(given) if inputs is not None else "", "answers": str(answers)}
        done = _run(path, json.dumps({**asked, "outputs": list(outputs), "count": len(graphs[0].inputs)}))
        with np.load(answers, allow_pickle=False) as arrays:
            values = [arrays[f"arr_{index}"] for index in range(len(outputs))]
    found = json.loads(done.stdout.splitlines()[-1])
    parts = {name: int(size) for name, size in _TOTAL.findall(done.stderr)}
    memory = MicroMemory(
        model_bytes=len(data),
        arena_bytes=found["bytes"],
        persistent_bytes=parts.get("tail", 0),
        transient_bytes=parts.get("head", 0),
        operators=tuple(dict.fromkeys(operator.op for graph in graphs for operator in graph.operators)),
        version=found["version"],
    )
    return memory, values


def _run(path: Path, asked: str) -> subprocess.CompletedProcess[str]:
    """Run the child process.

    Raises:
        ExportError: It took too long, or TFLM refused the file or ended the process.
    """
    child = [sys.executable, "-P", "-m", "sqnxt_export.runtimes.micro_child", asked]
    seconds = _PATIENCE * current_limits().seconds
    try:
        done = subprocess.run(child, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise ExportError(
            path, f"TensorFlow Lite Micro did not run it within {seconds:g} s", "give a smaller model"
        ) from error
    if done.returncode:
        reason = _reason(done.stderr) or f"exit code {done.returncode}"
        raise ExportError(
            path,
            f"TensorFlow Lite Micro refuses it ({reason})",
            'export it with `precision="int8"`, without embedded preprocessing',
        )
    return done


def _reason(text: str) -> str:
    """Return what TFLM said last before it failed, or the last line of a Python error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    before = lines[: next((place for place, line in enumerate(lines) if line.startswith("Traceback")), len(lines))]
    telling = [line for line in before if not line.startswith(_WEAK_REASONS)]
    said = telling[-2:] if telling else lines[-1:]
    return " ".join("; ".join(said).split())[:_LONGEST_REASON]
