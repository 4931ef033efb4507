"""How sensitive each layer of a trained model is to pruning."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqnxt_export import read_metadata
from sqnxt_tf.data.arrays import spread_arrays
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.training import ScanOptions
from sqnxt_tf.own_data import own_data
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import check_trained, open_trained, require_tensorflow
from sqnxt_tf.training.pruning_plan import Pruning, make_plan
from sqnxt_tf.training.sensitivity import Sensitivity, scan

_SPARSITIES = (0.3, 0.5, 0.7, 0.9)
_MOST_IMAGES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityScan:
    """The sensitivity of each layer of a model, measured on validation images."""

    path: Path
    data: str
    sparsities: tuple[float, ...]
    found: Sensitivity

    def to_json(self) -> dict[str, Any]:
        """Return the `prune --scan` document."""
        return {"path": str(self.path), "data": self.data, "sparsities": list(self.sparsities), **asdict(self.found)}


def scan_sensitivity(
    model: str | Path, options: ScanOptions | None = None, *, progress: Progress = silent, **settings: Any
) -> SensitivityScan:
    """Set the smallest weights of one layer at a time to zero and measure top-1 and loss on the validation images.

    There is no fine-tuning and no model is written: the result tells which layers to prune less, or not at all.

    Args:
        model: A `.keras` file.
        options: What is scanned, how far, on how many images.
        progress: Called as the work goes on.
        settings: Fields of `ScanOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError, ExportError: A model that cannot be read, data that are not its own, a pattern that matches no
            layer, a sparsity out of range.
    """
    options = options_from(ScanOptions, options, settings)
    path = check_trained(model)
    validation = own_data(path, read_metadata(path), options.data).parts()["validation"]
    require_tensorflow()
    source = open_trained(path, validation, preprocessing=options.preprocessing)
    plan = make_plan(source.model, Pruning(excluded=tuple(options.excluded)))
    sparsities = sorted(set(options.sparsities))
    found = scan(
        source.model,
        spread_arrays(validation, source.known_input(), options.images),
        sparsities=sparsities,
        names=list(plan.sparsities),
        progress=progress,
    )
    return SensitivityScan(path=path, data=validation.name, sparsities=tuple(sparsities), found=found)
