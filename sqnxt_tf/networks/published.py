"""The figures that the SqueezeNext paper prints (arXiv 1803.10615, Tables 1 to 3)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sqnxt_tf.networks.registry import find_network


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFigures:
    """One network in the paper's tables. `params_printed` keeps the digits as printed, which show their precision."""

    model: str
    params_printed: str
    macs_millions: float | None
    top1_percent: float
    top5_percent: float

    @property
    def params_millions(self) -> float:
        """Parameters in millions."""
        return float(self.params_printed)


def read_table(number: int) -> list[dict[str, str]]:
    """Read Table 1, 2 or 3, row by row, as printed."""
    text = (files(__package__) / "published_tables" / f"table{number}.csv").read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


@cache
def paper_figures() -> dict[str, PaperFigures]:
    """Return the figures by our name; Table 3 wins over Tables 1 and 2, because it has the most digits and the MACs."""
    return {
        find_network(row["model"]).name: PaperFigures(
            model=row["model"],
            params_printed=row["params_millions"],
            macs_millions=float(row["macs_millions"]) if "macs_millions" in row else None,
            top1_percent=float(row["top1_percent"]),
            top5_percent=float(row["top5_percent"]),
        )
        for number in (2, 1, 3)
        for row in read_table(number)
    }
