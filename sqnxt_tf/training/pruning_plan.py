"""Settings of pruning as a user gives them, and the plan that they give for the layers of one model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, Literal

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.kernels import has_kernel, named_layers, prunable_layers, pruned_kernel

PruningSchedule = Literal["constant", "polynomial"]
_SPARSITY = 0.4  # the paper's
RAMP = (0.0, 0.5)
"""Fractions of the steps between which the sparsity rises where no ramp is given."""
_NAMES_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """How to prune a model. Patterns of names are shell-style (`*_squeeze1`) and match names of layers.

    Attributes:
        sparsity: Fraction of zeros in each kernel, between 0 and 1; by default 0.4.
        schedule: `constant` prunes to the target from the start; with `polynomial` the sparsity rises to it.
        ramp: Fractions of the run's steps, 0 <= begin < end <= 1, between which the sparsity of the polynomial schedule
            rises; by default 0 to 0.5.
        excluded: Patterns of the layers that stay dense; they win over `layer_sparsity`.
        layer_sparsity: Sparsity by pattern, for layers that differ; if several patterns match, the last one counts.
        pattern: `N:M` leaves at most N of M consecutive input channels nonzero, and prunes once, at the start.
    """

    sparsity: float | None = None
    schedule: PruningSchedule = "constant"
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
            raise SqnxtError(
                f"pattern {self.pattern}", "sets its own sparsity", "leave out `sparsity` and `layer_sparsity`"
            )
        if self.schedule != "constant":
            raise SqnxtError(
                f"pattern {self.pattern}",
                f"prunes once, without schedule {self.schedule!r}",
                "leave out `schedule`",
            )

    def _check_ramp(self) -> None:
        if self.ramp is None:
            return
        begin, end = self.ramp
        if self.schedule != "polynomial":
            raise SqnxtError(
                f"ramp {begin:g}:{end:g}", "is for the polynomial schedule only", "pass `schedule=polynomial`"
            )
        if not 0 <= begin < end <= 1:
            raise SqnxtError(f"ramp {begin:g}:{end:g}", "is out of range", "give BEGIN:END with 0 <= BEGIN < END <= 1")

    @property
    def n_of_m(self) -> tuple[int, int] | None:
        """N and M of the pattern, or None without one."""
        if self.pattern is None:
            return None
        match = re.fullmatch(r"(\d{1,3}):(\d{1,3})", self.pattern)
        n, m = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 0 < n < m:
            raise SqnxtError(f"pattern {self.pattern!r}", "is not N:M with 0 < N < M", "give one such as 2:4")
        return n, m

    @property
    def target(self) -> float:
        """Fraction of zeros in a layer that no pattern of `layer_sparsity` matches."""
        if self.n_of_m:
            n, m = self.n_of_m
            return 1 - n / m
        return _SPARSITY if self.sparsity is None else self.sparsity

    def to_json(self) -> dict[str, Any]:
        """Return the settings that identify a run, and that the model's file keeps."""
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
class PruningPlan:
    """The layers of a model: the sparsity of each pruned one, and for each dense one with a kernel the reason.

    `frozen` names the pruned layers whose weights are not trainable: what is left of them is not fine-tuned.
    """

    pruning: Pruning
    sparsities: dict[str, float]
    dense: dict[str, str]
    frozen: tuple[str, ...] = ()


def make_plan(model: Any, pruning: Pruning) -> PruningPlan:
    """Apply the settings to a model.

    Raises:
        SqnxtError: A pattern matches no layer that can be pruned, or no layer is left to prune.
    """
    layers = prunable_layers(model)
    for setting, patterns in (("excluded", pruning.excluded), ("layer_sparsity", pruning.layer_sparsity)):
        for pattern in patterns:
            _check_matches(setting, pattern, layers)
    sparsities, dense = {}, {}
    for name, layer in named_layers(model):
        if name in layers and (reason := _reason_against(name, layer, pruning)):
            dense[name] = reason
        elif name in layers:
            sparsities[name] = _sparsity_of(name, pruning)
        elif has_kernel(layer):
            dense[name] = f"{type(layer).__name__} is not pruned"
    if not sparsities:
        raise SqnxtError(model.name, "no layer is left to prune", "exclude fewer layers, or choose another pattern")
    frozen = tuple(name for name in sparsities if not layers[name].trainable)
    return PruningPlan(pruning=pruning, sparsities=sparsities, dense=dense, frozen=frozen)


