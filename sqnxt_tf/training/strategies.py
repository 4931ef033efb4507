"""`tf.distribute` strategies by name."""

import json
import os
import warnings
from typing import Any, Literal

from ..errors import SqnxtError

StrategyName = Literal["auto", "one-device", "mirrored", "multi-worker"]
STRATEGIES: tuple[StrategyName, ...] = ("auto", "one-device", "mirrored", "multi-worker")

EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


def make_strategy(name: StrategyName = "auto") -> Any:
    """The `tf.distribute.Strategy` called `name`; call it before any other TensorFlow work.

    `auto` takes `multi-worker` where `TF_CONFIG` names several workers, `mirrored` where there are several GPUs, and
    `one-device` elsewhere.

    Raises:
        SqnxtError: `multi-worker` without a usable `TF_CONFIG`.
    """
    import tensorflow as tf

    workers = len(_cluster().get("worker", ()))
    if name == "auto":
        gpus = len(tf.config.list_physical_devices("GPU"))
        name = "multi-worker" if workers > 1 else "mirrored" if gpus > 1 else "one-device"
    if name == "multi-worker":
        if not workers:
            raise SqnxtError(f"--strategy multi-worker: TF_CONFIG names no workers; set it as in TF_CONFIG='{EXAMPLE}'")
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "mirrored":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # says that there is no GPU
            return tf.distribute.MirroredStrategy()
    return tf.distribute.OneDeviceStrategy("/gpu:0" if tf.config.list_physical_devices("GPU") else "/cpu:0")


def is_chief() -> bool:
    """Whether this process writes the results: the only one, or worker 0 (or the one of type `chief`) of a cluster."""
    task = _config().get("task") or {}
    return not _cluster() or task.get("type") == "chief" or ("chief" not in _cluster() and task.get("index", 0) == 0)


def _cluster() -> dict[str, Any]:
    cluster: dict[str, Any] = _config().get("cluster") or {}
    return cluster


def _config() -> dict[str, Any]:
    text = os.environ.get("TF_CONFIG", "{}")
    try:
        config = json.loads(text)
    except ValueError as error:
        raise SqnxtError(f"TF_CONFIG: is not JSON ({error}); set or unset it") from None
    if not isinstance(config, dict):
        raise SqnxtError("TF_CONFIG: is not a JSON object; set or unset it")
    return config
