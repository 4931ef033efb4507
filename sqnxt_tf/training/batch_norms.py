"""Which layers of a model are batch norm."""

from __future__ import annotations

from typing import Any

_CLASSES = frozenset({"BatchNormalization", "SyncBatchNormalization"})


def is_batch_norm(layer: Any) -> bool:
    """Tell whether a layer is batch norm, over the batch of one replica or of all."""
    return type(layer).__name__ in _CLASSES
