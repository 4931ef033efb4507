"""The paper's Tables 1 and 2: parameters and MACs, our counts beside the paper's."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqnxt_tf.networks.published import paper_figures, read_table
from sqnxt_tf.networks.summaries import NetworkSummary, summarise

# Why our count differs from the paper's by more than its rounding, by network.
EXPLANATIONS = {
    "sqnxt34_w2": (
        "the paper gives no depths for SqNxt-34; ours (9-9-12-2) fit its counts at widths 1 and 1.5, "
        "and no list of 32 blocks fits all three"
    ),
    "vgg19": "138 M is the count of VGG-16; VGG-19 has 143.67 M",
}


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of Table 1 or 2. `macs_millions` is from Table 3, and None for networks that are not in it.

    `params_printed` are the paper's millions of parameters as it prints them, which tells how it rounds.
    """

    model: str
    summary: NetworkSummary
    params_printed: str
    macs_millions: float | None
    top1_percent: float
    top5_percent: float

    @property
    def params_difference_millions(self) -> float:
        """Our parameters less the paper's, in millions."""
        return self.summary.params / 1e6 - float(self.params_printed)

    @property
    def macs_difference_millions(self) -> float | None:
        """Our MACs less the paper's, in millions, both counted as the paper does."""
        return None if self.macs_millions is None else self.summary.paper_count_macs / 1e6 - self.macs_millions

    @property
    def last_digit_millions(self) -> float:
        """The unit of the last digit that the paper prints: 0.01 for `0.72`."""
        return float(Decimal(1).scaleb(int(Decimal(self.params_printed).as_tuple().exponent)))

    @property
    def agrees(self) -> bool:
        """Whether the parameters agree within one unit of the last printed digit."""
        return abs(self.params_difference_millions) <= self.last_digit_millions

    @property
    def explanation(self) -> str:
        """Why the parameters do not agree; empty if they do."""
        return "" if self.agrees else EXPLANATIONS.get(self.summary.name, "")

    def to_json(self) -> dict[str, Any]:
        """Return a row of the document."""
        summary = self.summary
        return {
            "model": self.model,
            "name": summary.name,
            "params": summary.params,
            "macs": summary.macs,
            "paper_count_macs": summary.paper_count_macs,
            "paper": {
                "params_millions": float(self.params_printed),
                "macs_millions": self.macs_millions,
                "top1_percent": self.top1_percent,
                "top5_percent": self.top5_percent,
            },
            "params_difference_millions": _rounded(self.params_difference_millions),
            "macs_difference_millions": _rounded(self.macs_difference_millions),
            "params_agree": self.agrees,
            "explanation": self.explanation or None,
        }


def reproduce_parameters(table: int) -> tuple[TableRow, ...]:
    """Return the rows of Table 1 or 2, at the input sizes of the paper's figures."""
    return tuple(
        TableRow(
            model=row["model"],
            summary=(summary := summarise(row["model"])),
            params_printed=row["params_millions"],
            macs_millions=paper_figures()[summary.name].macs_millions,
            top1_percent=float(row["top1_percent"]),
            top5_percent=float(row["top5_percent"]),
        )
        for row in read_table(table)
    )


def _rounded(millions: float | None) -> float | None:
    return None if millions is None else round(millions, 6)
