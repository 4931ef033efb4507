"""Limits on memory and time for files from anyone: `watching` holds them where `opening` marks such a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from sqnxt_base.machine import memory_bytes

SECONDS = 60.0
MEMORY_FRACTION = 0.5
"""Of the machine's memory, or of what a container may use."""
_UNKNOWN_MACHINE_BYTES = 4 << 30


def machine_bytes() -> int:
    """Return the memory of this machine or container, and a small machine's where the system does not tell."""
    return memory_bytes() or _UNKNOWN_MACHINE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a process may take while it opens a file, and again while it first runs it.

    Attributes:
        memory_bytes: The most memory of the process; half of the machine's by default.
        seconds: The longest time.
    """

    memory_bytes: int = field(default_factory=lambda: int(MEMORY_FRACTION * machine_bytes()))
    seconds: float = SECONDS


_limits: ContextVar[Limits | None] = ContextVar("limits", default=None)


def current_limits() -> Limits:
    """Return the limits of the innermost `opening_limits`, or the default ones."""
    return _limits.get() or Limits()


@contextmanager
def opening_limits(*, memory_bytes: int | None = None, seconds: float | None = None) -> Iterator[Limits]:
    """Set the limits for files that child processes open in the block: those of `benchmark` and of `try_model`.

    Args:
        memory_bytes: The most memory of such a process; half of the machine's if None.
        seconds: The longest time for opening a file, and again for its first run; a minute if None.
    """
    given = {"memory_bytes": memory_bytes, "seconds": seconds}
    limits = Limits(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    token = _limits.set(limits)
    try:
        yield limits
    finally:
        _limits.reset(token)