def zeros_due(weights: int, sparsity: float) -> int:
    """Return the number of zeros that a kernel with that many weights has once it is pruned; one weight stays."""
    return weights - max(round(weights * (1 - sparsity)), 1)


def check_sparsity(sparsity: float) -> None:
    """Refuse a sparsity that is not between 0 and 1.

    Raises:
        SqnxtError: It is not.
    """
    if not 0 < sparsity < 1:
        raise SqnxtError(f"sparsity {sparsity}", "is out of range", "give a fraction between 0 and 1, such as 0.4")


def _check_matches(setting: str, pattern: str, names: Iterable[str]) -> None:
    names = list(names)
    if any(fnmatchcase(name, pattern) for name in names):
        return
    close = get_close_matches(pattern, names, n=_NAMES_SHOWN, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}" if close else f"there are {', '.join(names[:_NAMES_SHOWN])}"
    more = ", ..." if not close and len(names) > _NAMES_SHOWN else ""
    raise SqnxtError(f"{setting} {pattern!r}", "matches no layer that can be pruned", f"{hint}{more}")


def _sparsity_of(name: str, pruning: Pruning) -> float:
    matching = [fraction for pattern, fraction in pruning.layer_sparsity.items() if fnmatchcase(name, pattern)]
    return matching[-1] if matching else pruning.target


def _reason_against(name: str, layer: Any, pruning: Pruning) -> str | None:
    """Return why a layer that could be pruned stays dense, or None."""
    for pattern in pruning.excluded:
        if fnmatchcase(name, pattern):
            return f"left out by {pattern!r}"
    return None if pruning.n_of_m is None else _reason_against_pattern(layer, pruning.n_of_m[1])


def _reason_against_pattern(layer: Any, m: int) -> str | None:
    """Return why a layer has no N:M pattern along its input channels, or None."""
    kind, shape = type(layer).__name__, pruned_kernel(layer).shape
    if kind.endswith("Transpose"):
        return "a transposed convolution has no N:M pattern along its input channels"
    if len(shape) not in (2, 4):
        return f"{kind} has no N:M pattern"
    channels = shape[-2]
    if channels % m:
        return f"{channels} input channels are not a multiple of {m}"
    if kind == "Dense" and any(_reads_pixels(node) for node in layer.inbound_nodes):
        return "its inputs are a flattened image, which ONNX orders differently"
    return None


def _reads_pixels(node: Any) -> bool:
    """Tell whether a node reads a vector that is a flattened image of several pixels, not yet mixed."""
    return any(_is_flattened(parent) for parent in node.parent_nodes if len(_shape_of(parent)) == 2)


def _is_flattened(node: Any) -> bool:
    """Tell whether the vector that a node returns has the pixels of an image side by side."""
    kind = type(node.layer).__name__
    if kind == "Dense" or kind.startswith("Global"):
        return False
    pixels = [math.prod(_shape_of(parent)[1:-1]) for parent in node.parent_nodes]  # 1 for a vector
    return any(count > 1 for count in pixels) or _reads_pixels(node)


def _shape_of(node: Any) -> tuple[int, ...]:
    """Return the shape of a node's output, batch included, or () if it has several outputs."""
    shapes = node.output_shapes
    if isinstance(shapes, list) and len(shapes) == 1:  # an input layer
        shapes = shapes[0]
    return shapes if isinstance(shapes, tuple) else ()
