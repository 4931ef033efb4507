"""`tf.distribute` strategies by name, and the cluster that `TF_CONFIG` describes."""

from __future__ import annotations

import os
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqnxt_base.json_text import parse_json_object
from sqnxt_base.user_files import UnreadableTextError
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.partners import WAIT_SECONDS, meet_partners
from sqnxt_tf.training.slurm import adopt_slurm

if TYPE_CHECKING:
    from sqnxt_tf.data.batches import WorkerRank

StrategyName = Literal["auto", "one-device", "mirrored", "multi-worker"]
STRATEGIES: tuple[StrategyName, ...] = ("auto", "one-device", "mirrored", "multi-worker")

_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


def make_strategy(name: StrategyName = "auto", *, wait: float = WAIT_SECONDS) -> Any:
    """Make the `tf.distribute.Strategy` called `name`; call this before any other TensorFlow work.

    Of several workers, each waits until the others have come, for `wait` seconds at most.

    A process makes each strategy once: a second one of several replicas would wait for the first one's collectives.
    `auto` is `multi-worker` if `TF_CONFIG` names several workers, else `mirrored` if there are several GPUs, else
    `one-device`.

    Raises:
        SqnxtError: `multi-worker` is asked for without a usable `TF_CONFIG` or Slurm's variables, or another worker
            has not come in time.
    """
    workers = check_cluster(name)
    if workers > 1 and name in ("auto", "multi-worker"):
        _meet_once(wait)
    import tensorflow as tf

    if name == "auto":
        gpus = len(tf.config.list_physical_devices("GPU"))
        name = "multi-worker" if workers > 1 else "mirrored" if gpus > 1 else "one-device"
    return _make_once(name)


def _meet_once(wait: float) -> None:
    """Meet the other workers, unless this process has met them: TensorFlow then has the address of this worker."""
    if _make_once.cache_info().currsize:
        return
    cluster = _cluster()
    addresses = [*cluster.get("chief", ()), *cluster.get("worker", ())]
    meet_partners(addresses, _number(), wait)


def _number() -> int:
    """Return the number of this process among the workers, of which a chief is the first."""
    kind, index = _task()
    return index if kind == "chief" else index + len(_cluster().get("chief", ()))


@cache
def _make_once(name: StrategyName) -> Any:
    import tensorflow as tf

    if name == "multi-worker":
        handler = signal.getsignal(signal.SIGTERM)
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # TensorFlow has set one of its own, which lets the process run on
        return strategy
    if name == "mirrored":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns that there is no GPU
            return tf.distribute.MirroredStrategy()
    return tf.distribute.OneDeviceStrategy("/gpu:0" if tf.config.list_physical_devices("GPU") else "/cpu:0")


def own_rank(strategy: Any) -> WorkerRank:
    """Return the rank of this process among the workers; it determines which part of the data it reads."""
    import tensorflow as tf

    from sqnxt_tf.data.batches import ONLY_WORKER, WorkerRank

    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return ONLY_WORKER
    return WorkerRank(_number(), max(sum(map(len, _cluster().values())), 1))


def wait_for_all(strategy: Any) -> None:
    """Return once every worker of a strategy has called this; at once where there is one worker."""
    if own_rank(strategy).workers == 1:
        return
    import tensorflow as tf

    def met(own: Any) -> Any:
        return strategy.reduce("SUM", strategy.run(lambda: own), axis=None)

    float(tf.function(met)(tf.constant(1.0)))


@contextmanager
def workers_watched(strategy: Any, folder: Path | None) -> Iterator[None]:
    """Replace TensorFlow's long and varying errors about a lost worker by one line, while the block lasts.

    Raises:
        WorkerLostError: Another worker is gone.
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
        # imported here, because the command line imports this module for the names of the strategies alone
        from sqnxt_tf.training.local_workers import let_parent_report

        let_parent_report()
        state = f"resumes from the last checkpoint in {folder}" if folder else "starts afresh"
        raise WorkerLostError(
            f"worker {rank.worker} of {rank.workers}",
            f"another worker is gone ({type(error).__name__})",
            f"start all workers again: the run {state}",
        ) from None


class WorkerLostError(SqnxtError):
    """A run of several workers has lost one; the others cannot continue without it."""


def is_chief() -> bool:
    """Tell whether this process writes the results: it is the only one, of type `chief`, or else worker 0."""
    return _task() == ("chief" if "chief" in _cluster() else "worker", 0)


def check_cluster(strategy: StrategyName = "auto") -> int:
    """Return how many workers `TF_CONFIG` names, 0 without it; TensorFlow is not imported.

    If `strategy` is `multi-worker` and `TF_CONFIG` is not set, it is set from Slurm's variables.

    Raises:
        SqnxtError: `TF_CONFIG` is damaged, its task is not in its cluster, or it names no workers and `strategy`
            needs some.
    """
    if strategy == "multi-worker":
        adopt_slurm()
    cluster, (kind, index) = _cluster(), _task()
    if cluster and not 0 <= index < len(cluster.get(kind, ())):
        raise SqnxtError("TF_CONFIG", f"its cluster has no {kind} {index}", f"set it as in TF_CONFIG='{_EXAMPLE}'")
    workers = sum(len(addresses) for addresses in cluster.values())
    if strategy == "multi-worker" and not workers:
        raise SqnxtError(
            "strategy multi-worker",
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
        raise SqnxtError(
            "TF_CONFIG", "its cluster does not consist of lists of HOST:PORT", f"set it as in TF_CONFIG='{_EXAMPLE}'"
        )
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
        return parse_json_object(text)
    except UnreadableTextError as error:
        raise SqnxtError("TF_CONFIG", f"is not JSON ({error})", "set or unset it") from None
