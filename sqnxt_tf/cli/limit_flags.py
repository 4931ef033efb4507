"""Options of the verbs that open files from anyone: how much memory and time they may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import click

from sqnxt_base.quantities import parse_quantity
from sqnxt_tf.cli import supervision

F = TypeVar("F", bound=Callable[..., Any])
_MOST_BYTES = 1 << 50


class MemorySize(click.ParamType[int]):
    """`2G`, `500M` or `50%`: bytes, or a part of this machine's memory."""

    name = "SIZE|PERCENT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        from sqnxt_base.limits import machine_bytes

        try:
            percent = value.removesuffix("%")
            size = parse_quantity(value.rstrip("bB")) if percent == value else float(percent) * machine_bytes() / 100
        except ValueError:
            size = 0.0
        if not 1 <= size < _MOST_BYTES:
            self.fail(f"{value!r} is not an amount of memory: give it as in 2G, 500M or 50%", param, ctx)
        return int(size)


def opening_limits(verb: F) -> F:
    """Add `--memory` and `--timeout`, within which the verb's child process opens and first runs a file from anyone."""
    return _limited(verb, lambda settings: True)


def opening_limits_of_children(verb: F) -> F:
    """Add `--memory` and `--timeout` to a verb that starts a process for each of its files."""
    return _limited(verb, lambda settings: False)


def opening_limits_where(works_here: Callable[[Mapping[str, Any]], bool]) -> Callable[[F], F]:
    """Return `opening_limits` for a verb that does its work in this process only where its settings say so."""
    return lambda verb: _limited(verb, works_here)


def _limited(verb: F, supervised: Callable[[Mapping[str, Any]], bool]) -> F:
    @click.option(
        "--memory",
        type=MemorySize(),
        default="50%",
        show_default=True,
        help="Most memory to take while a file is opened and first run, as in 2G or 25%.",
    )
    @click.option(
        "--timeout",
        type=click.FloatRange(0.1, 86_400),
        default=60,
        show_default=True,
        metavar="SECONDS",
        help="Longest time for opening a file, and again for its first run.",
    )
    @wraps(verb)
    def within_limits(*args: Any, memory: int, timeout: float, **kwargs: Any) -> Any:
        from sqnxt_base.limits import opening_limits

        with opening_limits(memory_bytes=memory, seconds=timeout) as limits:
            if supervised(kwargs):
                supervision.supervise(limits)
            return verb(*args, **kwargs)

    return within_limits  # type: ignore[return-value]
