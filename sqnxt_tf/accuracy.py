"""Right and wrong answers counted: top-1, top-5 and their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.images import ImageSet

_Z_95 = 1.959963984540054  # normal quantile of a two-sided 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model answered. `predictions` and `labels` are class indices, int64 [samples]; accuracies fractions.

    `left_out` are the images that could not be read and so were not shown, by where they come from; `shown` are the
    indices of the others, int64 [samples], all of them where it is None.
    """

    path: Path
    data: str
    class_names: tuple[str, ...]
    labels: NDArray[np.int64]
    predictions: NDArray[np.int64]
    top5_hits: int
    left_out: tuple[str, ...] = ()
    shown: NDArray[np.int64] | None = None

    @property
    def samples(self) -> int:
        """How many images were shown."""
        return len(self.labels)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the best class is right, image by image, bool [samples]."""
        right: NDArray[np.bool_] = self.predictions == self.labels
        return right

    @property
    def top1(self) -> float:
        """Fraction of images whose best class is right."""
        return float(np.mean(self.right))

    @property
    def top5(self) -> float:
        """Fraction of images whose class is among the best five."""
        return self.top5_hits / self.samples

    @property
    def top1_interval(self) -> tuple[float, float]:
        """95 % interval of top-1."""
        return wilson_interval(int(np.sum(self.right)), self.samples)

    def confusion(self) -> NDArray[np.int64]:
        """How often each true class (row) was taken for each class (column), int64 [classes, classes]."""
        size = max(len(self.class_names), int(self.predictions.max()) + 1)
        table = np.zeros((size, size), np.int64)
        np.add.at(table, (self.labels, self.predictions), 1)
        return table

    def misclassified(self) -> NDArray[np.int64]:
        """Which of the images that were shown have a wrong best class, counted among those shown."""
        return np.flatnonzero(self.predictions != self.labels)

    def index_in_data(self, place: int) -> int:
        """The index, among all images of the data, of one of those shown."""
        return int(place if self.shown is None else self.shown[place])

    def to_json(self) -> dict[str, Any]:
        """The `evaluate` document."""
        return {
            "path": str(self.path),
            "data": self.data,
            "samples": self.samples,
            "top1": self.top1,
            "top5": self.top5,
            "top1_interval": list(self.top1_interval),
            "left_out": list(self.left_out),
        }


def wilson_interval(hits: int, samples: int, z: float = _Z_95) -> tuple[float, float]:
    """Wilson's score interval of a fraction; unlike the normal one it holds near 0 and 1.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    fraction, spread = hits / samples, z * z / samples
    centre = (fraction + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(fraction * (1 - fraction) / samples + spread / (4 * samples))
    return max(0.0, centre - half), min(1.0, centre + half)


def paired_loss(before: NDArray[np.bool_], after: NDArray[np.bool_], z: float = _Z_95) -> tuple[float, float, float]:
    """Fraction of the images that is lost, and its 95 % interval, from right answers to the same images, [samples].

    Narrower than two intervals beside each other: images that both get right, or both wrong, tell of no difference.

    Source: D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions
    based on paired data", Journal of Educational and Behavioral Statistics 37 (2012).
    """
    lost, won = int(np.sum(before & ~after)), int(np.sum(~before & after))
    samples = len(before) + 2
    worse, better = (lost + 1) / samples, (won + 1) / samples
    half = z * math.sqrt((worse + better - (worse - better) ** 2) / samples)
    return (lost - won) / len(before), worse - better - half, worse - better + half


def count_answers(path: Path, data: ImageSet, logits: NDArray[np.float32]) -> Evaluation:
    """An evaluation from logits, float32 [n, classes]."""
    best5 = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    return Evaluation(
        path=path,
        data=data.name,
        class_names=data.class_names,
        labels=data.labels,
        predictions=best5[:, 0].astype(np.int64),
        top5_hits=int(np.sum(best5 == data.labels[:, None])),
    )
