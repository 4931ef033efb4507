"""The networks of a supernet: the values of each dimension, and the vector of numbers that chooses one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.families import SQUEEZENEXT, NetworkSpec
from sqnxt_tf.exploration.space import Space
from sqnxt_tf.networks.registry import layer_rows
from sqnxt_tf.networks.squeezenext import SqnxtSpec
from sqnxt_tf.networks.squeezenext_names import spec_name

Choice = tuple[int, ...]
WIDTH, STEM, SIZE, CHOICES = 4, 5, 6, 7
"""Places in a choice, whose first four numbers are the blocks of the stages, and how many numbers it has."""

_ONE_OF_EACH = {
    "transition": "give one, as in transition=conv-first: the first squeezes of the two read different maps",
    "groups": "give groups=1: a slice of grouped channels would cut through groups",
    "aggregate": "give aggregate=false: what deep aggregation joins depends on the depths",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetChoices:
    """The values of each dimension of a supernet, in ascending order.

    A *choice* is a vector of seven whole numbers: the blocks of the four stages, the place of the width in `widths`,
    the side of the stem's kernel, and the side of the input in pixels.

    Attributes:
        depths: Blocks of each of the four stages.
        widths: Multipliers of the channels.
        stem_kernels: Sides of the stem's kernel in pixels; all are odd.
        input_sizes: Sides of the input in pixels.
        transition: How every network begins a stage.
    """

    depths: tuple[tuple[int, ...], ...]
    widths: tuple[float, ...]
    stem_kernels: tuple[int, ...]
    input_sizes: tuple[int, ...]
    transition: Literal["parallel", "conv_first"]

    @classmethod
    def of(cls, space: Space) -> Self:
        """Return the choices of a space of SqueezeNexts.

        Raises:
            SqnxtError: Its networks cannot be slices of one network.
        """
        where = f"space {space.name}"
        if space.family != SQUEEZENEXT.name:
            raise SqnxtError(where, f"holds networks of the family {space.family}", "give a space of SqueezeNexts")
        for name, remedy in _ONE_OF_EACH.items():
            values = space.dimensions[name]
            if len(values) > 1 or (name != "transition" and values[0] != (1 if name == "groups" else False)):
                given = ", ".join(map(str, values)).lower()
                raise SqnxtError(where, f"{name} = {given} does not fit one supernet", remedy)
        kernels = _ascending(space.dimensions["stem_kernel"])
        if not all(kernel % 2 for kernel in kernels):
            raise SqnxtError(where, f"stem_kernel = {', '.join(map(str, kernels))}", "give odd ones: each has a centre")
        made = cls(
            depths=tuple(_ascending(space.dimensions[stage]) for stage in SQUEEZENEXT.stages),
            widths=tuple(sorted(map(float, space.dimensions["width"]))),
            stem_kernels=kernels,
            input_sizes=_ascending(space.dimensions["input_size"]),
            transition="parallel" if space.dimensions["transition"][0] == "parallel" else "conv_first",
        )
        tightest = made.spec((*(min(each) for each in made.depths), 0, max(kernels)))
        layer_rows(spec_name(tightest), classes=space.classes, input_size=made.input_sizes[0])  # refuses small inputs
        return made

    @property
    def smallest(self) -> Choice:
        """The choice with the least of everything."""
        return (*map(min, self.depths), 0, self.stem_kernels[0], self.input_sizes[0])

    @property
    def largest(self) -> Choice:
        """The choice with the most of everything, whose weights are those of the supernet."""
        return (*map(max, self.depths), len(self.widths) - 1, self.stem_kernels[-1], self.input_sizes[-1])

    def spec(self, choice: Choice) -> SqnxtSpec:
        """Return the network of a choice."""
        first, second, third, fourth, width, stem_kernel = choice[:SIZE]
        return SqnxtSpec(
            depth=(first, second, third, fourth), width=self.widths[width], stem_kernel=stem_kernel,
            transition=self.transition,
        )  # fmt: skip

    def choice(self, spec: NetworkSpec, input_size: int) -> Choice:
        """Return the choice of a network at an input size.

        Raises:
            SqnxtError: It is not a slice of the supernet; the message says why.
        """
        if not isinstance(spec, SqnxtSpec):
            raise SqnxtError("the network", "is not a SqueezeNext", "give a network of the supernet's space")
        name = spec_name(spec)
        given: list[tuple[str, object, tuple[Any, ...]]] = [
            *((f"stage{place}", *pair) for place, pair in enumerate(zip(spec.depth, self.depths, strict=True), 1)),
            ("width", spec.width, self.widths),
            ("stem_kernel", spec.stem_kernel, self.stem_kernels),
            ("input_size", input_size, self.input_sizes),
            ("transition", spec.transition, (self.transition,)),
            ("groups", spec.groups, (1,)),
            ("aggregate", spec.aggregate, (False,)),
        ]
        for dimension, value, known in given:
            if value not in known:
                offered = ", ".join(map(str, known))
                raise SqnxtError(f"network {name}", f"{dimension} {value} is not in the supernet", f"it has {offered}")
        return (*spec.depth, self.widths.index(spec.width), spec.stem_kernel, input_size)

    def to_json(self) -> dict[str, Any]:
        """Return what a supernet's file says of its choices."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: object, where: str) -> Self:
        """Return the choices that a file says it has.

        Raises:
            SqnxtError: It is not the file of a supernet, or is damaged.
        """
        try:
            return cls._parsed(stored)
        except (KeyError, TypeError, ValueError):
            remedy = "make one with `sqnxt-tf train --supernet SPACE`"
            raise SqnxtError(where, "is not a supernet", remedy) from None

    @classmethod
    def _parsed(cls, stored: Any) -> Self:
        made = cls(
            depths=tuple(tuple(map(int, each)) for each in stored["depths"]),
            widths=tuple(map(float, stored["widths"])),
            stem_kernels=tuple(map(int, stored["stem_kernels"])),
            input_sizes=tuple(map(int, stored["input_sizes"])),
            transition="parallel" if stored["transition"] == "parallel" else "conv_first",
        )
        lists: Mapping[str, tuple[Any, ...]] = {"widths": made.widths, "kernels": made.stem_kernels}
        if len(made.depths) != 4 or not all([*made.depths, *lists.values(), made.input_sizes]):
            raise ValueError
        return made


def _ascending(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(sorted(map(int, values)))
