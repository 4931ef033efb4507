"""Whether a model fits into a microcontroller's memory, and which networks of this project would.

The estimates of int8 files were fitted to ten files of six networks, with 10 or 1000 classes: their bytes were met
within 4.3 %, and the persistent part of the arena within 10 %. What feature maps take is the most that lives at once,
which TensorFlow Lite Micro's planner reached to the byte for four networks at 224 and 227 pixels. It needed 1.6 times
as much for Tiny Darknet, whose LEAKY_RELU does not work in place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any

from sqnxt_export import Metadata
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.microcontroller.micro_model import MicroModel
from sqnxt_tf.networks.counts import count_params, peak_activation_bytes
from sqnxt_tf.networks.registry import find_network, input_shape, layer_rows, networks
from sqnxt_tf.networks.squeezenext import SPECS
from sqnxt_tf.networks.squeezenext_names import parse_name, spec_name

_FILE_LAYER, _FILE_CHANNEL = 317, 26.4
"""Bytes of an int8 file for each layer, and for each output channel of a layer with weights: scales and biases."""
_ARENA_LAYER, _ARENA_CHANNEL = 228, 8.2
"""Bytes of the arena that persist, likewise."""
_SIDES = (1.0, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125)
_WIDTHS = (0.75, 0.5, 0.375, 0.25)
_STEP = 8  # pixels: sides of round numbers
_MOST = 3  # alternatives
_LAST_RESORT = "sqnxt23v5_w1"
"""The network whose narrower versions are named where no listed one fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroEstimate:
    """An int8 file of a network, and what it would need: an estimate, made without building it."""

    network: str
    input_size: tuple[int, int]
    flash_bytes: int
    arena_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return {
            "network": self.network,
            "precision": "int8",
            "input_size": list(self.input_size),
            "flash_bytes": self.flash_bytes,
            "arena_bytes": self.arena_bytes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroFit:
    """Which limits a model exceeds, one sentence each, and what would keep them."""

    exceeded: tuple[str, ...] = ()
    alternatives: tuple[MicroEstimate, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the model keeps all limits."""
        return not self.exceeded


def check_fit(model: MicroModel, flash: int | None, ram: int | None) -> MicroFit:
    """Compare a model with the flash and the RAM that it may take, in bytes; None is no limit."""
    exceeded = []
    if flash is not None and model.flash_bytes > flash:
        exceeded.append(f"takes {model.flash_bytes:,} bytes of flash, more than {flash:,}")
    if ram is not None and model.memory.arena_bytes > ram:
        exceeded.append(f"needs an arena of {model.memory.arena_bytes:,} bytes, more than {ram:,} of RAM")
    if not exceeded:
        return MicroFit()
    size = model.preprocessing.height, model.preprocessing.width
    return MicroFit(
        exceeded=tuple(exceeded), alternatives=what_would_fit(model.metadata, size, len(model.labels), flash, ram)
    )


@cache
def estimate(network: str, *, classes: int, input_size: tuple[int, int]) -> MicroEstimate:
    """Estimate what an int8 file of a network would need.

    Raises:
        SqnxtError: There is no such network, or the input is too small for it.
    """
    rows = layer_rows(network, classes=classes, input_size=input_size)
    channels = sum(row.out_shape[2] for row in rows if row.params)
    return MicroEstimate(
        network=network,
        input_size=input_shape(find_network(network), input_size),
        flash_bytes=round(count_params(rows) + _FILE_LAYER * len(rows) + _FILE_CHANNEL * channels),
        arena_bytes=round(
            peak_activation_bytes(rows, bytes_per_element=1) + _ARENA_LAYER * len(rows) + _ARENA_CHANNEL * channels
        ),
    )


def what_would_fit(
    metadata: Metadata, size: tuple[int, int], classes: int, flash: int | None, ram: int | None
) -> tuple[MicroEstimate, ...]:
    """Return up to three int8 files that keep the limits, the one nearest to the model first.

    The model's own network comes first, then narrower ones of its kind, then the listed networks from the largest on,
    and last the narrower versions of one of them; each at the largest side that fits.
    """
    found = (_largest(name, size, classes, flash, ram) for name in _nearest_first(metadata.network, classes))
    return tuple(islice((candidate for candidate in found if candidate is not None), _MOST))


def _nearest_first(network: str, classes: int) -> Iterator[str]:
    names = []
    with suppress(SqnxtError):  # another maker's network, or none
        names.append(find_network(network).name)
    names += [narrower for name in names for narrower in _narrower(name)]
    yield from names
    own_sizes = {name: (network.input_size,) * 2 for name, network in networks().items() if name not in names}
    flash = {name: estimate(name, classes=classes, input_size=size).flash_bytes for name, size in own_sizes.items()}
    yield from sorted(flash, key=lambda name: -flash[name])
    yield from (name for name in _narrower(_LAST_RESORT) if name not in names)


def _narrower(name: str) -> list[str]:
    """Return the names of narrower SqueezeNexts of the same kind; none for another network."""
    spec = SPECS.get(name) or parse_name(name)
    if spec is None:
        return []
    return [spec_name(replace(spec, width=spec.width * part)) for part in _WIDTHS]


def _largest(
    network: str, size: tuple[int, int], classes: int, flash: int | None, ram: int | None
) -> MicroEstimate | None:
    """Return the estimate for the largest side at which a network keeps the limits; None if it does at none."""
    for part in _SIDES:
        sides = size if part == 1 else tuple(max(_STEP, round(side * part / _STEP) * _STEP) for side in size)
        try:
            found = estimate(network, classes=classes, input_size=(sides[0], sides[1]))
        except SqnxtError:  # too small for the network, and every later side is too
            return None
        if (flash is None or found.flash_bytes <= flash) and (ram is None or found.arena_bytes <= ram):
            return found
    return None
