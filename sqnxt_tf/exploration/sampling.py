"""Sample spaces that are too large to enumerate, by Optuna's multi-objective samplers.

A trial is written to the storage when it has been costed, in one transaction. So a killed worker leaves no unfinished
trial behind, and the next worker continues with the trials that are there. The sampler works on a copy in memory that
follows the storage, and so it learns from the trials of all workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.candidates import Accuracies, Candidate, Coster
from sqnxt_tf.exploration.space import ACCURACY, OBJECTIVES, Point, Space, figure_of, to_minimise
from sqnxt_tf.exploration.space_values import Value
from sqnxt_tf.exploration.trial_storage import open_study
from sqnxt_tf.progress import Progress

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

SAMPLERS = ("nsga2", "tpe", "random")
_MOST_TRIALS = 1_000_000
_TRIES = 10  # how often the sampler may propose a known pair before random proposals begin
_RANDOM_TRIES = 500  # how often a random proposal may be a known pair; after that hardly any new one is left
# The sampler gets this factor for a pair above a limit, and this value for a pair that cannot be built. Both are worse
# than those of every other pair, and the factor grows with the excess. Optuna's own constraints do not apply to trials
# that are added complete.
_OVER_LIMITS, _IMPOSSIBLE = 1e6, 1e30

Key = Point | tuple[Value, ...]
Found = dict[Key, Candidate | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a space is sampled.

    Attributes:
        trials: How many trials the storage holds at the end, from all workers together.
        sampler: One of `SAMPLERS`.
        storage: An SQLite file, or an SQLAlchemy URL for workers on several machines; None keeps trials in memory.
        population: Population of NSGA-II, or the number of random trials before TPE begins.
        seed: Random seed.
        worker: Worker number; must differ between processes that share a storage.
    """

    trials: int
    sampler: str = "nsga2"
    storage: str | None = None
    population: int = 50
    seed: int = 0
    worker: int = 0

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise SqnxtError("sampler", f"{self.sampler!r} is not known", f"use one of {', '.join(SAMPLERS)}")
        if not 1 <= self.trials <= _MOST_TRIALS:
            raise SqnxtError("trials", f"{self.trials} is out of range", f"give 1 to {_MOST_TRIALS}")
        if not 2 <= self.population <= 10_000:
            raise SqnxtError("population", f"{self.population} is out of range", "give 2 to 10000")


def sample_space(
    space: Space, objectives: tuple[str, ...], limits: Mapping[str, float], sampling: Sampling, progress: Progress,
    accuracies: Accuracies | None = None,
) -> list[Candidate | None]:  # fmt: skip
    """Sample until the storage holds all trials, and return the candidates of all trials.

    A candidate is None where the network or the tiling of a trial does not exist. With `accuracies`, candidates within
    the limits have an accuracy; that of the others is 0.

    Raises:
        SqnxtError: Optuna is not installed, or the storage cannot be used or belongs to another search.
    """
    judged_by = accuracies.identity if accuracies else ""
    with open_study(space, objectives, limits, sampling.storage, judged_by) as study:
        worker = _Worker(space, objectives, limits, sampling, study, accuracies)
        task = f"searching {space.name} by {sampling.sampler}"
        while worker.known < sampling.trials and worker.step():
            progress(task, min(worker.known, sampling.trials), sampling.trials)
        return list(worker.found.values())


