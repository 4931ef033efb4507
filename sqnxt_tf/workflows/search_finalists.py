"""Accuracy in the loop of a search: the survivors are trained by successive halving, and judged by what they learn."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export import read_metadata
from sqnxt_tf.accuracy import Evaluation
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.device.evaluation import evaluate
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.candidates import Candidate
from sqnxt_tf.exploration.outcome import Outcome
from sqnxt_tf.exploration.pareto import pareto_front
from sqnxt_tf.exploration.successive_halving import (
    Rung,
    SizedNetwork,
    better_half,
    choose_survivors,
    network_of,
    pairs_of,
    rungs,
    with_error,
)
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import require_tensorflow
from sqnxt_tf.training.recipe_files import DIGITS, PAPER
from sqnxt_tf.training.strategies import StrategyName, check_cluster, is_chief
from sqnxt_tf.workflows.train import train

CHIEF_SAVES_WITHIN = 600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistOptions:
    """How survivors are trained: at most `survivors` of them, the finalists for `epochs`, into `folder`."""

    folder: Path
    epochs: int
    data: str = "digits"
    survivors: int = 16
    seed: int = 0
    strategy: StrategyName = "auto"
    force: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.epochs <= 100_000:
            raise SqnxtError(f"train-epochs {self.epochs}", "is out of range", "give 1 to 100000")
        if not 1 <= self.survivors <= 1000:
            raise SqnxtError(f"survivors {self.survivors}", "is out of range", "give 1 to 1000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A network after its longest run. `validation` is the accuracy that it was chosen by, `test` is told only."""

    network: SizedNetwork
    epochs: int
    path: Path
    validation: float
    test: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistTraining:
    """All that were trained; `front` are the finalists' pairs that no other dominates in error and costs."""

    data: str
    rungs: tuple[Rung, ...]
    networks: tuple[Finalist, ...]
    front: tuple[tuple[Candidate, Finalist], ...]

    def to_json(self) -> dict[str, Any]:
        """The `trained` part of the `search` document."""
        return {
            "data": self.data,
            "rungs": [rung._asdict() for rung in self.rungs],
            "networks": [_figures(one) for one in self.networks],
            "front": [{**candidate.to_json(), **_figures(one)} for candidate, one in self.front],
        }


def train_finalists(outcome: Outcome, how: FinalistOptions, *, progress: Progress = silent) -> FinalistTraining:
    """Train the survivors of a search, the better half of them twice as long, and so on; find the front with accuracy.

    Each run is a model file in the folder with its state beside it: the same call again takes finished ones as they are
    and goes on with the one that was interrupted.

    Raises:
        SqnxtError, ExportError: No candidates, data of other classes, or a folder with models of other runs.
    """
    classes = len(DataSource.parse(how.data).parts()["train"].class_names)
    if classes != outcome.space.classes:
        raise SqnxtError(how.data, f"has {classes} classes, and the space {outcome.space.classes}", "give it `classes`")
    if not outcome.candidates:
        raise SqnxtError(outcome.space.name, "no candidate holds the limits", "there is nothing to train")
    require_tensorflow()
    check_cluster(how.strategy)
    how.folder.mkdir(parents=True, exist_ok=True)
    networks = choose_survivors(outcome, how.survivors)
    plan = rungs(len(networks), how.epochs)
    longest: dict[SizedNetwork, Finalist] = {}
    for order, rung in enumerate(plan):
        for network in networks:
            longest[network] = _train_finalist(network, rung.epochs, how, progress)
        if order + 1 < len(plan):
            accuracies = {network: longest[network].validation for network in networks}
            networks = better_half(outcome, accuracies, plan[order + 1].networks, objectives=outcome.objectives)
    return FinalistTraining(
        data=how.data, rungs=plan, networks=tuple(longest.values()), front=_front(outcome, longest, networks)
    )


def _front(
    outcome: Outcome, longest: dict[SizedNetwork, Finalist], finalists: tuple[SizedNetwork, ...]
) -> tuple[tuple[Candidate, Finalist], ...]:
    pairs = [(one, longest[network_of(one)]) for one in pairs_of(outcome, finalists)]
    figures = np.array([with_error(one, done.validation, outcome.objectives) for one, done in pairs])
    return tuple(pairs[index] for index in pareto_front(figures))


def _train_finalist(network: SizedNetwork, epochs: int, how: FinalistOptions, progress: Progress) -> Finalist:
    """One network after a run of its own, or as an earlier call has left it."""
    path = how.folder / f"{network.name}-{network.input_size}-{epochs}epochs.keras"
    recipe = replace(DIGITS if how.data == "digits" else PAPER, epochs=epochs)
    before = _identity(path)
    if before is not None and not how.force:
        _check_same_run(path, network, how)
    else:
        train(
            network.name,
            path,
            data=how.data,
            recipe=recipe,
            input_size=network.input_size,
            seed=how.seed,
            strategy=how.strategy,
            force=how.force,
            progress=progress,
        )
        _wait_for_another(path, before)
    parts = DataSource.parse(how.data).parts()
    return Finalist(
        network=network,
        epochs=epochs,
        path=path,
        validation=evaluate(path, parts["validation"], progress=progress).top1,
        test=evaluate(path, parts["test"], progress=progress),
    )


def _check_same_run(path: Path, network: SizedNetwork, how: FinalistOptions) -> None:
    """A model that is there is taken only where it is what would be trained."""
    metadata = read_metadata(path)
    settings = metadata.extra.get("settings") if metadata else None
    wanted = {"network": network.name, "data": how.data, "seed": how.seed}
    if not isinstance(settings, dict) or any(settings.get(key) != value for key, value in wanted.items()):
        raise SqnxtError(path, "is a model of another run", "choose another folder or overwrite it with --force")


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from the one that replaces it; None where there is none."""
    try:
        known = path.stat()
    except FileNotFoundError:
        return None
    return known.st_ino, known.st_mtime_ns


def _wait_for_another(path: Path, before: tuple[int, int] | None) -> None:
    """Of several workers only the chief saves the model that all of them are to judge.

    A worker looked at the old file before it trained; the chief, who trains in step with it, could not replace it yet.
    """
    deadline = time.monotonic() + CHIEF_SAVES_WITHIN
    while not is_chief() and _identity(path) in (None, before):
        if time.monotonic() > deadline:
            raise SqnxtError(path, "was not saved by the chief", "give all workers one folder that they see")
        time.sleep(0.5)


def _figures(one: Finalist) -> dict[str, Any]:
    return {
        "network": one.network.name,
        "input_size": one.network.input_size,
        "epochs": one.epochs,
        "path": str(one.path),
        "validation_top1": one.validation,
        "test_top1": one.test.top1,
        "test_top1_interval": list(one.test.top1_interval),
    }
