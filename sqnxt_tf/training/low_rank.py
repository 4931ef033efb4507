"""Low-rank kernels by singular value decomposition, which SqueezeNet's paper compares Deep Compression with.

Source: Denton, Zaremba, Bruna, LeCun, Fergus, "Exploiting Linear Structure Within Convolutional Networks for Efficient
Evaluation" (arXiv 1404.0736); SqueezeNet (arXiv 1602.07360), table 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.training.exportable import exportable
from sqnxt_tf.training.flattening import Chain, cloned, flat_copy


def factorised(model: Any, share: float) -> tuple[Any, dict[str, tuple[int, int]]]:
    """Return a flat copy of a model in which dense and 1x1 kernels are products of two smaller ones.

    A kernel of `inputs x outputs` becomes two of `inputs x rank` and `rank x outputs`, the best ones of that rank. A
    kernel that would not become smaller stays whole.

    Args:
        model: A trained model.
        share: The largest fraction of each kernel's weights that the two kernels together may have.

    Returns:
        The model, and for each factorised layer its rank and the rank of the whole kernel.
    """
    flat = exportable(model)
    ranks = {layer.name: _rank(_matrix(layer).shape, share) for layer in flat.layers if _is_matrix(layer)}
    ranks = {name: rank for name, rank in ranks.items() if rank}

    def divide(layer: Any, name: str) -> Any:
        return Chain(_two(layer, ranks[name])) if name in ranks else cloned(layer, name)

    result = flat_copy(flat, divide)
    found = {}
    for name, rank in ranks.items():
        layer = flat.get_layer(name)
        left, right = best_factors(_matrix(layer), rank)
        first, second = result.get_layer(f"{name}/first"), result.get_layer(name)
        first.kernel.assign(left.reshape(first.kernel.shape))
        second.kernel.assign(right.reshape(second.kernel.shape))
        if layer.use_bias:
            second.bias.assign(layer.bias)
        found[name] = (rank, min(_matrix(layer).shape))
    return result, found


def best_factors(matrix: NDArray[np.float32], rank: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return two matrices of a rank whose product is the closest to `matrix`; both have equal shares of its scale."""
    left, singular, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    root = np.sqrt(singular[:rank])
    return (left[:, :rank] * root).astype(np.float32), (root[:, None] * right[:rank]).astype(np.float32)


def _rank(shape: tuple[int, ...], share: float) -> int:
    """Return the largest rank whose two kernels have at most `share` of the weights; 0 if the kernel stays whole."""
    inputs, outputs = shape
    rank = int(share * inputs * outputs / (inputs + outputs))
    return rank if 0 < rank < min(inputs, outputs) else 0


def _is_matrix(layer: Any) -> bool:
    kind = type(layer).__name__
    return kind == "Dense" or (kind == "Conv2D" and tuple(layer.kernel_size) == (1, 1) and layer.groups == 1)


def _matrix(layer: Any) -> NDArray[np.float32]:
    values = layer.kernel.numpy()
    matrix: NDArray[np.float32] = values.reshape(values.shape[-2:])
    return matrix


def _two(layer: Any, rank: int) -> list[Any]:
    """Return two layers in the place of one: the first has no bias and no activation, the second keeps the name."""
    config = layer.get_config()
    plain = {**config, "activation": "linear", "use_bias": False, "name": f"{layer.name}/first"}
    if type(layer).__name__ == "Dense":
        return [type(layer).from_config({**plain, "units": rank}), cloned(layer, layer.name)]
    second = {**config, "strides": (1, 1), "padding": "valid"}
    return [type(layer).from_config({**plain, "filters": rank}), type(layer).from_config(second)]
