"""The error class of `sqnxt_sim`; the whole tree is drawn in `sqnxt_base.errors`."""

from __future__ import annotations

from sqnxt_base.errors import SqnxtError


class SimulatorError(SqnxtError):
    """A graph or an accelerator cannot be read or simulated."""
