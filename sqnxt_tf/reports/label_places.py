"""Labels beside the points of a matplotlib picture, each on the side where it covers least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

_Side = tuple[str, str, float, float]
# The horizontal and vertical alignment of a label, and the direction in which it is moved away from its point.
_SIDES: tuple[_Side, ...] = (
    ("center", "bottom", 0, 1),
    ("center", "top", 0, -1),
    ("left", "center", 1, 0),
    ("right", "center", -1, 0),
    ("left", "bottom", 0.7, 0.7),
    ("right", "bottom", -0.7, 0.7),
    ("left", "top", 0.7, -0.7),
    ("right", "top", -0.7, -0.7),
)
_MARGIN = 4  # pixels around a label
_DISTANCES = (14, 24, 38, 56)  # points; a nearer place wins where both cover as little
_LABEL, _OUTSIDE = 1000, 1000  # what covering another label, or leaving the axes, costs; an occupied point costs 1


def place_labels(
    axes: Axes, texts: Sequence[str], points: NDArray[np.float64], occupied: NDArray[np.float64]
) -> list[Annotation]:
    """Write one label beside each point, in order; later labels give way to earlier ones.

    The limits and the layout of the axes must be final, as places are compared in pixels.

    Args:
        axes: Where to write.
        texts: One label a point.
        points: Data coordinates, float64 [points, 2].
        occupied: Data coordinates that no label should cover, float64 [n, 2].
    """
    axes.get_figure(root=True).draw_without_rendering()  # type: ignore[union-attr]
    pixels = axes.transData.transform(occupied)
    placed: list[Annotation] = []
    boxes: list[Bbox] = []
    for text, point in zip(texts, points, strict=True):
        label = axes.annotate(
            text, (float(point[0]), float(point[1])), (0, 0), textcoords="offset points", fontsize=8, linespacing=1.1,
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "alpha": 0.5, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip
        boxes.append(_settle(axes, label, boxes, pixels))
        placed.append(label)
    return placed


def _settle(axes: Axes, label: Annotation, boxes: Sequence[Bbox], pixels: NDArray[np.float64]) -> Bbox:
    """Move a label to the first of the cheapest places, and return its box in pixels."""
    frame = axes.get_window_extent()
    places = [(side, distance) for distance in _DISTANCES for side in _SIDES]

    def cost(place: tuple[_Side, int]) -> int:
        box = _move(label, *place)
        covered = int(np.count_nonzero(np.all((pixels > box.min) & (pixels < box.max), axis=1)))
        outside = bool(np.any(box.min < frame.min) or np.any(box.max > frame.max))
        return covered + _LABEL * sum(map(box.overlaps, boxes)) + _OUTSIDE * outside

    return _move(label, *min(places, key=cost))


def _move(label: Annotation, side: _Side, distance: int) -> Bbox:
    """Move a label away from its point, and return its box in pixels without the line that leads to the point."""
    from matplotlib.text import Text

    across, along, right, up = side
    label.set(ha=across, va=along, position=(right * distance, up * distance))
    label.get_window_extent()  # brings the position up to date
    return Text.get_window_extent(label).padded(_MARGIN)
