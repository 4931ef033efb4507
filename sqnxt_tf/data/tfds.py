"""Data sets of tensorflow-datasets by name; it prepares them once as TFRecords, which are then read directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqnxt_base.printable_text import one_line
from sqnxt_tf.data.digits import SPLITS, Split
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.tfrecords import Layout, shards_as_images
from sqnxt_tf.errors import SqnxtError

PREFIX = "tfds:"


def encoded_tfds(name: str) -> dict[Split, EncodedImages]:
    """Return the parts of `tfds:NAME`, such as `tfds:mnist`; a missing data set is downloaded and prepared.

    Raises:
        SqnxtError: The package is not installed, does not know the name, or the data are not labelled images.
    """
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        raise SqnxtError(
            name, "needs tensorflow-datasets, which is not installed", "run `pip install tensorflow-datasets`"
        ) from None
    try:
        builder = tfds.builder(name.removeprefix(PREFIX))
        layout, class_names = _layout(name, builder.info.features, tfds.features)
        builder.download_and_prepare(file_format="tfrecord")
    except SqnxtError:
        raise
    except Exception as error:  # the package raises any kind of error, over many lines
        reason = one_line(error)
        raise SqnxtError(
            name, f"tensorflow-datasets cannot prepare it ({reason})", "check the name and the disk"
        ) from None
    splits = builder.info.splits
    return {
        split: shards_as_images(
            f"{name}/{split}", [Path(path) for path in splits[split].filepaths], class_names, layout
        )
        for split in SPLITS
        if split in splits and splits[split].num_examples
    }


def _layout(name: str, features: Any, kinds: Any) -> tuple[Layout, tuple[str, ...]]:
    """Return the names of image and label in the records, and the names of the classes."""
    known = dict(features.items())
    images = [key for key, feature in known.items() if isinstance(feature, kinds.Image)]
    labels = [key for key, feature in known.items() if isinstance(feature, kinds.ClassLabel)]
    if len(images) != 1 or len(labels) != 1:
        raise SqnxtError(
            name,
            f"has {len(images)} images and {len(labels)} labels in each record",
            "choose a data set with one of each",
        )
    return Layout(image=images[0], label=labels[0], first_label=0), tuple(known[labels[0]].names)
