"""Transposed convolutions as ordinary ones, which an array can run: the sub-pixel decomposition of one axis.

An output row y of a transposed convolution with stride s receives the taps t for which y + pad - t * dilation is a
multiple of s; the quotient is the input row. Rows that agree modulo s (a phase) therefore receive the same taps.
Together they are a convolution of stride 1 over the whole input with those taps in reverse. So no zeros are inserted
between pixels and no multiplication is wasted; the MACs of the node are those of its phases.

Example: kernel 4, stride 2, pad 1. Even rows (phase 0) receive taps 1 and 3, odd rows (phase 1) taps 0 and 2. The node
becomes two convolutions with 2 taps each in 1-D, and four with 2x2 taps in 2-D.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One axis of one phase: output rows phase, phase + stride, ... as a convolution of stride 1.

    Attributes:
        phase: First output row.
        taps: Kernel rows in the order in which they meet ascending input rows.
        dilation: Input rows from one tap to the next.
        first: First input row that a tap meets.
        size: Number of input rows from there to the last one that a tap meets.
        pad_before: Rows of zeros before them.
        pad_after: Rows of zeros after them.
    """

    phase: int
    taps: tuple[int, ...]
    dilation: int
    first: int
    size: int
    pad_before: int
    pad_after: int

    @property
    def outputs(self) -> int:
        """Number of output rows."""
        return self.size + self.pad_before + self.pad_after - (len(self.taps) - 1) * self.dilation


def axis_phases(*, in_size: int, out_size: int, kernel: int, stride: int, dilation: int, pad: int) -> list[Phase]:
    """Return the phases of one axis in order; `pad` is the number of rows that are cut off in front.

    Phases without taps, or whose taps meet no input row, are all zeros and are left out.
    """
    taps_of: dict[int, list[int]] = {}
    for tap in reversed(range(kernel)):
        phase = (tap * dilation - pad) % stride
        if phase < out_size:
            taps_of.setdefault(phase, []).append(tap)
    phases = []
    for phase, taps in sorted(taps_of.items()):
        outputs = -(-(out_size - phase) // stride)
        step = dilation // gcd(stride, dilation)
        start = (phase + pad - taps[0] * dilation) // stride
        stop = start + outputs + (len(taps) - 1) * step
        first, last = max(start, 0), min(stop, in_size)
        if first < last:
            phases.append(
                Phase(
                    phase=phase,
                    taps=tuple(taps),
                    dilation=step,
                    first=first,
                    size=last - first,
                    pad_before=first - start,
                    pad_after=stop - last,
                )
            )
    return phases
