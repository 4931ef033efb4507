"""What is pruned and how far: settings as a user gives them, and what they mean for the layers of one model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.kernels import named_layers, prunable_layers, pruned_kernel

Schedule = Literal["constant", "polynomial"]
_SPARSITY = 0.4  # the paper's
RAMP = (0.0, 0.5)
_NAMES_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """How to prune a model. Patterns are shell-style (`*_squeeze1`), matched against names of layers.

    Args:
        sparsity: Fraction of zeros in each kernel; 0.4 where it is not given.
        schedule: `constant` prunes at the start, `polynomial` rises to the target.
        ramp: Fractions of the steps between which the polynomial rises; the first half where it is not given.
        excluded: Patterns of layers that stay dense; they win over `layer_sparsity`.
        layer_sparsity: Pattern -> fraction for layers that differ; of several that match, the last counts.
        pattern: `N:M`, at most N of M consecutive input channels not zero, pruned once at the start.
    """

    sparsity: float | None = None
    schedule: Schedule = "constant"
    ramp: tuple[float, float] | None = None
    excluded: tuple[str, ...] = ()
    layer_sparsity: Mapping[str, float] = field(default_factory=dict)
    pattern: str | None = None

    def __post_init__(self) -> None:
        for fraction in (self.target, *self.layer_sparsity.values()):
            check_sparsity(fraction)
        self._check_ramp()
        if self.n_of_m is None:
            return
        if self.sparsity is not None or self.layer_sparsity:
            raise SqnxtError(f"pattern {self.pattern}", "sets its own sparsity", "leave out the other one")
        if self.schedule != "constant":
            raise SqnxtError(
                f"pattern {self.pattern}", "is pruned at once", f"leave out the schedule {self.schedule!r}"
            )

    def _check_ramp(self) -> None:
        if self.ramp is None:
            return
        begin, end = self.ramp
        if self.schedule != "polynomial":
            raise SqnxtError(f"ramp {begin:g}:{end:g}", "belongs to the polynomial schedule", "choose that one")
        if not 0 <= begin < end <= 1:
            raise SqnxtError(f"ramp {begin:g}:{end:g}", "is out of range", "give BEGIN:END with 0 <= BEGIN < END <= 1")

    @property
    def n_of_m(self) -> tuple[int, int] | None:
        """N and M of the pattern."""
        if self.pattern is None:
            return None
        match = re.fullmatch(r"(\d{1,3}):(\d{1,3})", self.pattern)
        n, m = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 0 < n < m:
            raise SqnxtError(f"pattern {self.pattern!r}", "is no N:M with N below M", "give one as in 2:4")
        return n, m

    @property
    def target(self) -> float:
        """The fraction of zeros in a layer that no pattern of `layer_sparsity` matches."""
        if self.n_of_m:
            n, m = self.n_of_m
            return 1 - n / m
        return _SPARSITY if self.sparsity is None else self.sparsity

    def to_json(self) -> dict[str, Any]:
        """What tells one run from another, and what is remembered in the model's file."""
        given = {
            "ramp": list(self.ramp or RAMP) if self.schedule == "polynomial" else None,
            "excluded": list(self.excluded),
            "layer_sparsity": dict(self.layer_sparsity),
            "pattern": self.pattern,
        }
        return {"sparsity": self.target, "schedule": self.schedule} | {
            key: value for key, value in given.items() if value
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A model's layers: the sparsity of each that is pruned, and why each other one with a kernel stays dense."""

    pruning: Pruning
    sparsities: dict[str, float]
    dense: dict[str, str]


def make_plan(model: Any, pruning: Pruning) -> Plan:
    """Apply the settings to a model.

    Raises:
        SqnxtError: A pattern that matches no layer that can be pruned, or no layer is left to prune.
    """
    layers = prunable_layers(model)
    for option, patterns in (("except", pruning.excluded), ("layer-sparsity", pruning.layer_sparsity)):
        for pattern in patterns:
            _check_matches(option, pattern, layers)
    sparsities, dense = {}, {}
    for name, layer in named_layers(model):
        if name in layers and (reason := _reason_against(name, layer, pruning)):
            dense[name] = reason
        elif name in layers:
            sparsities[name] = _sparsity_of(name, pruning)
        elif any("kernel" in weight.name for weight in layer.weights):
            dense[name] = f"{type(layer).__name__} is not pruned"
    if not sparsities:
        raise SqnxtError(model.name, "no layer is left to prune", "leave out fewer, or choose another pattern")
    return Plan(pruning=pruning, sparsities=sparsities, dense=dense)


def check_sparsity(sparsity: float) -> None:
    """Refuse a fraction that no kernel can be pruned to."""
    if not 0 < sparsity < 1:
        raise SqnxtError(f"sparsity {sparsity}", "is out of range", "give a fraction between 0 and 1, as in 0.4")


def _check_matches(option: str, pattern: str, names: Iterable[str]) -> None:
    names = list(names)
    if any(fnmatchcase(name, pattern) for name in names):
        return
    close = get_close_matches(pattern, names, n=_NAMES_SHOWN, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}" if close else f"there are {', '.join(names[:_NAMES_SHOWN])}"
    more = ", ..." if not close and len(names) > _NAMES_SHOWN else ""
    raise SqnxtError(f"--{option} {pattern!r}", "matches no layer that can be pruned", f"{hint}{more}")


def _sparsity_of(name: str, pruning: Pruning) -> float:
    matching = [fraction for pattern, fraction in pruning.layer_sparsity.items() if fnmatchcase(name, pattern)]
    return matching[-1] if matching else pruning.target


def _reason_against(name: str, layer: Any, pruning: Pruning) -> str | None:
    """Why a layer that could be pruned is not."""
    for pattern in pruning.excluded:
        if fnmatchcase(name, pattern):
            return f"left out by {pattern!r}"
    if pruning.n_of_m is None:
        return None
    if type(layer).__name__ == "Conv2DTranspose":
        return "a transposed convolution keeps no N:M along its input channels"
    channels, m = pruned_kernel(layer).shape[-2], pruning.n_of_m[1]
    if channels % m:
        return f"{channels} input channels are no multiple of {m}"
    if any(_reads_pixels(node) for node in layer.inbound_nodes) and type(layer).__name__ == "Dense":
        return "its inputs are a flattened image, which ONNX orders in another way"
    return None


def _reads_pixels(node: Any) -> bool:
    """Whether a vector that a node reads is an image of several pixels, flattened and not yet mixed."""
    return any(_is_flattened(parent) for parent in node.parent_nodes if len(_shape_of(parent)) == 2)


def _is_flattened(node: Any) -> bool:
    """Whether the vector that a node gives has an image's pixels side by side."""
    kind = type(node.layer).__name__
    if kind == "Dense" or kind.startswith("Global"):
        return False
    pixels = [math.prod(_shape_of(parent)[1:-1]) for parent in node.parent_nodes]  # 1 of a vector
    return any(count > 1 for count in pixels) or _reads_pixels(node)


def _shape_of(node: Any) -> tuple[int, ...]:
    """Shape of what a node gives, with the batch; none where it gives several tensors."""
    shapes = node.output_shapes
    if isinstance(shapes, list) and len(shapes) == 1:  # of an input layer
        shapes = shapes[0]
    return shapes if isinstance(shapes, tuple) else ()
