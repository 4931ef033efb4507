"""The one writer of CSV: its texts are printable, and none of them is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqnxt_base.printable_text import printable_cell


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return a header and a line for each row, each ended by a line feed.

    Args:
        rows: One dictionary a row; a column that it lacks is empty.
        columns: The keys to write, in order.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([printable_cell(name) for name in columns])
    writer.writerows([[printable_cell(row.get(name, "")) for name in columns] for row in rows])
    return text.getvalue()
