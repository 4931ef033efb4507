"""Networks and accelerators searched together: small spaces in full, large ones by sampling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.candidates import Candidate, Coster
from sqnxt_tf.exploration.outcome import Outcome, better_than
from sqnxt_tf.exploration.space import OBJECTIVES, Space
from sqnxt_tf.exploration.space_file import check_objectives, load_space
from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.progress import Progress, silent

if TYPE_CHECKING:
    from sqnxt_tf.exploration.sampling import Sampling

_ENUMERATED = 100_000  # pairs: half a minute
_TOLD_EVERY = 1000  # pairs


def search(
    space: str | Path | Space = "paper",
    *,
    objectives: Iterable[str] | None = None,
    limits: Mapping[str, float] | None = None,
    sampling: Sampling | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Cost the networks and accelerators of a space together, and keep those that no other dominates.

    A space of up to 100,000 pairs is costed in full. A larger one is sampled, as is a smaller one where `sampling` is
    given.

    Args:
        space: A bundled space's name, a `.toml` file, or a space.
        objectives: What is minimised, by the names of `OBJECTIVES`; the space's own where it is not given.
        limits: The most that a figure may be, by the same names.
        sampling: How a large space is sampled, and where its trials are kept.
        progress: Told how far it is.

    Raises:
        SqnxtError, SimulatorError: A space, objective or limit that makes no sense, or a storage that cannot be used.
    """
    space = space if isinstance(space, Space) else load_space(space)
    chosen = space.objectives if objectives is None else check_objectives(list(objectives), "objectives")
    limits = dict(limits or {})
    for name, limit in limits.items():
        if name not in OBJECTIVES or not limit > 0:
            raise SqnxtError(
                f"limit {name} {limit:g}", "makes no sense", f"limit one of {', '.join(OBJECTIVES)} to more than 0"
            )
    if sampling is None and space.size > _ENUMERATED:
        raise SqnxtError(
            f"space {space.name}",
            f"holds {space.size:,} pairs, and {_ENUMERATED:,} are the most that are costed in full",
            "sample it with --trials N",
        )
    if sampling is None:
        return _outcome(space, chosen, limits, "enumerated", _enumerated(space, progress))
    from sqnxt_tf.exploration.sampling import sample_space

    found = sample_space(space, chosen, limits, sampling, progress)
    return _outcome(space, chosen, limits, f"{len(found)} trials by {sampling.sampler}", found)


def _enumerated(space: Space, progress: Progress) -> list[Candidate | None]:
    """Every pair of the space, told a thousand at a time."""
    task, costed = f"costing the {space.size:,} pairs of {space.name}", Coster(space).cost_all(space.points())
    found: list[Candidate | None] = []
    began = monotonic()
    while batch := list(islice(costed, _TOLD_EVERY)):
        found += batch
        progress(task, len(found), space.size, pairs_per_second=len(found) / (monotonic() - began))
    return found


def _outcome(
    space: Space, objectives: tuple[str, ...], limits: Mapping[str, float], method: str, found: list[Candidate | None]
) -> Outcome:
    possible = [candidate for candidate in found if candidate is not None]
    within = [one for one in possible if all(one.figures[name] <= limit for name, limit in limits.items())]
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


def beaten(outcome: Outcome, network: str) -> list[tuple[Candidate, tuple[Candidate, ...]]]:
    """A network on each accelerator of the space, with all that beat it there, fastest first.

    To beat it is to need fewer cycles and less energy, and no more of anything else that is minimised.

    Raises:
        SqnxtError: The network is unknown, or none of the candidates.
    """
    name = find_network(network).name
    references = [one for one in outcome.candidates if one.network == name]
    if not references:
        raise SqnxtError(name, f"is no candidate of {outcome.space.name} within the limits", "name one that is")
    strictly = tuple(name for name in ("cycles", "time_ms", "energy") if name in outcome.objectives)
    return [(one, better_than(outcome, one, in_all=strictly or outcome.objectives[:1])) for one in references]


def build_member(
    outcome: Outcome, rank: int, output: str | Path, *, seed: int = 0, force: bool = False
) -> dict[str, Any]:
    """Write a member of the Pareto set as a `.keras` file with random weights; its place and its costs.

    Raises:
        SqnxtError, ExportError: No such rank, no TensorFlow, or a file that cannot be written.
    """
    from sqnxt_export import save_keras
    from sqnxt_tf.sources import open_source
    from sqnxt_tf.workflows.train import check_model_output

    if not 1 <= rank <= len(outcome.front):
        raise SqnxtError(f"rank {rank}", f"the Pareto set has {len(outcome.front)} members", "give one of their ranks")
    path = check_model_output(output, force=force)
    member = outcome.front[rank - 1]
    source = open_source(member.network, classes=outcome.space.classes, input_size=member.input_size, seed=seed)
    save_keras(source.model, path, source.metadata, force=force)
    return {"rank": rank, "path": str(path), **member.to_json()}


def count_classes(data: str) -> int:
    """How many classes a data set tells apart: the classifier is costed with as many outputs.

    Raises:
        SqnxtError: Data that are not there or not divided.
    """
    return len(DataSource.parse(data).parts()["train"].class_names)
