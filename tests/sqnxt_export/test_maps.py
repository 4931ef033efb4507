"""Models whose output is a map: channels first in ONNX and last in TFLite, judged as maps in every precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_export import ArtifactOptions, ExportSamples, export_model, open_model

KINDS = [
    *(("onnx", precision) for precision in ("float32", "float16", "int16", "int8")),
    *(("tflite", precision) for precision in ("float32", "int8")),
]


@pytest.fixture(scope="module")
def maps() -> dict[str, Any]:
    """Build a network for segmentation, one that returns pictures, and a bare convolution."""
    import tf_keras as keras

    keras.utils.set_random_seed(5)
    layers = keras.layers
    image = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    up = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
    return {
        "segmentation": keras.Model(image, layers.Conv2D(4, 1, activation="softmax")(up)),
        "pictures": keras.Model(image, layers.Conv2D(3, 1)(up)),
        "convolution": keras.Model(image, layers.Conv2D(12, 3, padding="same")(image)),
    }


@pytest.mark.parametrize("name", ["segmentation", "pictures", "convolution"])
@pytest.mark.parametrize(("format", "precision"), KINDS)
def test_maps_are_exported_and_judged_as_maps(
    maps: Any, images: Any, tmp_path: Path, name: str, format: str, precision: str
) -> None:
    """A map of 12x12x12 has the same shape in both layouts: only the file tells."""
    shown = images[:, :12, :12]
    path = tmp_path / f"map.{format}"
    samples = ExportSamples(parity=shown[12:], calibration=shown)
    result = export_model(maps[name], path, ArtifactOptions(format=format, precision=precision), samples)
    (output,) = result.parity.outputs
    assert output.task == "map"
    assert (output.top1_agreement is None) == (name != "segmentation")
    assert result.parity.max_rel_diff <= {"float32": 1e-6, "float16": 2e-3, "int16": 1e-3, "int8": 0.1}[precision]
    answers = open_model(path).run_all(shown[12:])[0]
    assert np.abs(answers - maps[name](shown[12:]).numpy()).max() <= result.parity.max_abs_diff * 4 + 1e-6


def test_a_softmax_at_the_end_of_a_nested_model_stays_in_float(images: Any, tmp_path: Path) -> None:
    """An integer softmax has 256 values, most of them the same for most images."""
    import tf_keras as keras

    layers = keras.layers

    def build(*, nested: bool) -> Any:
        keras.utils.set_random_seed(1)
        inner_image = x = keras.Input((19, 19, 3))
        x = layers.Flatten()(layers.Conv2D(4, 3, strides=4, activation="relu")(x))
        outputs = layers.Dense(10, activation="softmax")(x)
        inner = keras.Model(inner_image, outputs)
        image = keras.Input((19, 19, 3))
        return keras.Model(image, inner(image)) if nested else inner

    values = {}
    for nested in (False, True):
        path = tmp_path / f"{nested}.tflite"
        samples = ExportSamples(parity=images[12:], calibration=images[:12])
        export_model(build(nested=nested), path, ArtifactOptions(format="tflite", precision="int8"), samples)
        values[nested] = np.unique(open_model(path).run(images)).size
    assert values[True] == values[False] > 200


@pytest.mark.parametrize("place", ["shared", "read again"])
def test_a_softmax_that_something_else_reads_stays_where_it_is(place: str) -> None:
    import tf_keras as keras

    from sqnxt_export.convert.softmax import ends_in_softmax

    image = keras.Input((4,))
    last = keras.layers.Dense(3, activation="softmax")
    x = last(image)
    if place == "shared":
        model = keras.Model(image, last(keras.layers.Dense(4)(x)))
    else:
        model = keras.Model(image, keras.layers.Add()([x, keras.layers.Dense(3)(x)]))
    assert not ends_in_softmax(model)
