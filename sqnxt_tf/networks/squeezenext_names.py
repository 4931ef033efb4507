"""Systematic names of SqueezeNexts that no table lists: `sqnxt_2-4-14-1_w1_k5_conv-first`.

The parts are the blocks of the four stages, the width (`w3d2` is 1.5, as in the listed names) and the kernel of the
stem. Where they differ from the baseline, these follow: how a stage begins (`conv-first`), the groups (`g2`) and deep
aggregation (`ida`).
"""

from __future__ import annotations

import re

from sqnxt_tf.networks.fraction_names import check_has_name, check_limits, fraction_text, parse_fraction
from sqnxt_tf.networks.squeezenext import SPECS, SqnxtSpec

_SYSTEMATIC = re.compile(
    r"sqnxt_(?P<depth>\d{1,3}-\d{1,3}-\d{1,3}-\d{1,3})_w(?P<width>\d{1,3}(d\d{1,3})?)"
    r"_k(?P<stem_kernel>\d{1,2})(?P<conv_first>_conv-first)?(_g(?P<groups>\d{1,3}))?(?P<aggregate>_ida)?",
    re.IGNORECASE,
)
LIMITS = {"blocks": (1, 64), "width": (0.125, 8), "stem_kernel": (1, 31), "groups": (1, 64)}
"""Range of each number: far beyond what anybody trains, and small enough to describe in a moment."""
_MOST_PARTS = 100  # largest denominator of a width; w5d4 is 1.25


def spec_name(spec: SqnxtSpec) -> str:
    """Return the listed name of a spec, or else its systematic one."""
    return next((name for name, listed in SPECS.items() if listed == spec), None) or systematic_name(spec)


def systematic_name(spec: SqnxtSpec) -> str:
    """Return the name that `parse_name` reads."""
    parts = [
        "sqnxt",
        "-".join(map(str, spec.depth)),
        f"w{fraction_text(spec.width, _MOST_PARTS)}",
        f"k{spec.stem_kernel}",
        *(["conv-first"] if spec.transition == "conv_first" else []),
        *([f"g{spec.groups}"] if spec.groups > 1 else []),
        *(["ida"] if spec.aggregate else []),
    ]
    return "_".join(parts)


def parse_name(name: str) -> SqnxtSpec | None:
    """Return the spec of a systematic name, or None for any other name.

    Raises:
        SqnxtError: The name is systematic, and a number in it is out of range.
    """
    found = _SYSTEMATIC.fullmatch(name)
    if found is None:
        return None
    first, second, third, fourth = map(int, found["depth"].split("-"))
    spec = SqnxtSpec(
        depth=(first, second, third, fourth),
        width=parse_fraction(found["width"]),
        stem_kernel=int(found["stem_kernel"]),
        transition="conv_first" if found["conv_first"] else "parallel",
        groups=int(found["groups"] or 1),
        aggregate=bool(found["aggregate"]),
    )
    check_spec(spec, name)
    return spec


def check_spec(spec: SqnxtSpec, name: str) -> None:
    """Refuse a spec with a number out of range.

    Raises:
        SqnxtError: There is one; the message is about `name`.
    """
    given: list[tuple[str, float]] = [("blocks", blocks) for blocks in spec.depth]
    given += [("width", spec.width), ("stem_kernel", spec.stem_kernel), ("groups", spec.groups)]
    for what, value in given:
        check_limits(name, what, value, LIMITS[what])
    check_has_name(name, "width", spec.width, _MOST_PARTS)
