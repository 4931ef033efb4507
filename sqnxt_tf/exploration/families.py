"""The families of networks that a space can hold: their dimensions, and the network of a value of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from sqnxt_tf.exploration.space_values import Numbers, Value, Words
from sqnxt_tf.networks import squeezenet, squeezenet_names, squeezenext, squeezenext_names
from sqnxt_tf.networks.registry import LARGEST_SIDE, SQNXT_INPUT, SQUEEZENET_INPUTS
from sqnxt_tf.networks.squeezenet import SqueezenetSpec
from sqnxt_tf.networks.squeezenext import SqnxtSpec

NetworkSpec = SqnxtSpec | SqueezenetSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """One family of networks.

    Attributes:
        name: How a space's file calls it.
        schema: The values that each dimension may have, and its default; those without one must be given.
        stages: The dimensions that count the blocks of a stage. What the others decide is the same at all depths.
        make: The network of one value of each dimension.
        values: One value of each dimension but the input size, by a network.
        check: Refuses a network that has no name; the message is about the second argument.
        builder: The builder of its networks.
        listed: The listed networks, by name.
        spec_name: The name of a network.
    """

    name: str
    schema: Mapping[str, Numbers | Words]
    stages: tuple[str, ...]
    make: Callable[[Mapping[str, Value]], Any]
    values: Callable[[Any], dict[str, Value]]
    check: Callable[[Any, str], None]
    builder: Callable[..., Any]
    listed: Mapping[str, NetworkSpec]
    spec_name: Callable[[Any], str]

    @cached_property
    def others(self) -> tuple[str, ...]:
        """The dimensions that do not count blocks; the input size is the last."""
        return tuple(name for name in self.schema if name not in self.stages)

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """All dimensions, those that count blocks first."""
        return (*self.stages, *self.others)


def _make_squeezenext(values: Mapping[str, Value]) -> SqnxtSpec:
    begins: Literal["parallel", "conv_first"] = "parallel" if values["transition"] == "parallel" else "conv_first"
    return SqnxtSpec(
        depth=(int(values["stage1"]), int(values["stage2"]), int(values["stage3"]), int(values["stage4"])),
        width=float(values["width"]),
        stem_kernel=int(values["stem_kernel"]),
        transition=begins,
        groups=int(values["groups"]),
        aggregate=bool(values["aggregate"]),
    )


def _squeezenext_values(spec: SqnxtSpec) -> dict[str, Value]:
    return {
        **dict(zip(_STAGES, spec.depth, strict=True)),
        "stem_kernel": spec.stem_kernel,
        "width": spec.width,
        "transition": spec.transition.replace("_", "-"),
        "groups": spec.groups,
        "aggregate": spec.aggregate,
    }


def _make_squeezenet(values: Mapping[str, Value]) -> SqueezenetSpec:
    return squeezenet_names.squeezenet_spec(
        str(values["version"]),
        **{name: float(values[name]) for name in squeezenet_names.LIMITS},
        bypass=str(values["bypass"]),
    )


def _squeezenet_values(spec: SqueezenetSpec) -> dict[str, Value]:
    numbers = {name: getattr(spec, name) for name in squeezenet_names.LIMITS}
    return {"version": squeezenet_names.version_of(spec) or "", **numbers, "bypass": spec.bypass}


_STAGES = ("stage1", "stage2", "stage3", "stage4")
SQUEEZENEXT = Family(
    name="squeezenext",
    schema={
        **{stage: Numbers(*squeezenext_names.LIMITS["blocks"], whole=True) for stage in _STAGES},
        "stem_kernel": Numbers(*squeezenext_names.LIMITS["stem_kernel"], whole=True, default=(7,)),
        "width": Numbers(*squeezenext_names.LIMITS["width"], whole=False, default=(1.0,)),
        "transition": Words("parallel|conv-first", "parallel or conv-first", ("parallel",)),
        "groups": Numbers(*squeezenext_names.LIMITS["groups"], whole=True, default=(1,)),
        "aggregate": Words(None, "true or false", (False,)),
        "input_size": Numbers(1, LARGEST_SIDE, whole=True, default=(SQNXT_INPUT,)),
    },
    stages=_STAGES,
    make=_make_squeezenext,
    values=_squeezenext_values,
    check=squeezenext_names.check_spec,
    builder=squeezenext.sqnxt,
    listed=squeezenext.SPECS,
    spec_name=squeezenext_names.spec_name,
)
SQUEEZENET = Family(
    name="squeezenet",
    schema={
        "version": Words("1\\.[01]", "'1.0' or '1.1'", ("1.1",)),
        "squeeze_ratio": Numbers(*squeezenet_names.LIMITS["squeeze_ratio"], whole=False, default=(0.125,)),
        "fraction_3x3": Numbers(*squeezenet_names.LIMITS["fraction_3x3"], whole=False, default=(0.5,)),
        "base_expand": Numbers(*squeezenet_names.LIMITS["base_expand"], whole=True, default=(128,)),
        "expand_increment": Numbers(*squeezenet_names.LIMITS["expand_increment"], whole=True, default=(128,)),
        "fires_per_step": Numbers(*squeezenet_names.LIMITS["fires_per_step"], whole=True, default=(2,)),
        "bypass": Words("none|simple|complex", "none, simple or complex", ("none",)),
        "input_size": Numbers(1, LARGEST_SIDE, whole=True, default=(SQUEEZENET_INPUTS["1.1"],)),
    },
    stages=(),
    make=_make_squeezenet,
    values=_squeezenet_values,
    check=squeezenet_names.check_spec,
    builder=squeezenet.squeezenet,
    listed=squeezenet.SPECS,
    spec_name=squeezenet_names.spec_name,
)
FAMILIES = {family.name: family for family in (SQUEEZENEXT, SQUEEZENET)}


def family_of(spec: NetworkSpec) -> Family:
    """Return the family of a network."""
    return SQUEEZENEXT if isinstance(spec, SqnxtSpec) else SQUEEZENET
