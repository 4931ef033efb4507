"""Systematic names of SqueezeNets that no table lists: `squeezenet_v1-1_sr1d8_t1d2_e128_i64_f2_simple`.

The parts are the version, whose stem and pools the network has; the squeeze ratio and the fraction of 3x3 filters
(`1d8` is 0.125); the expand filters of the first fire modules, the increment, and the number of modules that a step
has. The bypass (`simple` or `complex`) follows, if there is one.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from sqnxt_tf.networks.fraction_names import check_has_name, check_limits, fraction_text, parse_fraction
from sqnxt_tf.networks.squeezenet import SPECS, V1_0, V1_1, SqueezenetSpec

VERSIONS = {"1.0": V1_0, "1.1": V1_1}
"""Networks that a version takes its stem, its pools and its classifier from."""
LIMITS: dict[str, tuple[float, float]] = {
    "squeeze_ratio": (0.01, 1),
    "fraction_3x3": (0.01, 0.99),
    "base_expand": (2, 4096),
    "expand_increment": (0, 4096),
    "fires_per_step": (1, 8),
}
"""Range of each number."""
_MOST_PARTS = 1000  # largest denominator of a fraction
_SYSTEMATIC = re.compile(
    r"squeezenet_v(?P<version>1-[01])_sr(?P<squeeze_ratio>\d{1,4}(d\d{1,4})?)_t(?P<fraction_3x3>\d{1,4}(d\d{1,4})?)"
    r"_e(?P<base_expand>\d{1,5})_i(?P<expand_increment>\d{1,5})_f(?P<fires_per_step>\d{1,2})"
    r"(_(?P<bypass>simple|complex))?",
    re.IGNORECASE,
)


def version_of(spec: SqueezenetSpec) -> str | None:
    """Return the version whose stem, pools and classifier a network has; None if it has those of none."""
    for version in VERSIONS:
        if squeezenet_spec(version, **_numbers(spec), bypass=spec.bypass) == spec:
            return version
    return None


def squeezenet_spec(
    version: str,
    *,
    squeeze_ratio: float,
    fraction_3x3: float,
    base_expand: float,
    expand_increment: float,
    fires_per_step: float,
    bypass: str,
) -> SqueezenetSpec:
    """Return the network of a version with these metaparameters; whole numbers may be given as floats."""
    kind: Literal["none", "simple", "complex"] = (
        "simple" if bypass == "simple" else "complex" if bypass == "complex" else "none"
    )
    return replace(
        VERSIONS[version],
        squeeze_ratio=float(squeeze_ratio),
        fraction_3x3=float(fraction_3x3),
        base_expand=int(base_expand),
        expand_increment=int(expand_increment),
        fires_per_step=int(fires_per_step),
        bypass=kind,
    )


def spec_name(spec: SqueezenetSpec) -> str:
    """Return the listed name of a spec, or else its systematic one."""
    return next((name for name, listed in SPECS.items() if listed == spec), None) or systematic_name(spec)


def systematic_name(spec: SqueezenetSpec) -> str:
    """Return the name that `parse_name` reads."""
    parts = [
        "squeezenet",
        f"v{(version_of(spec) or '').replace('.', '-')}",
        f"sr{fraction_text(spec.squeeze_ratio, _MOST_PARTS)}",
        f"t{fraction_text(spec.fraction_3x3, _MOST_PARTS)}",
        f"e{spec.base_expand}",
        f"i{spec.expand_increment}",
        f"f{spec.fires_per_step}",
        *([spec.bypass] if spec.bypass != "none" else []),
    ]
    return "_".join(parts)


def parse_name(name: str) -> SqueezenetSpec | None:
    """Return the spec of a systematic name, or None for any other name.

    Raises:
        SqnxtError: The name is systematic, and a number in it is out of range.
    """
    found = _SYSTEMATIC.fullmatch(name)
    if found is None:
        return None
    spec = squeezenet_spec(
        found["version"].replace("-", "."),
        **{key: parse_fraction(found[key]) for key in LIMITS},
        bypass=(found["bypass"] or "none").lower(),
    )
    check_spec(spec, name)
    return spec


def check_spec(spec: SqueezenetSpec, name: str) -> None:
    """Refuse a spec with a number out of range, or without a name.

    Raises:
        SqnxtError: There is one; the message is about `name`.
    """
    for key, value in _numbers(spec).items():
        check_limits(name, key, value, LIMITS[key])
        check_has_name(name, key, value, _MOST_PARTS)


def _numbers(spec: SqueezenetSpec) -> dict[str, float]:
    return {key: getattr(spec, key) for key in LIMITS}
