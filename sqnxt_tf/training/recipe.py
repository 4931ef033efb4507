"""Training recipes: every number of a run in one object."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from math import ceil, pi
from typing import Any, Literal, get_args

from sqnxt_tf.errors import SqnxtError

Schedule = Literal["polynomial", "cosine"]
Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
Augmentation = Literal["none", "standard"]
_CHOICES = {
    "schedule": get_args(Schedule), "precision": get_args(Precision), "augmentation": get_args(Augmentation),
}  # fmt: skip
_LIMITS = {
    "epochs": (1, 1_000_000),
    "batch": (1, 1_000_000),
    "rate": (1e-9, 1000),
    "warmup_rate": (0, 1000),
    "warmup_steps": (0, 10**9),
    "momentum": (0, 0.9999),
    "weight_decay": (0, 1),
    "decay_power": (0, 100),
    "max_shift": (0, 1024),
    "label_smoothing": (0, 0.999),
    "ema": (0, 0.999999),
    "distillation": (0, 1),
    "temperature": (0.1, 100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """SGD with momentum, a linear warm-up, then a decay towards zero at the last step.

    Args:
        epochs: How often every image is seen.
        batch: The global batch, over all workers.
        rate: The learning rate after the warm-up.
        warmup_rate: The learning rate of the first step.
        warmup_steps: Steps from that one to `rate`.
        momentum: Of the gradients.
        weight_decay: The L2 penalty on kernels of convolutions and fully connected layers, added to their gradients.
        schedule: How the rate falls: by a power of what is left of the run, or by half a cosine after the warm-up.
        decay_power: Of the polynomial schedule.
        max_shift: The augmentation of images in memory, in pixels each way: none in the paper.
        augmentation: Of images on disk: the centre alone, as in the paper, or `standard`.
        label_smoothing: The part of each label that is spread over all classes.
        ema: How much of the moving average of the weights stays at each step, less in the first ones; 0 for none,
            else the average is what is validated and saved.
        precision: `mixed_float16` and `mixed_bfloat16` compute with 16 bits on weights of 32; for GPUs.
        synchronized_batch_norm: Whether batch norm sees the global batch or each worker's part.
        distillation: The weight of the teacher's answers in the loss, where there is a teacher.
        temperature: By which logits of both are divided when they are compared.
    """

    epochs: int
    batch: int
    rate: float
    warmup_rate: float
    warmup_steps: int
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Schedule = "polynomial"
    decay_power: float = 2.0
    max_shift: int = 0
    augmentation: Augmentation = "none"
    label_smoothing: float = 0.0
    ema: float = 0.0
    precision: Precision = "float32"
    synchronized_batch_norm: bool = False
    distillation: float = 0.5
    temperature: float = 4.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name in _CHOICES:
                if value not in _CHOICES[name]:
                    raise SqnxtError(
                        "recipe", f"{name} = {value!r} is not known", f"give one of {', '.join(_CHOICES[name])}"
                    )
            elif name in _LIMITS:
                _check_number(name, value, whole=_FIELDS[name].type is int)
            elif not isinstance(value, bool):
                raise SqnxtError("recipe", f"{name} = {value!r} is no switch", "give true or false")

    def overridden(self, **values: Any) -> Recipe:
        """The recipe with other values where they are not None.

        The learning rate and the warm-up follow the global batch: one of twice the size takes twice the rate and half
        the warm-up steps, unless they are given too. Another rate takes the warm-up's along.
        """
        given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        if unknown := given.keys() - _FIELDS.keys():
            raise SqnxtError("recipe", f"has no {', '.join(sorted(unknown))}", f"its settings are {', '.join(_FIELDS)}")
        changed = replace(self, **given)
        if changed.batch != self.batch:
            scale = changed.batch / self.batch
            given.setdefault("rate", self.rate * scale)
            given.setdefault("warmup_steps", round(self.warmup_steps / scale))
        if "rate" in given:
            given.setdefault("warmup_rate", self.warmup_rate * given["rate"] / self.rate)
        return replace(self, **given)

    def steps_per_epoch(self, images: int) -> int:
        """Optimizer steps that see every one of `images` once."""
        return ceil(images / self.batch)

    def rate_at(self, step: Any, total_steps: int) -> Any:
        """The learning rate of a step (counted from 0); plain numbers or tensors."""
        warmup_steps = min(self.warmup_steps, total_steps)
        warming = self.warmup_rate + (self.rate - self.warmup_rate) * step / max(warmup_steps, 1)
        is_warming = step < warmup_steps
        if isinstance(is_warming, bool):
            return warming if is_warming else self._decayed(step, warmup_steps, total_steps)
        import tensorflow as tf

        return tf.where(is_warming, warming, self._decayed(step, warmup_steps, total_steps))

    def _decayed(self, step: Any, warmup_steps: int, total_steps: int) -> Any:
        if self.schedule == "polynomial":
            return self.rate * (1 - step / total_steps) ** self.decay_power
        import numpy as np

        angle = pi * (step - warmup_steps) / max(total_steps - warmup_steps, 1)
        if isinstance(angle, float):
            return self.rate * (1 + float(np.cos(angle))) / 2
        import tensorflow as tf

        return self.rate * (1 + tf.cos(angle)) / 2


_FIELDS = {field.name: field for field in fields(Recipe)}


def _check_number(name: str, value: Any, *, whole: bool) -> None:
    low, high = _LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise SqnxtError("recipe", f"{name} = {value!r} is no {'whole ' if whole else ''}number", "give one")
    if not low <= value <= high:
        raise SqnxtError("recipe", f"{name} = {value} is out of range", f"give a number from {low} to {high}")
