"""Curves of a run for TensorBoard, in `NAME.train/tensorboard`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_STEP_SECONDS = 2.0  # between two points of a curve by step


class TensorBoardWriter:
    """Writes scalars, or nothing without a folder. A resumed run writes another file beside the first."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._writer: Any = None
        self._written = 0.0

    def step(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a step, at most every two seconds."""
        now = time.monotonic()
        if now - self._written > _STEP_SECONDS:
            self._written = now
            self._write("step", step, figures)

    def epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Write the figures of an epoch."""
        self._write("epoch", epoch, {name: value for name, value in figures.items() if name != "epoch"})

    def close(self) -> None:
        """Close the file."""
        if self._writer is None:
            return
        import tensorflow as tf

        with suppress(tf.errors.OpError):
            self._writer.close()

    def _write(self, group: str, step: int, figures: Mapping[str, float]) -> None:
        """Write scalars without `tf.summary.scalar`, which needs the tensorboard package."""
        if self._folder is None:
            return
        import tensorflow as tf

        kind = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(str(self._folder))
            with self._writer.as_default():
                for name, value in figures.items():
                    metadata = tf.compat.v1.SummaryMetadata(plugin_data=kind)
                    tf.summary.write(f"{group}/{name}", tf.constant(value, tf.float32), step, metadata)
        except tf.errors.OpError:  # a full disk: curves are not worth a run, and the next checkpoint reports it
            self._folder = self._writer = None
