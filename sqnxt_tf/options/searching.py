"""Options of search: what is minimised, what is allowed, and how finalists are trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.pairs import check_additive
from sqnxt_tf.exploration.sampling import Sampling
from sqnxt_tf.exploration.space import ACCURACY, OBJECTIVES, figure_of
from sqnxt_tf.exploration.space_file import check_objectives
from sqnxt_tf.options.artifacts import DIGITS
from sqnxt_tf.options.given import parse_data
from sqnxt_tf.training.partners import WAIT_SECONDS
from sqnxt_tf.training.strategies import StrategyName


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What a search optimises, what a candidate may cost, and how a large space is searched.

    Attributes:
        objectives: Names of `OBJECTIVES` that are minimised, or maximised where a + precedes them; the space's own
            if None.
        limits: Largest allowed value of a figure, by the names of `OBJECTIVES`.
        sampling: How a large space is sampled and where its trials are kept; every pair is costed if None.
        exact: Whether to find the Pareto set of all pairs, however many they are, and to keep nothing else.
        supernet: A `.keras` file of a supernet that holds all networks of the space, and judges each by validation. Its
            accuracy is then maximised too.
        data: The supernet's own data; those that its file names if None.

    Raises:
        SqnxtError: An objective or a limit is not known or out of range, an objective is no sum over layers and `exact`
            is set, or `exact` and `sampling` are both given.
    """

    objectives: Sequence[str] | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    sampling: Sampling | None = None
    exact: bool = False
    supernet: str | Path | None = None
    data: DataSource | None = None

    def __post_init__(self) -> None:
        parse_data(self)
        if self.exact and self.supernet is not None:
            check_additive([ACCURACY])
        if self.exact and self.sampling is not None:
            raise SqnxtError("exact", "looks at every pair, and `trials=N` at some of them", "leave out one of the two")
        if self.exact:
            check_additive(self.objectives or ())
        if self.objectives is not None:
            check_objectives(list(self.objectives), "objectives", judged=self.supernet is not None)
        for name, limit in self.limits.items():
            if name not in OBJECTIVES or not limit > 0:
                known = ", ".join(OBJECTIVES)
                raise SqnxtError(f"limit {name} {limit:g}", "makes no sense", f"limit one of {known} to more than 0")

    def chosen_objectives(self, of_space: Sequence[str]) -> tuple[str, ...]:
        """Return the objectives, or those of the space; accuracy is the first of them where a supernet judges it."""
        chosen = tuple(self.objectives or of_space)
        judged = self.supernet is not None and ACCURACY not in map(figure_of, chosen)
        return (ACCURACY, *chosen) if judged else chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistOptions:
    """How the survivors of a search are trained by successive halving.

    Attributes:
        folder: Where the models are written, each with its state beside it.
        epochs: Epochs of the finalists; earlier rungs train for half as long each.
        data: Data divided into three parts.
        survivors: Number of networks that training begins with.
        seed: Random seed of all runs.
        strategy: The `tf.distribute` strategy by name.
        wait: Longest time in seconds to wait for the other workers of a distributed run.

    Raises:
        SqnxtError: A number is out of range.
    """

    folder: Path
    epochs: int
    data: DataSource = DIGITS
    survivors: int = 16
    seed: int = 0
    strategy: StrategyName = "auto"
    wait: float = WAIT_SECONDS

    def __post_init__(self) -> None:
        parse_data(self)
        if not 1 <= self.epochs <= 100_000:
            raise SqnxtError("epochs", f"{self.epochs} is out of range", "give 1 to 100000")
        if not 1 <= self.survivors <= 1000:
            raise SqnxtError("survivors", f"{self.survivors} is out of range", "give 1 to 1000")
