"""Accuracy of a model on labelled images: top-1, top-5 and their confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.proportion import Z_95, wilson_interval
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.pipeline import Arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A model's answers. `predictions` and `labels` are class indices, int64 [samples]; accuracies are fractions.

    `left_out` names the images that could not be read. `shown` are the indices of the others, int64 [samples]; None
    stands for all images.
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
        """The number of images that were classified."""
        return len(self.labels)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether the best class is the true one, image by image, bool [samples]."""
        right: NDArray[np.bool_] = self.predictions == self.labels
        return right

    @property
    def top1(self) -> float:
        """The fraction of images whose best class is the true one."""
        return float(np.mean(self.right))

    @property
    def top5(self) -> float:
        """The fraction of images whose true class is among the best five."""
        return self.top5_hits / self.samples

    @property
    def top1_interval(self) -> tuple[float, float]:
        """The 95 % interval of top-1."""
        return wilson_interval(int(np.sum(self.right)), self.samples)

    def confusion(self) -> NDArray[np.int64]:
        """Count how often each true class (row) was classified as each class (column), int64 [classes, classes]."""
        size = max(len(self.class_names), int(self.predictions.max()) + 1)
        table = np.zeros((size, size), np.int64)
        np.add.at(table, (self.labels, self.predictions), 1)
        return table

    def misclassified(self) -> NDArray[np.int64]:
        """Return which of the classified images have a wrong best class, as indices into `predictions`."""
        return np.flatnonzero(self.predictions != self.labels)

    def index_in_data(self, place: int) -> int:
        """Return the index of a classified image among all images of the data."""
        return int(place if self.shown is None else self.shown[place])

    def to_json(self) -> dict[str, Any]:
        """Return the `evaluate` document."""
        return {
            "path": str(self.path),
            "data": self.data,
            "samples": self.samples,
            "top1": self.top1,
            "top5": self.top5,
            "top1_interval": list(self.top1_interval),
            "left_out": list(self.left_out),
        }


def paired_loss(before: NDArray[np.bool_], after: NDArray[np.bool_], z: float = Z_95) -> tuple[float, float, float]:
    """Return the loss of accuracy on the same images, as a fraction, and the low and high end of its 95 % interval.

    The interval is narrower than two separate ones, as images that both models classify rightly, or both wrongly, say
    nothing about the difference.

    Args:
        before: Whether each image was classified rightly before, bool [samples].
        after: Likewise after the change.
        z: The normal quantile of the interval.

    Source: D. G. Bonett and R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions
    based on paired data", Journal of Educational and Behavioral Statistics 37 (2012).
    """
    lost, won = int(np.sum(before & ~after)), int(np.sum(~before & after))
    samples = len(before) + 2
    worse, better = (lost + 1) / samples, (won + 1) / samples
    half = z * math.sqrt((worse + better - (worse - better) ** 2) / samples)
    return (lost - won) / len(before), worse - better - half, worse - better + half


def count_answers(
    path: Path, data: ImageSet, logits: NDArray[np.float32], *, shown: Arrays | None = None
) -> Evaluation:
    """Return the evaluation of logits, float32 [n, classes].

    Args:
        path: The file of the model.
        data: The images.
        logits: The answers.
        shown: Those of the images that could be read; all of them if None.
    """
    labels = data.labels if shown is None else shown.labels
    best5 = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    return Evaluation(
        path=path,
        data=data.name,
        class_names=data.class_names,
        labels=labels,
        predictions=best5[:, 0].astype(np.int64),
        top5_hits=int(np.sum(best5 == labels[:, None])),
        left_out=() if shown is None else shown.left_out,
    )
