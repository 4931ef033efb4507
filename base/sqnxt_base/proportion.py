"""The confidence interval of a fraction that was counted."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""


def wilson_interval(hits: float, samples: int, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's score interval of a fraction. Unlike the normal interval it is valid near 0 and 1.

    Example: 90 hits of 100 samples give 0.826 to 0.945.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    fraction, spread = hits / samples, z * z / samples
    centre = (fraction + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(fraction * (1 - fraction) / samples + spread / (4 * samples))
    return max(0.0, centre - half), min(1.0, centre + half)
