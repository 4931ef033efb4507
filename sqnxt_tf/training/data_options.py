"""How a recipe wants the images on disk to be shown."""

from __future__ import annotations

from sqnxt_tf.data.training_data import StreamOptions
from sqnxt_tf.data.unreadable import LIMIT
from sqnxt_tf.training.recipe import Recipe


def stream_options(recipe: Recipe, max_unreadable: int = LIMIT) -> StreamOptions:
    """Return the options of images on disk by a recipe, with the limit of unreadable ones."""
    return StreamOptions(
        augmentation=recipe.augmentation, smallest_crop=recipe.smallest_crop, flip=recipe.flip,
        max_shift=recipe.max_shift, max_unreadable=max_unreadable,
    )  # fmt: skip
