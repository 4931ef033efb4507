"""How far right and wrong artifacts are from their models: where the thresholds of `sqnxt_export.thresholds` come from.

Usage: python benchmarks/gate_thresholds.py [OUTPUT.csv] [MODEL...]

Each model has seeded random weights that keep the variance of its signals. Its artifacts are built as `export` builds
them and compared with it. (Float TFLite files differ from the ONNX graphs in the third digit of their noise only.) A
wrong artifact is the float32 graph with one fault: two neighbouring output channels of a kernel exchanged, or all of
them rolled by one. The file is appended to model by model, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

OWN = (
    "sqnxt23_w1", "sqnxt23v5_w1", "sqnxt23v5_w2", "sqnxt34_w1", "sqnxt44v5_w1", "sqnxt23g_w1", "squeezenet_v1_0",
    "squeezenet_v1_1", "squeezenet_v1_0_complex_bypass", "mobilenet_w1", "tiny_darknet", "darknet_ref",
)  # fmt: skip
APPLICATIONS = (
    "MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "EfficientNetB0", "EfficientNetV2B0",
    "DenseNet121", "NASNetMobile", "ResNet50", "ResNet50V2", "RegNetX002", "RegNetY002", "VGG16", "Xception",
    "InceptionV3", "ConvNeXtTiny", "ResNetRS50",
)  # fmt: skip
BY_IMAGES = "+statistics"
"""Suffix of models whose batch norm takes the statistics of the images."""
AMPLIFYING = tuple(
    f"{name}{BY_IMAGES}" for name in ("sqnxt23v5_w1", "squeezenet_v1_1", "mobilenet_w1", "MobileNetV2", "ResNet50V2")
)
OTHERS = (
    "segmentation", "autoencoder", "heat_map", "regressor", "two_heads", "flat", "residual", "inverted",
    "dense_blocks", "depthwise", "dilated", "upsampled",
)  # fmt: skip
SIDES = {"Xception": 96, "InceptionV3": 96, "tiny_darknet": 96, "darknet_ref": 96}
KINDS = (
    *(("onnx", precision) for precision in ("float32", "float16", "int16", "int8", "int8-weights")),
    *(("tflite", precision) for precision in ("int16x8", "int8", "int8-weights")),
)
COLUMNS = ("model", "format", "precision", "artifact", "output", "task", "max_rel_diff", "max_range_diff", "sqnr_db",
           "top1_agreement", "alike", "fault")  # fmt: skip
_GAIN = 1.5
"""Variance of a layer's outputs over that of its inputs. ReLUs halve it; shortcuts and linear bottlenecks do not."""
PARITY, CALIBRATION = 32, 128


def build(name: str) -> tuple[Any, Any]:
    """Return a model with seeded weights, and images for it."""
    import numpy as np
    import tf_keras as keras

    from sqnxt_export import Preprocessing
    from sqnxt_tf.data.arrays import spread_arrays
    from sqnxt_tf.data.data_source import load_data

    keras.utils.set_random_seed(0)
    name, statistics = name.removesuffix(BY_IMAGES), name.endswith(BY_IMAGES)
    side = SIDES.get(name, 64)
    if name in OTHERS:
        model = globals()[f"_{name}"](keras)
    elif name in APPLICATIONS:
        from tf_keras.applications import convnext, efficientnet_v2, regnet, resnet_rs

        homes = (keras.applications, convnext, efficientnet_v2, regnet, resnet_rs)
        builder = next(getattr(home, name) for home in homes if hasattr(home, name))
        model = builder(weights=None, input_shape=(side, side, 3), classes=10)
    else:
        from sqnxt_tf.networks.keras_ops import build as build_own

        model = build_own(name, classes=10, input_size=side)
    scales = any(isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization) for layer in model.layers)
    plain = Preprocessing.plain(side)
    parts = (("test", PARITY), ("train", CALIBRATION))
    images = np.concatenate([
        spread_arrays(load_data("digits", split), plain.raw() if scales else plain, count).images
        for split, count in parts
    ])  # fmt: skip
    (_measure_statistics if statistics else _keep_variance)(model, images)
    return model, images


