"""Spaces too large to enumerate: Optuna's multi-objective samplers, and its storage for workers and interruptions.

A trial enters the storage whole, in one transaction, when it has been costed. So a killed worker leaves nothing half
done behind: the next one reads what is there and goes on. The sampler works on a copy in memory that follows the
storage, and so learns from the trials of all workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_sim import SimulatorError
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.candidates import Candidate, Coster
from sqnxt_tf.exploration.space import OBJECTIVES, Point, Space, Value
from sqnxt_tf.exploration.trial_storage import open_study
from sqnxt_tf.progress import Progress

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

SAMPLERS = ("nsga2", "tpe", "random")
_MOST_TRIALS = 1_000_000
_TRIES = 10  # of the sampler for a pair that was not asked before
_RANDOM_TRIES = 500  # after them; where these find none either, hardly any is left
# What a sampler is told of a pair that breaks a limit, and of one that cannot be: worse than anything that holds them,
# and the worse the further off. Optuna's own constraints do not reach trials that are added whole.
_OVER_LIMITS, _IMPOSSIBLE = 1e6, 1e30

Key = Point | tuple[Value, ...]
Found = dict[Key, Candidate | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a space is sampled.

    `trials` are those in the storage in the end, whoever asked them. `storage` is a file (SQLite), or an SQLAlchemy URL
    for workers on several machines; in memory where it is not given. Workers on one storage get a number each.
    """

    trials: int
    sampler: str = "nsga2"
    storage: str | None = None
    population: int = 50
    seed: int = 0
    worker: int = 0

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise SqnxtError(f"sampler {self.sampler!r}", "is not known", f"use one of {', '.join(SAMPLERS)}")
        if not 1 <= self.trials <= _MOST_TRIALS:
            raise SqnxtError("trials", f"{self.trials} is out of range", f"give 1 to {_MOST_TRIALS}")
        if not 2 <= self.population <= 10_000:
            raise SqnxtError("population", f"{self.population} is out of range", "give 2 to 10000")


def sampled(
    space: Space, objectives: tuple[str, ...], limits: Mapping[str, float], sampling: Sampling, progress: Progress
) -> list[Candidate | None]:
    """The pairs that the trials of the storage asked for, costed; None for those that cannot be.

    Raises:
        SqnxtError: No Optuna, or a storage that cannot be used, or that another search made.
    """
    with open_study(space, objectives, limits, sampling.storage) as study:
        worker = _Worker(space, objectives, limits, sampling, study)
        task = f"searching {space.name} by {sampling.sampler}"
        while worker.known < sampling.trials and worker.step():
            progress(task, min(worker.known, sampling.trials), sampling.trials)
        return list(worker.found.values())


class _Worker:
    """A copy of the study in memory for the sampler, and what each pair cost; `known` counts the storage's trials."""

    def __init__(
        self,
        space: Space,
        objectives: tuple[str, ...],
        limits: Mapping[str, float],
        sampling: Sampling,
        study: Study,
    ) -> None:
        import optuna

        self.found: Found = {}
        self.known = 0
        self._space, self._objectives, self._limits, self._study = space, objectives, limits, study
        self._coster = Coster(space)
        self._choices = {
            name: optuna.distributions.CategoricalDistribution(values) for name, values in space.dimensions.items()
        }
        self._copy = optuna.create_study(directions=["minimize"] * len(objectives))
        self._catch_up()
        # Seeded by how far the search is: one that goes on does not draw what it drew before.
        seed = np.random.SeedSequence([sampling.seed, sampling.worker, self.known]).generate_state(2)
        self._copy.sampler = self._sampler = _sampler(sampling, int(seed[0]))
        self._random = optuna.samplers.RandomSampler(seed=int(seed[1]))

    def step(self) -> bool:
        """One more trial; False where nothing seems left to ask."""
        from optuna.trial import create_trial

        proposed = self._propose()
        if proposed is None:
            return False
        values, attributes = proposed
        key = self._key(values)
        candidate = self._cost(key)
        self._catch_up()
        if key not in self.found:  # else another worker was faster
            trial = create_trial(
                values=self._told(candidate),
                params=values,
                distributions=dict(self._choices),
                user_attrs={"figures": dict(candidate.figures) if candidate else None},
                system_attrs=attributes,
            )
            self._study.add_trial(trial)
            self._catch_up()
        return True

    def _propose(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Values of every dimension that were not asked before, and what the sampler wants to remember of them."""
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
                    self._copy.tell(trial, state=TrialState.FAIL)  # it comes back by way of the storage
                    if self._key(values) not in self.found:
                        return values, attributes
            return None
        finally:
            self._copy.sampler = self._sampler

    def _catch_up(self) -> None:
        """Learn what is in the storage and not here yet."""
        for trial in self._study.get_trials(deepcopy=False)[self.known :]:
            self._learn(trial)
            self._copy.add_trial(trial)
            self.known += 1

    def _learn(self, trial: FrozenTrial) -> None:
        """What a trial found, as the storage has it: solving its layers anew would take longer."""
        figures = trial.user_attrs.get("figures", ())
        fits = figures is None or (isinstance(figures, dict) and set(figures) == set(OBJECTIVES))
        if set(trial.params) != set(self._choices) or not fits:
            raise SqnxtError(f"trial {trial.number} of the storage", "is none of this search", "use another storage")
        key = self._key(trial.params)
        if isinstance(key, Point) and figures is not None:
            accelerator = self._space.accelerators[key.accelerator].name
            self.found[key] = Candidate(
                spec=key.spec, input_size=key.input_size, accelerator=accelerator, figures=figures
            )
        else:
            self.found[key] = None

    def _key(self, values: Mapping[str, Any]) -> Key:
        """The point; where the stages' sum is not allowed there is none, and the values themselves will do."""
        return self._space.point(values) or tuple(values[name] for name in self._choices)

    def _cost(self, key: Key) -> Candidate | None:
        try:
            return self._coster.cost(key) if isinstance(key, Point) else None
        except (SqnxtError, SimulatorError):
            return None

    def _told(self, candidate: Candidate | None) -> list[float]:
        """What the sampler is to minimise."""
        if candidate is None:
            return [_IMPOSSIBLE] * len(self._objectives)
        excess = sum(max(0.0, candidate.figures[name] / limit - 1) for name, limit in self._limits.items())
        factor = _OVER_LIMITS * (1 + excess) if excess else 1.0
        return [factor * candidate.figures[name] for name in self._objectives]


def _sampler(sampling: Sampling, seed: int) -> BaseSampler:
    from optuna import samplers

    if sampling.sampler == "nsga2":
        return samplers.NSGAIISampler(population_size=sampling.population, seed=seed)
    if sampling.sampler == "tpe":
        return samplers.TPESampler(multivariate=False, n_startup_trials=sampling.population, seed=seed)
    return samplers.RandomSampler(seed=seed)
