"""Fractions in systematic names of networks: `3d2` is 1.5, and `2` is 2."""

from __future__ import annotations

from fractions import Fraction

from sqnxt_tf.errors import SqnxtError


def fraction_text(value: float, most_parts: int) -> str:
    """Return the name of a fraction whose denominator is at most `most_parts`."""
    fraction = Fraction(value).limit_denominator(most_parts)
    return f"{fraction.numerator}" + (f"d{fraction.denominator}" if fraction.denominator > 1 else "")


def parse_fraction(text: str) -> float:
    """Return the number that a name stands for; 0, which is out of every range, for a denominator of 0."""
    numerator, _, denominator = text.lower().partition("d")
    return int(numerator) / int(denominator or 1) if int(denominator or 1) else 0.0


def check_limits(name: str, key: str, value: float, limits: tuple[float, float]) -> None:
    """Refuse a number out of range.

    Raises:
        SqnxtError: It is; the message is about the network `name`.
    """
    low, high = limits
    if not low <= value <= high:
        raise SqnxtError(f"network {name!r}", f"{key} {value:g} is out of range", f"give {low:g} to {high:g}")


def check_has_name(name: str, key: str, value: float, most_parts: int) -> None:
    """Refuse a number that is no fraction with a denominator of at most `most_parts`.

    Raises:
        SqnxtError: It is none; the message is about the network `name`.
    """
    if float(Fraction(value).limit_denominator(most_parts)) != value:
        remedy = f"give a fraction with a denominator of at most {most_parts}"
        raise SqnxtError(f"network {name!r}", f"{key} {value} has no name", remedy)
