"""Training recipes: every number of a run in one object."""

from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Any

from ..errors import SqnxtError


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """SGD with momentum, a linear warm-up, then polynomial decay towards zero at the last step.

    `batch` is the global batch, over all workers. Rates are learning rates. `weight_decay` is the L2 penalty on the
    kernels of convolutions and fully connected layers, added to their gradients. `max_shift` is the augmentation, in
    pixels: none in the paper.
    """

    epochs: int
    batch: int
    rate: float
    warmup_rate: float
    warmup_steps: int
    momentum: float = 0.9
    weight_decay: float = 1e-4
    decay_power: float = 2.0
    max_shift: int = 0

    def __post_init__(self) -> None:
        limits = {
            "epochs": (1, 1_000_000),
            "batch": (1, 1_000_000),
            "rate": (1e-9, 1000),
            "warmup_rate": (0, 1000),
            "warmup_steps": (0, 10**9),
            "momentum": (0, 0.9999),
            "weight_decay": (0, 1),
            "decay_power": (0, 100),
            "max_shift": (0, 1024),
        }
        for field in fields(self):
            low, high = limits[field.name]
            value = getattr(self, field.name)
            if not low <= value <= high:
                raise SqnxtError(f"recipe: {field.name} = {value} is out of range; give a number from {low} to {high}")

    def overridden(self, **numbers: float | None) -> "Recipe":
        """The recipe with other numbers where they are not None; another rate takes the warm-up's along."""
        given: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
        if "rate" in given and "warmup_rate" not in given and self.rate:
            given["warmup_rate"] = self.warmup_rate * given["rate"] / self.rate
        return replace(self, **given)

    def steps_per_epoch(self, images: int) -> int:
        """Optimizer steps that see every one of `images` once."""
        return ceil(images / self.batch)

    def rate_at(self, step: Any, total_steps: int) -> Any:
        """The learning rate of a step (counted from 0); plain numbers or tensors."""
        warmup_steps = min(self.warmup_steps, total_steps)
        warming = self.warmup_rate + (self.rate - self.warmup_rate) * step / max(warmup_steps, 1)
        decaying = self.rate * (1 - step / total_steps) ** self.decay_power
        is_warming = step < warmup_steps
        if isinstance(is_warming, bool):
            return warming if is_warming else decaying
        import tensorflow as tf

        return tf.where(is_warming, warming, decaying)


# The paper's regimen (section 4 and the published solver): 120 epochs over ImageNet's 1,281,167 images in batches of
# 1024 are its 150,136 iterations.
PAPER = Recipe(epochs=120, batch=1024, rate=0.4, warmup_rate=0.1, warmup_steps=780)

# The same shape for 1,259 small images, with the augmentation that so few of them need.
DIGITS = Recipe(epochs=20, batch=32, rate=0.1, warmup_rate=0.02, warmup_steps=40, max_shift=6)

# After pruning: long enough for the remaining weights to make up for those that went.
FINETUNE = Recipe(epochs=10, batch=32, rate=0.05, warmup_rate=0.05, warmup_steps=0, max_shift=6)

# Of shared weights: without batch norm half of that rate is safe.
CENTROIDS = Recipe(epochs=5, batch=32, rate=0.02, warmup_rate=0.02, warmup_steps=0, weight_decay=0, max_shift=6)

RECIPES = {"paper": PAPER, "digits": DIGITS, "finetune": FINETUNE, "centroids": CENTROIDS}
