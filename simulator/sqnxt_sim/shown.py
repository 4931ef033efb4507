"""Values that show themselves in one line, and in a notebook as a table; `sqnxt_sim.notebook` has the words."""

from __future__ import annotations

from typing import Any

from sqnxt_base.printable_text import printable


class Shown:
    """Base of dataclasses with hundreds of nested fields, whose generated `repr` nobody could read."""

    __slots__ = ()

    def __repr__(self) -> str:
        from sqnxt_sim.notebook import in_one_line

        return printable(in_one_line(self))

    def _repr_html_(self) -> str:
        """Return a table for a notebook."""
        from sqnxt_sim.notebook import as_html

        return as_html(self)

    def to_records(self) -> list[dict[str, Any]]:
        """Return flat dictionaries, as `pandas.DataFrame` takes them: one for each node, or each number."""
        from sqnxt_sim.notebook import as_records

        return as_records(self)
