"""Numbers as people write them: 940k, 2.5e6, 64Ki."""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"(?P<number>[^kKmMgG]+)(?:(?P<suffix>[kKmMgG])(?P<binary>i?))?")
_POWERS = {"k": 1, "m": 2, "g": 3}


def parse_quantity(text: str, thousand: int = 1000) -> float:
    """Return the number that a text stands for; it may end in K, M or G, or in Ki, Mi or Gi for powers of 1024.

    Example: `2M` is 2,000,000, or 2,097,152 where a thousand is 1024, as in sizes of memories. `2Mi` is that anywhere.

    Raises:
        ValueError: The text is not such a number.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"could not read {text!r} as a number")
    power = _POWERS[match["suffix"].lower()] if match["suffix"] else 0
    scale: int = (1024 if match["binary"] else thousand) ** power
    return float(match["number"]) * scale
