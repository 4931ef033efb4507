"""`tf.distribute` strategies by name."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.slurm import adopt_slurm

if TYPE_CHECKING:
    from sqnxt_tf.data.batches import WorkerRank

StrategyName = Literal["auto", "one-device", "mirrored", "multi-worker"]
STRATEGIES: tuple[StrategyName, ...] = ("auto", "one-device", "mirrored", "multi-worker")

_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


def make_strategy(name: StrategyName = "auto") -> Any:
    """The `tf.distribute.Strategy` called `name`; call it before any other TensorFlow work.

    It is made once a process: a second one of several replicas would wait for the first one's collectives.

    `auto` takes `multi-worker` where `TF_CONFIG` names several workers, `mirrored` where there are several GPUs, and
    `one-device` elsewhere.

    Raises:
        SqnxtError: `multi-worker` without a usable `TF_CONFIG` or Slurm's variables.
    """
    workers = check_cluster(name)
    import tensorflow as tf

    if name == "auto":
        gpus = len(tf.config.list_physical_devices("GPU"))
        name = "multi-worker" if workers > 1 else "mirrored" if gpus > 1 else "one-device"
    return _make_once(name)


@cache
def _make_once(name: StrategyName) -> Any:
    import tensorflow as tf

    if name == "multi-worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "mirrored":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # says that there is no GPU
            return tf.distribute.MirroredStrategy()
    return tf.distribute.OneDeviceStrategy("/gpu:0" if tf.config.list_physical_devices("GPU") else "/cpu:0")


def own_rank(strategy: Any) -> WorkerRank:
    """Which part of the data this process reads."""
    import tensorflow as tf

    from sqnxt_tf.data.batches import ONLY_WORKER, WorkerRank

    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return ONLY_WORKER
    cluster, (kind, index) = _cluster(), _task()
    before = 0 if kind == "chief" else len(cluster.get("chief", ()))
    return WorkerRank(before + index, max(sum(map(len, cluster.values())), 1))


@contextmanager
def workers_watched(strategy: Any, folder: Path | None) -> Iterator[None]:
    """Tell in one line that another worker is gone; what TensorFlow says of it is long and differs.

    Raises:
        SqnxtError: A step could not be taken together.
    """
    rank = own_rank(strategy)
    if rank.workers == 1:
        yield
        return
    import tensorflow as tf

    lost = (
        tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError, tf.errors.CancelledError,
        tf.errors.FailedPreconditionError, tf.errors.InternalError,
    )  # fmt: skip
    try:
        yield
    except lost as error:
        from sqnxt_tf.training.local_workers import (
            let_parent_tell,  # here: the command line asks this module for names alone
        )

        let_parent_tell()
        state = f" goes on from the last checkpoint in {folder}" if folder else " starts afresh"
        raise WorkerLostError(
            f"worker {rank.worker} of {rank.workers}",
            f"another worker is gone ({type(error).__name__})",
            f"the same command again, for all workers,{state}",
        ) from None


class WorkerLostError(SqnxtError):
    """A run of several workers has lost one; the others cannot go on without it."""


def is_chief() -> bool:
    """Whether this process writes the results: the only one, the one of type `chief`, or else worker 0."""
    return _task() == ("chief" if "chief" in _cluster() else "worker", 0)


def check_cluster(strategy: StrategyName = "auto") -> int:
    """How many workers `TF_CONFIG` names; 0 without it. Touches no TensorFlow.

    Where `multi-worker` is asked for, Slurm's variables take its place if it is not set.

    Raises:
        SqnxtError: It is damaged, its task is not one of its cluster, or `strategy` needs workers and it names none.
    """
    if strategy == "multi-worker":
        adopt_slurm()
    cluster, (kind, index) = _cluster(), _task()
    if cluster and not 0 <= index < len(cluster.get(kind, ())):
        raise SqnxtError("TF_CONFIG", f"its cluster has no {kind} {index}", f"set it as in TF_CONFIG='{_EXAMPLE}'")
    workers = sum(len(addresses) for addresses in cluster.values())
    if strategy == "multi-worker" and not workers:
        raise SqnxtError(
            "--strategy multi-worker",
            "TF_CONFIG names no workers",
            f"set it as in TF_CONFIG='{_EXAMPLE}', or start the workers with Slurm's srun",
        )
    return workers


def _cluster() -> dict[str, list[str]]:
    cluster = _config().get("cluster") or {}
    valid = isinstance(cluster, dict) and all(
        isinstance(addresses, list) and all(re.fullmatch(r".+:\d+", str(address)) for address in addresses)
        for addresses in cluster.values()
    )
    if not valid:
        raise SqnxtError("TF_CONFIG", "its cluster is no lists of HOST:PORT", f"set it as in TF_CONFIG='{_EXAMPLE}'")
    return {kind: addresses for kind, addresses in cluster.items() if kind in ("chief", "worker")}


def _task() -> tuple[str, int]:
    task = _config().get("task") or {}
    kind, index = (task.get("type", "worker"), task.get("index", 0)) if isinstance(task, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(index, int):
        raise SqnxtError("TF_CONFIG", "its task has no type and index", f"set it as in TF_CONFIG='{_EXAMPLE}'")
    return kind, index


def _config() -> dict[str, Any]:
    text = os.environ.get("TF_CONFIG", "{}")
    try:
        config = json.loads(text)
    except ValueError as error:
        raise SqnxtError("TF_CONFIG", f"is not JSON ({error})", "set or unset it") from None
    if not isinstance(config, dict):
        raise SqnxtError("TF_CONFIG", "is not a JSON object", "set or unset it")
    return config
