"""What this machine, or the container that the process runs in, has: cores and memory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Return the memory in bytes, used or not; None where the system does not tell."""
    limits = [_number_in(Path(path)) for path in _CONTAINER_LIMITS]
    with suppress(AttributeError, ValueError, OSError):  # Windows
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min((limit for limit in limits if limit), default=None)


def has_graphics_card() -> bool:
    """Return whether there is a graphics card of NVIDIA or AMD that computes, without loading TensorFlow."""
    return any(Path(path).exists() for path in ("/dev/nvidia0", "/dev/kfd"))


def _number_in(path: Path) -> int | None:
    try:
        return int(path.read_text("utf-8"))
    except (OSError, ValueError):  # there is no such file, or no limit in it
        return None
