"""Tables of expected figures."""

from __future__ import annotations

import csv
from pathlib import Path


def read_golden(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file; lines that begin with `#` name its source."""
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))
