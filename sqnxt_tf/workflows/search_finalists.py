"""Finalist training: the survivors of a search are trained by successive halving and chosen by their accuracy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export import read_metadata
from sqnxt_tf.accuracy import Evaluation
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
from sqnxt_tf.options.searching import FinalistOptions
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import require_tensorflow
from sqnxt_tf.training.strategies import check_cluster, is_chief
from sqnxt_tf.workflows.train import train

CHIEF_SAVES_WITHIN = 600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A network after its longest run; `validation` is the accuracy by which it was chosen."""

    network: SizedNetwork
    epochs: int
    path: Path
    validation: float
    test: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistTraining:
    """All networks that were trained; `front` are the finalists' pairs that no other dominates in error and costs."""

    data: str
    rungs: tuple[Rung, ...]
    networks: tuple[Finalist, ...]
    front: tuple[tuple[Candidate, Finalist], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the `trained` part of the `search` document."""
        return {
            "data": self.data,
            "rungs": [rung._asdict() for rung in self.rungs],
            "networks": [_figures(one) for one in self.networks],
            "front": [{**candidate.to_json(), **_figures(one)} for candidate, one in self.front],
        }


def train_finalists(
    outcome: Outcome, options: FinalistOptions, *, force: bool = False, progress: Progress = silent
) -> FinalistTraining:
    """Train the survivors of a search, the better half twice as long, and so on; find the front with accuracy.

    Each run is a model file in the folder with its state beside it: the same call again keeps finished runs and
    resumes the one that was interrupted.

    Raises:
        SqnxtError, ExportError: No candidates, data of other classes, or a folder with models of other runs.
    """
    classes = len(options.data.parts()["train"].class_names)
    if classes != outcome.space.classes:
        raise SqnxtError(
            options.data.name, f"has {classes} classes, and the space {outcome.space.classes}", "give it `classes`"
        )
    if not outcome.candidates:
        raise SqnxtError(outcome.space.name, "no candidate holds the limits", "there is nothing to train")
    require_tensorflow()
    check_cluster(options.strategy)
    options.folder.mkdir(parents=True, exist_ok=True)
    networks = choose_survivors(outcome, options.survivors)
    plan = rungs(len(networks), options.epochs)
    longest: dict[SizedNetwork, Finalist] = {}
    for order, rung in enumerate(plan):
        for network in networks:
            longest[network] = _train_finalist(network, rung.epochs, options, progress, force=force)
        if order + 1 < len(plan):
            accuracies = {network: longest[network].validation for network in networks}
            networks = better_half(outcome, accuracies, plan[order + 1].networks, objectives=outcome.objectives)
    return FinalistTraining(
        data=options.data.name, rungs=plan, networks=tuple(longest.values()), front=_front(outcome, longest, networks)
    )


def _front(
    outcome: Outcome, longest: dict[SizedNetwork, Finalist], finalists: tuple[SizedNetwork, ...]
) -> tuple[tuple[Candidate, Finalist], ...]:
    pairs = [(one, longest[network_of(one)]) for one in pairs_of(outcome, finalists)]
    figures = np.array([with_error(one, done.validation, outcome.objectives) for one, done in pairs])
    return tuple(pairs[index] for index in pareto_front(figures))


def _train_finalist(
    network: SizedNetwork, epochs: int, options: FinalistOptions, progress: Progress, *, force: bool
) -> Finalist:
    """Train one network, or take the model that an earlier call has left."""
    path = options.folder / f"{network.name}-{network.input_size}-{epochs}epochs.keras"
    before = _identity(path)
    if before is not None and not force:
        _check_same_run(path, network, options)
    else:
        train(
            network.name,
            path,
            data=options.data,
            changes={"epochs": epochs},  # of the default recipe
            input_size=network.input_size,
            seed=options.seed,
            strategy=options.strategy,
            wait=options.wait,
            force=force,
            progress=progress,
        )
        _wait_for_another(path, before)
    parts = options.data.parts()
    return Finalist(
        network=network,
        epochs=epochs,
        path=path,
        validation=evaluate(path, parts["validation"], progress=progress).top1,
        test=evaluate(path, parts["test"], progress=progress),
    )


def _check_same_run(path: Path, network: SizedNetwork, options: FinalistOptions) -> None:
    """Refuse an existing model that is not the one that would be trained."""
    metadata = read_metadata(path)
    settings = metadata.extra.get("settings") if metadata else None
    wanted = {"network": network.name, "data": options.data.name, "seed": options.seed}
    if not isinstance(settings, dict) or any(settings.get(key) != value for key, value in wanted.items()):
        raise SqnxtError(path, "is a model of another run", "choose another folder or pass `force=True`")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from the one that replaces it; None if there is no file."""
    try:
        known = path.stat()
    except FileNotFoundError:
        return None
    return known.st_ino, known.st_mtime_ns


def _wait_for_another(path: Path, before: tuple[int, int] | None) -> None:
    """Wait for the chief, which alone of several workers saves the model that all of them evaluate.

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
