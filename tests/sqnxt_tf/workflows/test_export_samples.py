"""An export's samples: none calibrates and judges, and the further ones are all that are left."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_export import ExportSamples, Metadata, Preprocessing, save_keras
from sqnxt_tf.options.artifacts import ExportOptions
from sqnxt_tf.sources import ModelSource, open_source
from sqnxt_tf.workflows.export_samples import samples_for

SIDE = 8
COUNTS = {"train": 40, "test": 150}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write grey images in two classes, each of a value of its own, by which it is known again."""
    from PIL import Image

    root = tmp_path_factory.mktemp("images")
    value = itertools.count()
    for part, count in {**COUNTS, "validation": 2}.items():
        for index in range(count):
            path = root / part / f"class{index % 2}" / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            number = next(value)
            pixels = np.full((SIDE, SIDE), number % 256, np.uint8)
            pixels[0] = number // 256
            Image.fromarray(pixels).save(path)
    return root


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """Save a model of these classes, which takes raw grey pixels."""
    import tf_keras as keras

    path = tmp_path_factory.mktemp("model") / "net.keras"
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    preprocessing = Preprocessing.plain(SIDE, channels=1).raw()
    save_keras(model, path, Metadata(labels=("class0", "class1"), preprocessing=preprocessing, accuracy=0.9))
    return open_source(str(path))


def identities(samples: Any) -> set[tuple[float, float]]:
    return {(float(image[0, 0, 0]), float(image[-1, 0, 0])) for image in samples}


@pytest.mark.parametrize("divided", [True, False])
def test_every_image_is_used_once(folder: Path, source: ModelSource, divided: bool) -> None:
    data = folder if divided else folder / "test"
    options = ExportOptions(format="onnx", precision="int8", data=str(data), calibration=30)  # type: ignore[arg-type]
    read = samples_for(source, options)
    found = read.samples
    batches = [found, *found.further]
    judged = [identities(batch.parity) for batch in batches]
    assert sum(map(len, judged)) == len(set.union(*judged)) == (COUNTS["test"] if divided else COUNTS["test"] // 2)
    assert not set.union(*judged) & identities(found.calibration)
    assert read.left_out == []
    assert len(list(found.further)) == len(batches) - 1  # another artifact of the model may need them too
    assert all(batch.labels is not None and len(batch.labels) == len(batch.parity) for batch in batches)


def test_a_given_number_of_samples_is_kept_to(folder: Path, source: ModelSource) -> None:
    found = samples_for(source, ExportOptions(format="onnx", data=str(folder), samples=20)).samples  # type: ignore[arg-type]
    assert len(found.parity) == 20
    assert isinstance(found, ExportSamples)
    assert not list(found.further)