def _keep_variance(model: Any, images: Any) -> None:
    """Set random weights with which signals neither vanish nor explode; scale the last ones for distinct answers."""
    import numpy as np

    from sqnxt_export.output_tasks import are_probabilities, centred_logarithms

    random, last = np.random.default_rng(7), None
    for weight in model.weights:
        if "kernel" in weight.name and weight.shape.rank in (2, 4):
            inputs = weight.shape[:2] if "depthwise" in weight.name else weight.shape[:-1]
            weight.assign(random.normal(0, (_GAIN / np.prod(inputs)) ** 0.5, weight.shape))
            last = weight
    outputs = model(images[:8])
    if last is None or isinstance(outputs, list):
        return
    values = outputs.numpy()
    if are_probabilities(values):
        values = centred_logarithms(values)
    last.assign(last * 3 / np.abs(values).max())


def _measure_statistics(model: Any, images: Any) -> None:
    """Let every batch norm take the statistics of the images.

    Each then divides by a small deviation where its inputs are nearly alike, as in networks that were never trained:
    rounding grows from layer to layer, and even float32 arithmetic in another order shows.
    """
    for layer in model._flatten_layers():
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
        if hasattr(layer, "rate"):
            layer.rate = 0.0
    model(images[PARITY:], training=True)


def _encoder(keras: Any) -> tuple[Any, Any]:
    image = x = keras.Input((64, 64, 3))
    for filters in (16, 32, 48):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return image, x


def _decoded(keras: Any, x: Any) -> Any:
    for filters in (32, 16, 16):
        x = keras.layers.Conv2DTranspose(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    return x


def _segmentation(keras: Any) -> Any:
    image, x = _encoder(keras)
    return keras.Model(image, keras.layers.Conv2D(5, 1, activation="softmax")(_decoded(keras, x)))


def _autoencoder(keras: Any) -> Any:
    image, x = _encoder(keras)
    return keras.Model(image, keras.layers.Conv2D(3, 1, activation="sigmoid")(_decoded(keras, x)))


def _heat_map(keras: Any) -> Any:
    image, x = _encoder(keras)
    return keras.Model(image, keras.layers.Conv2D(17, 1)(x))


def _flat(keras: Any) -> Any:
    image, x = _encoder(keras)
    x = keras.layers.Flatten()(keras.layers.MaxPooling2D()(x))
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.Dense(64, activation="relu")(x)))


def _residual(keras: Any) -> Any:
    image, x = _encoder(keras)
    for _ in range(4):
        y = keras.layers.ReLU()(keras.layers.BatchNormalization()(keras.layers.Conv2D(48, 3, padding="same")(x)))
        x = keras.layers.ReLU()(keras.layers.Add()([x, keras.layers.Conv2D(48, 3, padding="same")(y)]))
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))


def _inverted(keras: Any) -> Any:
    image, x = _encoder(keras)
    for _ in range(4):
        y = keras.layers.Conv2D(144, 1, activation="swish")(x)
        y = keras.layers.DepthwiseConv2D(5, padding="same", activation="swish")(y)
        x = keras.layers.Add()([x, keras.layers.Conv2D(48, 1)(y)])
    return keras.Model(image, keras.layers.Dense(10, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x)))


def _dense_blocks(keras: Any) -> Any:
    image, x = _encoder(keras)
    for _ in range(4):
        y = keras.layers.Conv2D(16, 3, padding="same", activation="elu")(x)
        x = keras.layers.Concatenate()([x, y])
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.GlobalMaxPooling2D()(x)))


def _depthwise(keras: Any) -> Any:
    image, x = _encoder(keras)
    for _ in range(3):
        x = keras.layers.SeparableConv2D(64, 3, padding="same", activation="relu6")(x)
    return keras.Model(image, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))


def _dilated(keras: Any) -> Any:
    image, x = _encoder(keras)
    for rate in (2, 4):
        x = keras.layers.Conv2D(32, 3, dilation_rate=rate, padding="same", activation="relu")(x)
    return keras.Model(image, keras.layers.Conv2D(5, 1, activation="softmax")(x))


def _upsampled(keras: Any) -> Any:
    image, x = _encoder(keras)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(keras.layers.UpSampling2D(4)(x))
    return keras.Model(image, keras.layers.Conv2D(1, 1, activation="tanh")(x))


