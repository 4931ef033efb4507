"""The zeros of a pruned model, counted again in what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.kernels import prunable_layers, pruned_kernel
from sqnxt_tf.training.pruning_plan import PruningPlan, zeros_due


def check_zeros(model: Any, plan: PruningPlan, path: Path) -> None:
    """Refuse a model that does not have the zeros that its plan promises.

    Args:
        model: The model, read back from its file.
        plan: The plan that it was pruned by.
        path: The file's name, for messages.

    Raises:
        SqnxtError: A kernel is missing, or has fewer zeros than planned or more than N of M nonzero weights.
    """
    layers = prunable_layers(model)
    for name, sparsity in plan.sparsities.items():
        if name not in layers:
            raise SqnxtError(path, f"layer {name} is not in the written model", "report this with the model")
        kernel = pruned_kernel(layers[name]).numpy()
        if plan.pruning.n_of_m is not None:
            fault = _pattern_fault(kernel, *plan.pruning.n_of_m)
        else:
            zeros, due = int((kernel == 0).sum()), zeros_due(kernel.size, sparsity)
            fault = f"has {zeros:,} zeros of {due:,}" if zeros < due else ""
        if fault:
            raise SqnxtError(path, f"not written, since layer {name} {fault}", "report this with the model")


def _pattern_fault(kernel: NDArray[np.float32], n: int, m: int) -> str:
    """Return where a kernel [..., in, out] breaks the pattern N:M along its input channels, or ""."""
    blocks = np.moveaxis(kernel, -2, -1).reshape(-1, m)
    most = int(np.count_nonzero(blocks, axis=1).max(initial=0))
    return f"keeps {most} of {m} consecutive weights" if most > n else ""
