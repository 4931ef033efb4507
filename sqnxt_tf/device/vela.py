"""Arm's compiler Vela: what it leaves to the CPU, and its own estimate of every operator on an Ethos-U."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from sqnxt_base.opening import temporary_folder
from sqnxt_export import check_artifact
from sqnxt_export.artifact.metadata_io import without_archive
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.npus import NPUS, check_npu

_SECONDS = 600
_KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class VelaRow:
    """One row of Vela's table: an operation that an operator of the file became.

    Attributes:
        tensor: Name of the tensor that it writes; Vela appends to the names of parts of an operator.
        operator: The file's operator.
        on_npu: Whether it runs on the NPU; the CPU runs it otherwise.
        cycles: Vela's estimate; 0 for an operation that is fused into another.
        macs: Its multiply-accumulates.
    """

    tensor: str
    operator: str
    on_npu: bool
    cycles: int
    macs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VelaEstimate:
    """What Vela says of a file on an NPU: an estimate of its compiler, not a measurement.

    Attributes:
        npu: Vela's name of the NPU.
        version: Version of `ethos-u-vela`.
        system: The system configuration, which gives the clock and the memories' speeds.
        memory: The memory mode, which says where maps and weights lie.
        clock_hz: The NPU's clock.
        cycles: Cycles of all operations.
        milliseconds: Time of one inference.
        sram_bytes: Bytes of SRAM that are used.
        rows: Its operations, in the order of execution.
    """

    npu: str
    version: str
    system: str
    memory: str
    clock_hz: float
    cycles: int
    milliseconds: float
    sram_bytes: int
    rows: tuple[VelaRow, ...]

    @property
    def cpu_operators(self) -> tuple[str, ...]:
        """The operators that are left to the CPU, in the order of execution."""
        return tuple(row.operator for row in self.rows if not row.on_npu)


def estimate_with_vela(path: Path, npu: str) -> VelaEstimate:
    """Compile a .tflite file for an Ethos-U, and return what Vela estimates; the compiled file is thrown away.

    Raises:
        SqnxtError: The file is no .tflite file, Vela is not installed, or it refuses the file.
        ExportError: The file does not exist or is damaged.
    """
    check_npu(npu)
    if path.suffix.lower() != ".tflite":
        raise SqnxtError(path, "is not a .tflite file, which Vela compiles", "export its model to a .tflite file")
    check_artifact(path)
    if find_spec("ethosu") is None:
        remedy = "install it with `pip install 'sqnxt-tf[npu]'`"
        raise SqnxtError("ethos-u-vela", "is not installed and is needed to estimate NPUs", remedy)
    with temporary_folder() as place:
        model, made = place / "model.tflite", place / "made"
        model.write_bytes(without_archive(path))
        _run_vela(path, model, made, npu)
        (summary,) = _rows(next(made.glob("model_summary_*.csv")))
        rows = _rows(made / "model_per-layer.csv")
    return VelaEstimate(
        npu=npu,
        version=version("ethos-u-vela"),
        system=NPUS[npu][0],
        memory=NPUS[npu][1],
        clock_hz=float(summary["core_clock"]),
        cycles=int(float(summary["cycles_total"])),
        milliseconds=1e3 * float(summary["inference_time"]),
        sram_bytes=int(float(summary["sram_memory_used"]) * _KIB),
        rows=tuple(map(_row, rows)),
    )


def _run_vela(path: Path, model: Path, made: Path, npu: str) -> None:
    system, memory = NPUS[npu]
    command = [
        *(sys.executable, "-P", "-m", "ethosu.vela", str(model), "--accelerator-config", npu),
        *("--config", "Arm/vela.ini", "--system-config", system, "--memory-mode", memory),
        *("--verbose-performance", "--output-dir", str(made)),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False, cwd=model.parent
        )
    except subprocess.TimeoutExpired as error:
        raise SqnxtError(path, f"Vela did not compile it within {_SECONDS} s", "give a smaller model") from error
    if done.returncode or not (made / "model_per-layer.csv").is_file():
        reason = _last_line(done.stderr.splitlines() + done.stdout.splitlines()) or f"exit code {done.returncode}"
        raise SqnxtError(path, f"Vela refuses it ({reason})", 'export it with `precision="int8"` and `io="int8"`')


def _last_line(lines: Sequence[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    errors = [line for line in said if "error" in line.lower()]
    return (errors or said or [""])[-1][:200]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def _row(found: dict[str, str]) -> VelaRow:
    return VelaRow(
        tensor=found["Name"].strip(),
        operator=found["Original Operator"].strip(),
        on_npu=found["Target"].strip() == "NPU",
        cycles=int(float(found["Op Cycles"])),
        macs=int(float(found["MAC Count"])),
    )
