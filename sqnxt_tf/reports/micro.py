"""What microcontrollers need for a model, as lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqnxt_export import MicroMemory
    from sqnxt_tf.microcontroller.limits import MicroEstimate
    from sqnxt_tf.microcontroller.project_folder import MicroProject


def memory_lines(memory: MicroMemory) -> list[str]:
    """Return one line for each fact about the memory that TensorFlow Lite Micro needs."""
    facts = {
        "flash, model": f"{memory.model_bytes:,} bytes",
        "RAM, arena": f"{memory.arena_bytes:,} bytes ({memory.persistent_bytes:,} persist, "
        f"{memory.transient_bytes:,} for feature maps)",
        "operators": ", ".join(memory.operators),
        "measured by": f"tflite-micro {memory.version}: reference kernels, 64-bit pointers",
    }
    width = max(map(len, facts))
    return ["TensorFlow Lite Micro", *(f"  {name:<{width}}  {value}" for name, value in facts.items())]


def project_lines(project: MicroProject) -> list[str]:
    """Return the memory that a model needs, and what was written."""
    lines = memory_lines(project.model.memory)
    if project.folder is None or project.image is None:
        return lines
    label = project.model.labels[project.image.answer]
    return [
        *lines,
        f"{project.folder}: {len(project.files)} files; main.c expects class {label} for {project.image.source}",
        f"build it: cmake -S {project.folder} -B build -DTFLM_DIR=tflm-tree && cmake --build build && build/classify",
    ]


def alternatives_text(alternatives: Sequence[MicroEstimate]) -> str:
    """Return which networks would fit, as the remedy of an error."""
    if not alternatives:
        return "no listed network would fit as int8; `sqnxt-tf search wide --max-params N` shows smaller ones"
    return "estimated to fit as int8: " + "; ".join(
        f"{item.network} at {item.input_size[0]}x{item.input_size[1]} ({_kilobytes(item.flash_bytes)} flash, "
        f"{_kilobytes(item.arena_bytes)} arena)"
        for item in alternatives
    )


def _kilobytes(count: int) -> str:
    return f"{count / 1024:,.0f} KiB"