def _regressor(keras: Any) -> Any:
    image, x = _encoder(keras)
    x = keras.layers.Dense(32, activation="relu")(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, keras.layers.Dense(1)(x))


def _two_heads(keras: Any) -> Any:
    image, x = _encoder(keras)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, [keras.layers.Dense(10, name="classes")(x), keras.layers.Dense(4, name="box")(x)])


def rows(name: str, kinds: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield the figures of a model's artifacts, and of the wrong ones beside the one in float32."""
    from sqnxt_export import ArtifactOptions, ExportError, ExportSamples, open_model
    from sqnxt_export.artifact_builder import Task
    from sqnxt_export.artifact_builder import build as build_artifact
    from sqnxt_export.parity import Judging, compare_all
    from sqnxt_export.runtimes.signatures import run_model, signature_of

    model, images = build(name)
    parity, calibration = images[:PARITY], images[PARITY:]
    names = [info.name for info in signature_of(model).outputs]
    reference = tuple(zip(names, run_model(model, (parity,)), strict=True))

    def figures(path: Path, format: str, precision: str, artifact: str) -> Iterator[dict[str, Any]]:
        found = compare_all(reference, open_model(path, threads=1).run_all(parity), precision, Judging())
        for output in found.outputs:
            yield {**_plain(output), "format": format, "precision": precision, "artifact": artifact}

    with tempfile.TemporaryDirectory() as folder:
        for format, precision in kinds:
            path = Path(folder, f"{precision}.{format}")
            options = ArtifactOptions(format=format, precision=precision)
            samples = ExportSamples(parity=parity, calibration=calibration)
            try:
                build_artifact(Task(model=model, options=options, samples=samples, reference=reference), path)
                yield from figures(path, format, precision, "right")
            except ExportError as error:
                yield {"format": format, "precision": precision, "artifact": "right", "fault": str(error)[:200]}
        for fault, path in _wrong(Path(folder, "float32.onnx")) if ("onnx", "float32") in kinds else ():
            yield from figures(path, "onnx", "float32", fault)


def _plain(output: Any) -> dict[str, Any]:
    values = output.to_json()
    kept = ("task", "max_rel_diff", "max_range_diff", "sqnr_db", "top1_agreement", "alike")
    rounded = {key: float(f"{values[key]:.4g}") if isinstance(values[key], float) else values[key] for key in kept}
    return {"output": output.name, **rounded}


def _wrong(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield graphs with one fault each, in a kernel in the middle of the network."""
    import numpy as np
    import onnx

    model = onnx.load(path)
    weighted = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    node = weighted[len(weighted) // 2]
    for fault in ("two channels exchanged", "channels rolled"):
        broken = onnx.ModelProto()
        broken.CopyFrom(model)
        tensor = next(item for item in broken.graph.initializer if item.name == node.input[1])
        values = onnx.numpy_helper.to_array(tensor).copy()
        if fault == "two channels exchanged":
            values[[0, 1]] = values[[1, 0]]
        else:
            values = np.roll(values, 1, axis=0)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        target = path.with_name(f"{fault.replace(' ', '_')}.onnx")
        onnx.save(broken, target)
        yield fault, target


def main(output: Path, models: list[str]) -> None:
    """Measure what the file lacks, each model in a process of its own."""
    done = set()
    if output.exists():
        done = {(row["model"], row["format"], row["precision"]) for row in csv.DictReader(output.open())}
    if not output.exists():
        output.write_text(",".join(COLUMNS) + "\n")
    for name in models:
        left = [kind for kind in KINDS if (name, *kind) not in done]
        if not left:
            continue
        command = [sys.executable, __file__, "--one", name, *map("/".join, left)]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line for line in child.stdout.splitlines() if line.startswith("{")]
        if child.returncode:
            print(f"{name}: {child.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            continue
        with output.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            writer.writerows({"model": name, **json.loads(line)} for line in lines)
        print(f"{name}: {len(lines)} rows", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        for row in rows(sys.argv[2], [(kind.split("/")[0], kind.split("/")[1]) for kind in sys.argv[3:]]):
            print(json.dumps(row), flush=True)
    else:
        target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".csv")
        main(target, sys.argv[2:] or [*OTHERS, *OWN, *APPLICATIONS, *AMPLIFYING])
