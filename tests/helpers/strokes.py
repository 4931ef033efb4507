"""Ten digits as a person draws them: strokes of points on a pad whose sides are 1."""

from __future__ import annotations

import math

Stroke = list[tuple[float, float]]


def arc(x: float, y: float, across: float, down: float, start: float, end: float) -> Stroke:
    """Return a part of an ellipse; angles are in degrees, clockwise from the right."""
    angles = [math.radians(start + (end - start) * step / 24) for step in range(25)]
    return [(x + across * math.cos(angle), y + down * math.sin(angle)) for angle in angles]


DIGITS: dict[int, list[Stroke]] = {
    0: [arc(0.5, 0.5, 0.2, 0.32, -90, 270)],
    1: [[(0.4, 0.3), (0.52, 0.2), (0.52, 0.82)]],
    2: [[*arc(0.5, 0.36, 0.18, 0.16, -170, 40), (0.34, 0.8), (0.7, 0.8)]],
    3: [[*arc(0.48, 0.35, 0.17, 0.15, -150, 80), *arc(0.48, 0.65, 0.19, 0.17, -80, 150)]],
    4: [[(0.56, 0.2), (0.32, 0.6), (0.72, 0.6)], [(0.6, 0.42), (0.6, 0.84)]],
    5: [[(0.66, 0.2), (0.4, 0.2), (0.38, 0.47), *arc(0.49, 0.62, 0.18, 0.19, -120, 140)]],
    6: [[(0.6, 0.18), (0.45, 0.34), (0.36, 0.52), *arc(0.5, 0.66, 0.15, 0.16, 180, 540)]],
    7: [[(0.32, 0.22), (0.68, 0.22), (0.45, 0.82)], [(0.4, 0.52), (0.68, 0.52)]],
    8: [[*arc(0.5, 0.35, 0.14, 0.14, 90, 450), *arc(0.5, 0.66, 0.17, 0.17, -90, 270)]],
    9: [[*arc(0.5, 0.36, 0.16, 0.16, 20, 380), (0.64, 0.55), (0.56, 0.82)]],
}
