"""Which layers of a trained model mind being pruned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqnxt_tf.data.arrays import spread_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import check_trained, open_trained, require_tensorflow
from sqnxt_tf.training.pruning_plan import Pruning, check_sparsity, make_plan
from sqnxt_tf.training.sensitivity import Sensitivity, scan

_SPARSITIES = (0.3, 0.5, 0.7, 0.9)
_MOST_IMAGES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityScan:
    """What was found, layer by layer, of which model, on which data."""

    path: Path
    data: str
    sparsities: tuple[float, ...]
    found: Sensitivity

    def to_json(self) -> dict[str, Any]:
        """The `prune --scan` document."""
        return {"path": str(self.path), "data": self.data, "sparsities": list(self.sparsities), **asdict(self.found)}


def scan_sensitivity(
    model: str | Path,
    *,
    data: str = "digits",
    sparsities: Sequence[float] = _SPARSITIES,
    excluded: Sequence[str] = (),
    images: int = _MOST_IMAGES,
    progress: Progress = silent,
) -> SensitivityScan:
    """Set the smallest weights of one layer at a time to zero and measure top-1 and loss on the validation images.

    There is no fine-tuning and no model is written: what comes out tells which layers to prune less, or not at all.

    Args:
        model: A `.keras` file.
        data: `digits`, or a folder that is divided.
        sparsities: Fractions of zeros, each tried on each layer.
        excluded: Shell-style patterns of layers that are not scanned.
        images: At most so many of the validation images are shown, at even distances.
        progress: Told how far it is.

    Raises:
        SqnxtError, ExportError: A model that cannot be read, data that are not its own, a pattern that matches no
            layer, a sparsity out of range.
    """
    if not sparsities:
        raise SqnxtError("sparsities", "there are none", "give some fractions, as in 0.3,0.5,0.7,0.9")
    for sparsity in sparsities:
        check_sparsity(sparsity)
    path = check_trained(model)
    validation = DataSource.parse(data).parts()["validation"]
    require_tensorflow()
    source = open_trained(path, validation)
    plan = make_plan(source.model, Pruning(excluded=tuple(excluded)))
    found = scan(
        source.model,
        spread_arrays(validation, source.preprocessing, images),
        sparsities=sorted(set(sparsities)),
        names=list(plan.sparsities),
        progress=progress,
    )
    return SensitivityScan(path=path, data=validation.name, sparsities=tuple(sorted(set(sparsities))), found=found)
