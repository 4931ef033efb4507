"""Search networks and accelerators together: small spaces in full, large ones by sampling, or exactly by sums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.candidates import Candidate
from sqnxt_tf.exploration.enumeration import enumerate_space
from sqnxt_tf.exploration.outcome import Outcome, better_than
from sqnxt_tf.exploration.space import ACCURACY, Space
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.searching import SearchOptions
from sqnxt_tf.progress import Progress, silent

if TYPE_CHECKING:
    from sqnxt_tf.workflows.supernet import Supernet

_ENUMERATED = 100_000  # pairs: half a minute
MOST_JUDGED = 20_000
"""The most networks of which a supernet judges every one: some hours of photographs on two cores."""


def search(
    space: str | Path | Space = "paper",
    options: SearchOptions | None = None,
    *,
    progress: Progress = silent,
    **settings: Any,
) -> Outcome:
    """Cost the networks and accelerators of a space together, and keep those that no other dominates.

    A space of up to 100,000 pairs is costed in full. A larger one is sampled, as is a smaller one where `sampling` is
    given. With `exact`, only the Pareto set is kept, and it is the true one of a space of any size.

    Args:
        space: A bundled space's name, a `.toml` file, or a space.
        options: What is optimised, what is allowed, and how a large space is searched.
        progress: Called as the work goes on.
        settings: Fields of `SearchOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError, SimulatorError: A space, objective or limit that makes no sense, or a storage that cannot be used.
    """
    options = options_from(SearchOptions, options, settings)
    space = space if isinstance(space, Space) else load_space(space)
    supernet = _opened(options, space)
    if supernet is not None:
        space = replace(space, classes=len(supernet.labels))
    chosen = options.chosen_objectives(space.objectives)
    limits, sampling = dict(options.limits), options.sampling
    if options.exact:
        return _exact(space, chosen, limits, progress)
    if sampling is None and space.size > _ENUMERATED:
        raise SqnxtError(
            f"space {space.name}",
            f"holds {space.size:,} pairs, and {_ENUMERATED:,} are the most that are costed in full",
            "give `exact=True` for its Pareto set, or sample it with `trials=N`",
        )
    if sampling is None:
        outcome = _outcome(space, chosen, limits, "enumerated", enumerate_space(space, progress))
        return outcome if supernet is None else _judged(outcome, supernet, progress)
    from sqnxt_tf.exploration.sampling import sample_space

    accuracies = supernet.accuracies() if supernet else None
    found = sample_space(space, chosen, limits, sampling, progress, accuracies)
    return _outcome(space, chosen, limits, f"{len(found)} trials by {sampling.sampler}", found)


def _exact(space: Space, objectives: tuple[str, ...], limits: Mapping[str, float], progress: Progress) -> Outcome:
    from sqnxt_tf.exploration.exact import exact_front

    found = exact_front(space, objectives, limits, progress)
    return Outcome(
        space=space,
        objectives=objectives,
        limits=limits,
        method="exact",
        candidates=tuple(found.members),
        asked=space.size,
        impossible=found.impossible,
        over_limits=found.over_limits,
        only_front=True,
    )


def _outcome(
    space: Space, objectives: tuple[str, ...], limits: Mapping[str, float], method: str, found: list[Candidate | None]
) -> Outcome:
    possible = [candidate for candidate in found if candidate is not None]
    within = (
        possible
        if not limits
        else [one for one in possible if all(one.figures[name] <= limit for name, limit in limits.items())]
    )
    return Outcome(
        space=space,
        objectives=objectives,
        limits=limits,
        method=method,
        candidates=tuple(within),
        asked=len(found),
        impossible=len(found) - len(possible),
        over_limits=len(possible) - len(within),
    )


def _opened(options: SearchOptions, space: Space) -> Supernet | None:
    """Return the supernet that judges the networks of a space, if one is given."""
    if options.supernet is None:
        return None
    from sqnxt_tf.workflows.supernet import Supernet  # not before: most searches need no models

    supernet = Supernet(options.supernet, options.data)
    supernet.check_space(space)
    return supernet


def _judged(outcome: Outcome, supernet: Supernet, progress: Progress) -> Outcome:
    """Return the outcome with the accuracy of every candidate; a network is judged once for all accelerators."""
    networks = dict.fromkeys((one.spec, one.input_size) for one in outcome.candidates)
    if len(networks) > MOST_JUDGED:
        raise SqnxtError(
            f"space {outcome.space.name}",
            f"holds {len(networks):,} networks within the limits, and {MOST_JUDGED:,} are the most that are all judged",
            "give `limits`, fewer values of a dimension, or sample it with `trials=N`",
        )
    accuracies = {}
    for done, network in enumerate(networks, 1):
        accuracies[network] = supernet.accuracy(*network)
        progress(f"judging the {len(networks):,} networks of {outcome.space.name}", done, len(networks))
    candidates = tuple(one.with_accuracy(accuracies[one.spec, one.input_size]) for one in outcome.candidates)
    return replace(outcome, candidates=candidates)


def beaten(outcome: Outcome, network: str) -> list[tuple[Candidate, tuple[Candidate, ...]]]:
    """Return a network on each accelerator of the space, with all candidates that beat it there, fastest first.

    A candidate beats it if it needs fewer cycles and less energy, is more accurate where accuracy was judged, and needs
    no more of any other figure that is minimised.

    Raises:
        SqnxtError: The network is unknown, or is not one of the candidates.
    """
    name = find_network(network).name
    references = [one for one in outcome.candidates if one.network == name]
    if not references:
        raise SqnxtError(name, f"is not a candidate of {outcome.space.name} within the limits", "name one that is")
    strictly = tuple(name for name in ("cycles", "time_ms", "energy", ACCURACY) if name in outcome.objectives)
    return [(one, better_than(outcome, one, in_all=strictly or outcome.objectives[:1])) for one in references]


def build_member(
    outcome: Outcome,
    rank: int,
    output: str | Path,
    *,
    seed: int = 0,
    force: bool = False,
    supernet: str | Path | None = None,
    data: DataSource | None = None,
) -> dict[str, Any]:
    """Write a member of the Pareto set as a `.keras` file; return its rank and costs.

    Its weights are random, or with `supernet` its slice of that file's weights, tested on `data`.

    Raises:
        SqnxtError, ExportError: No such rank, no TensorFlow, or a file that cannot be written.
    """
    from sqnxt_export import save_keras
    from sqnxt_tf.sources import open_source
    from sqnxt_tf.workflows.model_output import check_model_output

    if not 1 <= rank <= len(outcome.front):
        raise SqnxtError(f"rank {rank}", f"the Pareto set has {len(outcome.front)} members", "give one of their ranks")
    path = check_model_output(output, force=force)
    member = outcome.front[rank - 1]
    if supernet is not None:
        from sqnxt_tf.workflows.supernet import Supernet

        Supernet(supernet, data).cut_out(member.spec, path, input_size=member.input_size, force=force)
        return {"rank": rank, "path": str(path), **member.to_json()}
    source = open_source(member.network, classes=outcome.space.classes, input_size=member.input_size, seed=seed)
    save_keras(source.model, path, source.metadata, force=force)
    return {"rank": rank, "path": str(path), **member.to_json()}


def count_classes(data: DataSource) -> int:
    """Return the number of classes of a data set; the classifier is costed with as many outputs.

    Raises:
        SqnxtError: Data that are not there or not divided.
    """
    return len(data.parts()["train"].class_names)
