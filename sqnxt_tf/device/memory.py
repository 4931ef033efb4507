"""The memory that this process takes."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident_bytes() -> int | None:
    """Return the bytes in memory now; None where the system does not tell."""
    return _from_status("VmRSS")


def peak_resident_bytes() -> int | None:
    """Return the most bytes that were in memory so far; None where the system does not tell.

    On Linux this is not `ru_maxrss`, which a process inherits from the one that started it.
    """
    if _STATUS.exists():
        return _from_status("VmHWM")
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _from_status(name: str) -> int | None:
    if not _STATUS.exists():
        return None
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None
