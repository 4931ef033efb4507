"""Training recipes: every number of a training run in one object."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from math import ceil, pi, sqrt
from typing import Any, Literal, get_args

from sqnxt_tf.errors import SqnxtError

RateSchedule = Literal["polynomial", "cosine"]
ComputePrecision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
AugmentationName = Literal["none", "standard", "photos", "randaugment"]
OptimizerName = Literal["sgd", "adamw"]
KeptEpoch = Literal["last", "best"]
_CHOICES = {
    "optimizer": get_args(OptimizerName), "schedule": get_args(RateSchedule), "precision": get_args(ComputePrecision),
    "augmentation": get_args(AugmentationName), "keep": get_args(KeptEpoch),
}  # fmt: skip
_WHOLE = {"epochs", "batch", "warmup_steps", "max_shift", "patience"}  # settings that are whole numbers
_LIMITS = {
    "epochs": (1, 1_000_000),
    "batch": (1, 1_000_000),
    "rate": (1e-9, 1000),
    "warmup_rate": (0, 1000),
    "warmup_steps": (0, 10**9),
    "warmup_epochs": (0, 1_000_000),
    "momentum": (0, 0.9999),
    "weight_decay": (0, 1),
    "decay_power": (0, 100),
    "max_shift": (0, 1024),
    "smallest_crop": (0, 1),
    "mixup": (0, 10),
    "label_smoothing": (0, 0.999),
    "branch_scale": (0.001, 1),
    "ema": (0, 0.999999),
    "distillation": (0, 1),
    "temperature": (0.1, 100),
    "patience": (0, 1_000_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Every setting of a training run: an optimizer, a linear warm-up, then a decay to zero at the last step.

    The first five settings have no default. A value out of range is refused when the recipe is made.

    Attributes:
        epochs: Passes over all training images, 1 to 1,000,000.
        batch: Images of one step over all workers together, 1 to 1,000,000.
        rate: Learning rate after the warm-up, 1e-9 to 1000.
        warmup_rate: Learning rate of the first step, 0 to 1000.
        warmup_steps: Steps in which the learning rate rises linearly from `warmup_rate` to `rate`, 0 to 10^9.
        warmup_epochs: Length of the warm-up in epochs, in place of `warmup_steps`, 0 to 1,000,000; default 0, and
            `warmup_steps` counts.
        optimizer: The method that turns gradients into updates. `sgd` (the default) is SGD with momentum; `adamw` is
            Adam with decoupled weight decay.
        momentum: Fraction of the previous update that each update keeps, 0 to 0.9999; default 0.9. With `adamw` it is
            the decay of the mean of the gradients.
        weight_decay: With `sgd`, the factor of the L2 penalty on the kernels of convolutions and fully connected
            layers, which is added to their gradients, 0 to 1; default 1e-4. With `adamw`, the fraction of these
            kernels, times the learning rate, that each step takes off. Biases and batch norm do not decay.
        schedule: How the learning rate falls. With `polynomial` (the default), it is `rate` times the remaining
            fraction of the run to the power of `decay_power`. With `cosine`, it follows half a cosine after the
            warm-up.
        decay_power: Exponent of the polynomial schedule, 0 to 100; default 2.
        max_shift: Largest random shift of a training image in each direction, in pixels, 0 to 1024; default 0, as in
            the paper.
        augmentation: Augmentation of images on disk. `none` (the default) shows the centre, as in the paper; `standard`
            takes a random crop, mirrors one image in two, and changes the colours. `photos` does the same more gently,
            for sets of some thousand images, and takes the crops from copies in memory, where these fit. `randaugment`
            is like `photos` with two random operations of RandAugment in place of the colours.
        smallest_crop: Smallest fraction of the image's area that a random crop shows, 0.01 to 1; default 0, the
            augmentation's own fraction.
        flip: Whether an augmentation that mirrors images may do so; default true. Set it to false where left and right
            differ, as in text.
        mixup: Parameter of the beta distribution by which two images of a batch and their labels are mixed, 0 to 10;
            default 0, no mixing.
        branch_scale: Scale of the last batch norm of each residual branch when a listed network begins from random
            weights, 0.001 to 1; default 1. Small branches keep the gradients of deep networks from growing from layer
            to layer; see `branch_scales`.
        label_smoothing: Fraction of each label that is spread evenly over all classes, 0 to 0.999; default 0.
        ema: Fraction of the exponential moving average of the weights that each step keeps (less in the first steps),
            0 to 0.999999; default 0, no average. With an average, its weights are validated and saved.
        precision: Arithmetic of the training. `float32` is the default; `mixed_float16` and `mixed_bfloat16` compute
            with 16 bits on weights of 32, and are for GPUs.
        synchronized_batch_norm: Whether the statistics of batch norm are those of the global batch; default false, each
            replica's own part of the batch.
        distillation: Weight of the teacher's answers in the loss, 0 to 1, if there is a teacher; default 0.5.
        temperature: Divisor of the logits of teacher and model when they are compared, 0.1 to 100; default 4.
        patience: Epochs without a better accuracy on the validation part after which the run ends, 0 to 1,000,000;
            default 0, the run never ends early.
        keep: The epoch whose weights are saved: the `last` (the default), or the `best` on the validation part. A model
            that is pruned or clustered keeps its last epoch, and never ends early.
    """

    epochs: int
    batch: int
    rate: float
    warmup_rate: float
    warmup_steps: int
    warmup_epochs: float = 0.0
    optimizer: OptimizerName = "sgd"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: RateSchedule = "polynomial"
    decay_power: float = 2.0
    max_shift: int = 0
    augmentation: AugmentationName = "none"
    smallest_crop: float = 0.0
    flip: bool = True
    mixup: float = 0.0
    branch_scale: float = 1.0
    label_smoothing: float = 0.0
    ema: float = 0.0
    precision: ComputePrecision = "float32"
    synchronized_batch_norm: bool = False
    distillation: float = 0.5
    temperature: float = 4.0
    patience: int = 0
    keep: KeptEpoch = "last"

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name in _CHOICES:
                if value not in _CHOICES[name]:
                    raise SqnxtError(
                        "recipe", f"{name} = {value!r} is not known", f"give one of {', '.join(_CHOICES[name])}"
                    )
            elif name in _LIMITS:
                _check_number(name, value, whole=name in _WHOLE)
            elif not isinstance(value, bool):
                raise SqnxtError("recipe", f"{name} = {value!r} is not a boolean", "give true or false")

    def overridden(self, **values: Any) -> Recipe:
        """Return the recipe with the given values; a value of None changes nothing.

        The learning rate and the warm-up scale with the global batch, unless they are given too: a batch of twice the
        size gets twice the rate and half the warm-up steps. With `adamw`, the rate scales with the square root of the
        batch. `warmup_rate` scales with `rate`, unless it is given. `warmup_steps` replace the recipe's
        `warmup_epochs`.

        Source of the square root: Malladi et al., On the SDEs and Scaling Rules for Adaptive Gradient Algorithms
        (arXiv 2205.10287).

        Raises:
            SqnxtError: A setting is unknown or out of range.
        """
        given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        if unknown := given.keys() - set(_SETTINGS):
            raise SqnxtError(
                "recipe", f"has no {', '.join(sorted(unknown))}", f"its settings are {', '.join(_SETTINGS)}"
            )
        if "warmup_steps" in given:
            given.setdefault("warmup_epochs", 0)
        changed = replace(self, **given)
        if changed.batch != self.batch:
            scale = changed.batch / self.batch
            given.setdefault("rate", self.rate * (scale if changed.optimizer == "sgd" else sqrt(scale)))
            given.setdefault("warmup_steps", round(self.warmup_steps / scale))
        if "rate" in given:
            given.setdefault("warmup_rate", self.warmup_rate * given["rate"] / self.rate)
        return replace(self, **given)

    def steps_per_epoch(self, images: int) -> int:
        """Return the number of optimizer steps that see each of `images` images once."""
        return ceil(images / self.batch)

    def warmup_length(self, total_steps: int) -> int:
        """Return the steps of the warm-up in a run of `total_steps` steps, which may be more than the run has."""
        if self.warmup_epochs:
            return round(self.warmup_epochs * total_steps / self.epochs)
        return self.warmup_steps

    def rate_at(self, step: Any, total_steps: int) -> Any:
        """Return the learning rate of a step, counted from 0; `step` is a number or a tensor, and so is the result.

        Example: 2 warm-up steps from 0 to 0.4 and 4 steps in all at a power of 2 give 0, 0.2, 0.1, 0.025.
        """
        warmup_steps = min(self.warmup_length(total_steps), total_steps)
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


_SETTINGS = tuple(field.name for field in fields(Recipe))


def _check_number(name: str, value: Any, *, whole: bool) -> None:
    low, high = _LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise SqnxtError("recipe", f"{name} = {value!r} is not a {'whole ' if whole else ''}number", "give one")
    if not low <= value <= high:
        raise SqnxtError("recipe", f"{name} = {value} is out of range", f"give a number from {low} to {high}")
