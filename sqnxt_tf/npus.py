"""The NPUs that Arm's compiler Vela knows, and the system that each is costed with."""

from __future__ import annotations

from sqnxt_tf.errors import SqnxtError

_U55 = ("Ethos_U55_High_End_Embedded", "Shared_Sram")
_U65 = ("Ethos_U65_High_End", "Dedicated_Sram_384KB")
NPUS = {
    **{f"ethos-u55-{macs}": _U55 for macs in (32, 64, 128, 256)},
    **{f"ethos-u65-{macs}": _U65 for macs in (256, 512)},
}
"""Vela's name of each NPU -> the system and the memory mode of Arm's own configuration file."""


def check_npu(npu: str) -> None:
    """Refuse a name that Vela does not know.

    Raises:
        SqnxtError: There is no such NPU.
    """
    if npu not in NPUS:
        raise SqnxtError(f"npu {npu!r}", "is not known", f"use one of {', '.join(NPUS)}")