class _Worker:
    """A copy of the study in memory for the sampler, and the costs of each pair; `known` counts all trials."""

    def __init__(
        self,
        space: Space,
        objectives: tuple[str, ...],
        limits: Mapping[str, float],
        sampling: Sampling,
        study: Study,
        accuracies: Accuracies | None,
    ) -> None:
        import optuna

        self.found: Found = {}
        self.known = 0
        self._space, self._objectives, self._limits, self._study = space, objectives, limits, study
        self._coster, self._accuracies = Coster(space), accuracies
        self._figures = {*OBJECTIVES, *([ACCURACY] if accuracies else [])}
        self._choices = {
            name: optuna.distributions.CategoricalDistribution(values) for name, values in space.dimensions.items()
        }
        self._copy = optuna.create_study(directions=["minimize"] * len(objectives))
        self._catch_up()
        # The seed depends on the progress, so that a search that continues does not draw what it drew before.
        seed = np.random.SeedSequence([sampling.seed, sampling.worker, self.known]).generate_state(2)
        self._copy.sampler = self._sampler = _sampler(sampling, int(seed[0]))
        self._random = optuna.samplers.RandomSampler(seed=int(seed[1]))

    def step(self) -> bool:
        """Add one trial, and return whether there was a new pair to evaluate."""
        from optuna.trial import create_trial

        proposed = self._propose()
        if proposed is None:
            return False
        values, attributes = proposed
        key = self._key(values)
        candidate = self._cost(key)
        self._catch_up()
        if key not in self.found:  # otherwise another worker was faster
            trial = create_trial(
                values=self._values(candidate),
                params=values,
                distributions=dict(self._choices),
                user_attrs={"figures": dict(candidate.figures) if candidate else None},
                system_attrs=attributes,
            )
            self._study.add_trial(trial)
            self._catch_up()
        return True

    def _propose(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return values of every dimension for a pair that is new, and the attributes that the sampler keeps of it."""
        from optuna.trial import TrialState

        try:
            for sampler, tries in ((self._sampler, _TRIES), (self._random, _RANDOM_TRIES)):
                self._copy.sampler = sampler
                for _ in range(tries):
                    trial = self._copy.ask()
                    values = {
                        name: trial.suggest_categorical(name, choice.choices) for name, choice in self._choices.items()
                    }
                    attributes = self._copy.get_trials(deepcopy=False)[trial.number].system_attrs
                    self._copy.tell(trial, state=TrialState.FAIL)  # the trial comes back from the storage
                    if self._key(values) not in self.found:
                        return values, attributes
            return None
        finally:
            self._copy.sampler = self._sampler

    def _catch_up(self) -> None:
        """Read the trials of the storage that are not known here yet."""
        for trial in self._study.get_trials(deepcopy=False)[self.known :]:
            self._learn(trial)
            self._copy.add_trial(trial)
            self.known += 1

    def _learn(self, trial: FrozenTrial) -> None:
        """Take the figures of a trial from the storage, which is faster than simulating its layers again."""
        figures = trial.user_attrs.get("figures", ())
        fits = figures is None or (isinstance(figures, dict) and set(figures) == self._figures)
        if set(trial.params) != set(self._choices) or not fits:
            raise SqnxtError(
                f"trial {trial.number} of the storage", "belongs to another search", "give another `storage`"
            )
        key = self._key(trial.params)
        if isinstance(key, Point) and figures is not None:
            accelerator = self._space.accelerators[key.accelerator].name
            self.found[key] = Candidate(
                spec=key.spec, input_size=key.input_size, accelerator=accelerator, figures=figures
            )
        else:
            self.found[key] = None

    def _key(self, values: Mapping[str, Any]) -> Key:
        """Return the point, or the values themselves if the sum of the stages is not allowed and there is no point."""
        return self._space.point(values) or tuple(values[name] for name in self._choices)

    def _cost(self, key: Key) -> Candidate | None:
        try:
            candidate = self._coster.cost(key) if isinstance(key, Point) else None
        except SqnxtError:
            return None
        if candidate is None or self._accuracies is None:
            return candidate
        judged = not self._excess(candidate)
        return candidate.with_accuracy(self._accuracies.of(candidate.spec, candidate.input_size) if judged else 0.0)

    def _excess(self, candidate: Candidate) -> float:
        """Return by how much a candidate is above the limits, as the sum of fractions of them."""
        return sum(max(0.0, candidate.figures[name] / limit - 1) for name, limit in self._limits.items())

    def _values(self, candidate: Candidate | None) -> list[float]:
        """Return the values that the sampler is to minimise."""
        if candidate is None:
            return [_IMPOSSIBLE] * len(self._objectives)
        excess = self._excess(candidate)
        if not excess:
            return [to_minimise(name, candidate.figures) for name in self._objectives]
        return [_OVER_LIMITS * (1 + excess) * candidate.figures[figure_of(name)] for name in self._objectives]


def _sampler(sampling: Sampling, seed: int) -> BaseSampler:
    from optuna import samplers

    if sampling.sampler == "nsga2":
        return samplers.NSGAIISampler(population_size=sampling.population, seed=seed)
    if sampling.sampler == "tpe":
        return samplers.TPESampler(multivariate=False, n_startup_trials=sampling.population, seed=seed)
    return samplers.RandomSampler(seed=seed)
