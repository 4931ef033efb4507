"""Error classes of `sqnxt_sim`; `sqnxt_base.errors` draws the whole tree."""

from __future__ import annotations

from sqnxt_base.errors import SqnxtError


class SimulatorError(SqnxtError):
    """A graph or an accelerator cannot be read or simulated."""


class NoRoomError(SimulatorError):
    """Not even the smallest tile of a layer fits the buffers of an accelerator."""
