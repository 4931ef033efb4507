"""Batch norm has two classes of layer, which one file alone knows."""

from __future__ import annotations

import ast

import tf_keras as keras

from helpers.repository import ROOT
from sqnxt_tf.training.batch_norms import is_batch_norm


def test_batch_norm_of_either_class_is_found_and_nothing_else() -> None:
    layers = keras.layers
    assert is_batch_norm(layers.BatchNormalization())
    assert is_batch_norm(layers.experimental.SyncBatchNormalization())
    assert not is_batch_norm(layers.LayerNormalization())


def test_one_file_of_the_training_knows_the_classes_of_batch_norm() -> None:
    """A list of one's own would forget one of the two, as the fine-tuning of centroids did."""
    found = {
        path.name
        for path in (ROOT / "sqnxt_tf" / "training").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in ("BatchNormalization", "SyncBatchNormalization")
    }
    assert found == {"batch_norms.py"}
