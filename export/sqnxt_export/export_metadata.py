"""The metadata of an artifact that is being exported: the caller's, completed with what only the export knows."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from typing import Any

from sqnxt_export.artifact.metadata import EMBEDDED, PARITY, Metadata
from sqnxt_export.artifact.preprocessing import Preprocessing
from sqnxt_export.errors import ExportError
from sqnxt_export.parity_result import Parity
from sqnxt_export.runtimes.signatures import name_of_model, signature_of

_RECORDED_PACKAGES = ("tensorflow", "tf_keras", "onnx", "onnxruntime", "ai-edge-litert")


def preprocessing_to_embed(metadata: Metadata) -> Preprocessing:
    """Return the preprocessing that goes into the graph.

    Raises:
        ExportError: The metadata have none.
    """
    if metadata.preprocessing is None:
        raise ExportError(
            "embed_preprocessing",
            "the metadata describe no preprocessing",
            "set `Metadata.preprocessing`, or leave `embed_preprocessing` out",
        )
    return metadata.preprocessing


def describe_embedded(metadata: Metadata, embedded: Preprocessing) -> Metadata:
    """Return the metadata of an artifact whose graph normalises pixels (subtracts the mean, divides by the scale).

    The returned metadata ask for resizing only: code that obeys them passes raw pixels to the artifact. The arithmetic
    inside the graph is recorded in `extra`.
    """
    inside = {"mean": list(embedded.mean), "scale": list(embedded.scale)}
    return dataclasses.replace(metadata, preprocessing=embedded.raw(), extra={**metadata.extra, EMBEDDED: inside})


def complete_metadata(
    metadata: Metadata, model: Any, *, precision: str, nonzero_fraction: float, wider: tuple[str, ...] | None
) -> Metadata:
    """Return the metadata with precision, input size, non-zero fraction, library versions and wider layers filled in.

    Args:
        metadata: The caller's. A network's name in it is kept.
        model: The model.
        precision: Precision of the artifact.
        nonzero_fraction: Fraction of the artifact's weights that are not zero.
        wider: Layers of an int8 graph that kept 16 bits.
    """
    versions = dict(metadata.versions)
    for package in _RECORDED_PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    image = signature_of(model).image
    return dataclasses.replace(
        metadata,
        precision=precision,
        input_size=None if image is None else (image.shape[0] or 0, image.shape[1] or 0),
        nonzero_fraction=nonzero_fraction,
        versions=versions,
        network=metadata.network or name_of_model(model),
        extra={**metadata.extra, **({"wider_layers": list(wider)} if wider else {})},
    )


def with_parity(metadata: Metadata, parity: Parity) -> Metadata:
    """Return the metadata with the figures of the comparison, so that the file itself says how near it is."""
    names = ("samples", "max_abs_diff", "max_rel_diff", "sqnr_db", "top1_agreement")
    figures = {name: parity.to_json()[name] for name in names}
    return dataclasses.replace(metadata, extra={**metadata.extra, PARITY: figures})
