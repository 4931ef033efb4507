"""Estimates of what a training run will take, before it begins: memory, time, and the batch that fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqnxt_base.machine import memory_bytes, usable_cores
from sqnxt_tf.networks.rows import LayerRow
from sqnxt_tf.training.recipe import Recipe

# Measured with Tiny Darknet, 1.0-SqNxt-23v5, SqueezeNet v1.1 and MobileNet at 96 and 128 pixels and batches of 32 and
# 128, on x86-64 cores with AVX-512: 5 to 13 bytes an element, and the seconds below within a third.
_BYTES_PER_ELEMENT = 13  # of a map that a layer writes: its value, its gradient, and those of batch norm and ReLU
_BYTES_PER_PARAMETER = 24  # value, gradient, two moments, moving average, best epoch
_PROGRAM_BYTES = 10**9  # TensorFlow, and the compiled step
_SECONDS_PER_MAC, _SECONDS_PER_ELEMENT = 0.08e-9, 2.5e-9  # of one core, forward and backward
_PART_OF_MEMORY = 2  # a run may take one half
_SMALLEST_BATCH = 8  # batch norm needs some images


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What one image costs a network in training: `parameters`, `macs` and `elements` of all maps that it writes."""

    parameters: int
    macs: int
    elements: int

    @classmethod
    def of_rows(cls, rows: Iterable[LayerRow]) -> Workload:
        """Return the workload of a network's layer rows."""
        rows = tuple(rows)
        return cls(
            parameters=sum(row.params for row in rows), macs=sum(row.macs for row in rows),
            elements=sum(row.out_elements for row in rows),
        )  # fmt: skip

    def bytes_for(self, batch: int) -> int:
        """Return the estimated memory of a training run on this machine's processor."""
        return _PROGRAM_BYTES + _BYTES_PER_PARAMETER * self.parameters + _BYTES_PER_ELEMENT * self.elements * batch

    def seconds_for(self, images: int) -> float:
        """Return the estimated seconds of a training step's work on that many images, on all cores."""
        return images * (_SECONDS_PER_MAC * self.macs + _SECONDS_PER_ELEMENT * self.elements) / usable_cores()

    def largest_batch(self, wanted: int, *, memory: int | None = None) -> int:
        """Return the wanted batch, halved until a run takes at most half of the machine's memory.

        All of the memory counts, used or not, so that a resumed run has the same batch.
        """
        limit = memory if memory is not None else memory_bytes()
        batch = wanted
        while limit and batch > _SMALLEST_BATCH and self.bytes_for(batch) > limit // _PART_OF_MEMORY:
            batch = max(batch // 2, _SMALLEST_BATCH)
        return min(batch, wanted)


def bounded(recipe: Recipe, workload: Workload, *, memory: int | None = None) -> Recipe:
    """Return the recipe with a batch that fits in memory; the learning rate and the warm-up follow the batch."""
    batch = workload.largest_batch(recipe.batch, memory=memory)
    return recipe if batch == recipe.batch else recipe.overridden(batch=batch)


def workload_of_model(model: Any) -> Workload:
    """Return the workload of a Keras model of one fixed input, counted from its layers' kernels and outputs."""
    macs = elements = 0
    for layer in model.layers:
        shape = layer.output_shape
        if not isinstance(shape, tuple) or None in shape[1:]:
            continue
        outputs = _product(shape[1:])
        elements += outputs
        for weight in layer.weights:
            if "kernel" in weight.name:
                macs += int(outputs * _product(weight.shape[:-1]))
    return Workload(parameters=int(model.count_params()), macs=macs, elements=elements)


def _product(sizes: Iterable[Any]) -> int:
    result = 1
    for size in sizes:
        result *= int(size)
    return result
