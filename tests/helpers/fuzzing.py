"""How many hostile cases the slow tests make, and from which seeds: `make fuzz` asks for ten times as many as CI."""

from __future__ import annotations

import os

_SCALE = int(os.environ.get("SQNXT_TF_FUZZ", "1"))
_FIRST = int(os.environ.get("SQNXT_TF_FUZZ_SEED", "0")) * 1_000_000


def fuzz_seeds(count: int, first: int = 1000) -> range:
    """Return `count` seeds, or as many times more as the environment asks for; the fast tests have those below 1000."""
    return range(_FIRST + first, _FIRST + first + count * _SCALE)
