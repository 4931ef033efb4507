"""Slurm's variables as `TF_CONFIG`, so that workers started by `srun` find each other without further settings."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

from sqnxt_tf.errors import SqnxtError

_FIRST_PORT = 8888
_LARGEST_JOB = 100_000  # tasks


def adopt_slurm() -> None:
    """Set `TF_CONFIG` from srun's variables, if it is not set and the step has several tasks."""
    if "TF_CONFIG" not in os.environ and (config := slurm_cluster(os.environ)) is not None:
        os.environ["TF_CONFIG"] = json.dumps(config)


def slurm_cluster(variables: Mapping[str, str]) -> dict[str, object] | None:
    """Return the `TF_CONFIG` of this task of a Slurm step; None outside of a step, or if it has one task only.

    The tasks of a node take ports upwards from `SQNXT_TF_PORT` (by default 8888).

    Raises:
        SqnxtError: The variables contradict each other or cannot be parsed.
    """
    names = ("SLURM_PROCID", "SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE")
    if any(name not in variables for name in names):
        return None
    task_text, nodes_text, tasks_text = (variables[name] for name in names)
    nodes, tasks = expand_nodes(nodes_text), expand_counts(tasks_text)
    port = variables.get("SQNXT_TF_PORT", str(_FIRST_PORT))
    if not (task_text.isdecimal() and port.isdecimal() and len(nodes) == len(tasks)):
        raise SqnxtError(
            "Slurm",
            f"{names[0]}={task_text}, {names[1]}={nodes_text} and {names[2]}={tasks_text} contradict each other",
            "set TF_CONFIG instead",
        )
    workers = [
        f"{node}:{int(port) + place}" for node, count in zip(nodes, tasks, strict=True) for place in range(count)
    ]
    if len(workers) < 2:
        return None
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": int(task_text)}}


def expand_nodes(text: str) -> list[str]:
    """Expand a list of nodes: `gpu[01-03,7],login` gives gpu01, gpu02, gpu03, gpu7, login."""
    found: list[str] = []
    for part in re.findall(r"[^,\[\]]+(?:\[[^\]]*\][^,\[\]]*)*", text):
        names = [""]
        for plain, ranges in re.findall(r"([^\[\]]+)|\[([^\]]*)\]", part):
            names = [name + end for name in names for end in ([plain] if plain else _expand_ranges(ranges, text))]
            if len(names) > _LARGEST_JOB:
                raise _malformed(text)
        found += names
    return found


def expand_counts(text: str) -> list[int]:
    """Expand a list of counts: `2(x3),1` gives 2, 2, 2, 1."""
    counts: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,5})(?:\(x(\d{1,5})\))?", part)
        if not match:
            raise _malformed(text)
        counts += [int(match[1])] * int(match[2] or 1)
    if sum(counts) > _LARGEST_JOB:
        raise _malformed(text)
    return counts


def _expand_ranges(text: str, whole: str) -> list[str]:
    ends: list[str] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if not match:
            raise _malformed(whole)
        first, last = match[1], match[2] or match[1]
        ends += [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    return ends


def _malformed(text: str) -> SqnxtError:
    return SqnxtError("Slurm", f"{text!r} is not a list of nodes or tasks", "set TF_CONFIG instead")
