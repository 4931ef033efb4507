"""What of `tf_keras.applications` and of Keras 3's layers can be exported: a row a model, measured, as CSV.

    python benchmarks/any_model.py [PATTERN...]
    python benchmarks/any_model.py --table  # writes the table into docs/models.md

Each row runs in a process of its own and is kept in `any_model.csv`, so that a run that was interrupted goes on where
it stopped. A cell says `ok` and the largest difference relative to the model's largest value, or why it is refused.
"""

from __future__ import annotations

import csv
import fnmatch
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

CELLS = (("onnx", "float32"), ("onnx", "int16"), ("onnx", "int8"), ("tflite", "float32"), ("tflite", "int8"))
OUTPUT = Path(__file__).with_name("any_model.csv")
PAGE = Path(__file__).parents[1] / "docs" / "models.md"
FIELDS = ["kind", "name", "converter", *(" ".join(cell) for cell in CELLS)]
SECONDS = 1200

APPLICATIONS = """
    ConvNeXtTiny DenseNet121 DenseNet169 DenseNet201 EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3
    EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 InceptionResNetV2 InceptionV3 MobileNet
    MobileNetV2 MobileNetV3Large MobileNetV3Small NASNetMobile RegNetX002 RegNetX004 RegNetX006 RegNetX008 RegNetY002
    RegNetY004 RegNetY006 RegNetY008 ResNet50 ResNet101 ResNet50V2 ResNet101V2 ResNetRS50 VGG16 VGG19 Xception
""".split()  # noqa: SIM905 - as readable as can be
"""Input sides are 96 pixels; the weights are random."""

LAYERS: dict[str, tuple[tuple[int, ...], str]] = {
    "Conv1D": ((16, 4), "L.Conv1D(6, 3)(x)"),
    "Conv1DTranspose": ((16, 4), "L.Conv1DTranspose(6, 3, strides=2)(x)"),
    "Conv2D": ((12, 12, 4), "L.Conv2D(6, 3, activation='relu')(x)"),
    "Conv2D, grouped": ((12, 12, 4), "L.Conv2D(6, 3, groups=2)(x)"),
    "Conv2DTranspose": ((12, 12, 4), "L.Conv2DTranspose(6, 3, strides=2)(x)"),
    "Conv3D": ((6, 8, 8, 2), "L.Conv3D(4, 3)(x)"),
    "Conv3DTranspose": ((4, 6, 6, 2), "L.Conv3DTranspose(4, 3)(x)"),
    "DepthwiseConv1D": ((16, 4), "L.DepthwiseConv1D(3)(x)"),
    "DepthwiseConv2D": ((12, 12, 4), "L.DepthwiseConv2D(3)(x)"),
    "SeparableConv1D": ((16, 4), "L.SeparableConv1D(6, 3)(x)"),
    "SeparableConv2D": ((12, 12, 4), "L.SeparableConv2D(6, 3)(x)"),
    "Dense": ((12,), "L.Dense(6)(x)"),
    "EinsumDense": ((8, 4), "L.EinsumDense('abc,cd->abd', output_shape=(8, 6))(x)"),
    "Embedding": ((10,), "L.Embedding(20, 6)(x)"),
    "LSTM": ((10, 4), "L.LSTM(6)(x)"),
    "GRU": ((10, 4), "L.GRU(6)(x)"),
    "SimpleRNN": ((10, 4), "L.SimpleRNN(6)(x)"),
    "Bidirectional LSTM": ((10, 4), "L.Bidirectional(L.LSTM(6))(x)"),
    "TimeDistributed": ((5, 8, 8, 2), "L.TimeDistributed(L.Conv2D(3, 3))(x)"),
    "ConvLSTM2D": ((4, 8, 8, 2), "L.ConvLSTM2D(3, 3)(x)"),
    "MultiHeadAttention": ((10, 8), "L.MultiHeadAttention(2, 4)(x, x)"),
    "GroupQueryAttention": ((10, 8), "L.GroupQueryAttention(4, 4, 2)(x, x)"),
    "Attention": ((10, 8), "L.Attention()([x, x])"),
    "AdditiveAttention": ((10, 8), "L.AdditiveAttention()([x, x])"),
    "BatchNormalization": ((12, 12, 4), "L.BatchNormalization()(x)"),
    "BatchNormalization, synchronized": ((12, 12, 4), "L.BatchNormalization(synchronized=True)(x)"),
    "GroupNormalization": ((12, 12, 4), "L.GroupNormalization(2)(x)"),
    "LayerNormalization": ((10, 8), "L.LayerNormalization()(x)"),
    "RMSNormalization": ((10, 8), "L.RMSNormalization()(x)"),
    "UnitNormalization": ((10, 8), "L.UnitNormalization()(x)"),
    "SpectralNormalization": ((12, 12, 4), "L.SpectralNormalization(L.Conv2D(6, 3))(x)"),
    "Normalization": ((12, 12, 3), "L.Normalization(mean=[.1, .2, .3], variance=[1., 2., 3.])(x)"),
    "Rescaling": ((12, 12, 3), "L.Rescaling(1 / 255)(x)"),
    "Resizing": ((12, 12, 3), "L.Resizing(8, 8)(x)"),
    "CenterCrop": ((12, 12, 3), "L.CenterCrop(8, 8)(x)"),
    "RandomFlip": ((12, 12, 3), "L.RandomFlip()(x)"),
    "RandomRotation": ((12, 12, 3), "L.RandomRotation(0.1)(x)"),
    "RandomZoom": ((12, 12, 3), "L.RandomZoom(0.1)(x)"),
    "RandomContrast": ((12, 12, 3), "L.RandomContrast(0.1)(x)"),
    "RandomBrightness": ((12, 12, 3), "L.RandomBrightness(0.1)(x)"),
    "MaxPooling1D": ((16, 4), "L.MaxPooling1D()(x)"),
    "AveragePooling2D": ((12, 12, 4), "L.AveragePooling2D(3, 2, padding='same')(x)"),
    "MaxPooling3D": ((6, 8, 8, 2), "L.MaxPooling3D()(x)"),
    "GlobalAveragePooling3D": ((6, 8, 8, 2), "L.GlobalAveragePooling3D()(x)"),
    "AdaptiveAveragePooling2D": ((12, 12, 4), "L.AdaptiveAveragePooling2D(4)(x)"),
    "UpSampling2D": ((12, 12, 4), "L.UpSampling2D()(x)"),
    "UpSampling3D": ((4, 4, 4, 2), "L.UpSampling3D()(x)"),
    "ZeroPadding3D": ((4, 4, 4, 2), "L.ZeroPadding3D()(x)"),
    "Cropping1D": ((16, 4), "L.Cropping1D(2)(x)"),
    "PReLU": ((12, 12, 4), "L.PReLU('random_normal')(x)"),
    "ReLU, leaky and capped": ((12, 12, 4), "L.ReLU(3.0, negative_slope=0.1)(x)"),
    "Softmax": ((10, 8), "L.Softmax()(x)"),
    "Activation gelu": ((10, 8), "L.Activation('gelu')(x)"),
    "Dot": ((10, 8), "L.Dot(2)([x, x])"),
    "RepeatVector": ((12,), "L.RepeatVector(4)(x)"),
    "Permute": ((10, 8), "L.Permute((2, 1))(x)"),
    "ops.einsum": ((10, 8), "keras.ops.einsum('abc,adc->abd', x, x)"),
    "two inputs, two outputs": ((12, 12, 4), "TWO"),
}
"""Keras 3's layer -> the shape of a sample, and the layer's call."""


def main(patterns: list[str]) -> None:
    """Measure the rows that are missing in the CSV file."""
    rows = {(row["kind"], row["name"]): row for row in csv.DictReader(OUTPUT.open())} if OUTPUT.exists() else {}
    wanted = [("keras3 layer", name) for name in LAYERS] + [("application", name) for name in APPLICATIONS]
    for kind, name in wanted:
        if (kind, name) in rows or not any(fnmatch.fnmatch(name, pattern) for pattern in patterns or ["*"]):
            continue
        row = _measured(kind, name)
        rows[kind, name] = row
        with OUTPUT.open("w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, restval="")
            writer.writeheader()
            writer.writerows(rows[key] for key in wanted if key in rows)
        print(*row.values(), sep=" | ", flush=True)


def write_table() -> None:
    """Write the rows into the documentation: a cell's difference, or the number of a refusal that stands below."""
    reasons: list[str] = []
    lines = [
        f"| model | to ONNX by | {' | '.join(' '.join(cell) for cell in CELLS)} |",
        "|---" * (len(CELLS) + 2) + "|",
    ]
    for row in csv.DictReader(OUTPUT.open()):
        cells = []
        for cell in (row[" ".join(cell)] for cell in CELLS):
            reason = re.sub(r"^model '[^']*': |^model.keras: |[^ ]*/", "", cell.removeprefix("refused: "))
            if cell.startswith("ok "):
                cells.append(cell[3:])
                continue
            if reason not in reasons:
                reasons.append(reason)
            cells.append(f"({reasons.index(reason) + 1})")
        name = row["name"] if row["kind"] == "application" else f"Keras 3: {row['name']}"
        lines.append(f"| {name} | {row['converter'] or '-'} | {' | '.join(cells)} |")
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, start=1)]
    start, end = "<!-- any_model -->\n", "<!-- /any_model -->"
    before, _, rest = PAGE.read_text().partition(start)
    PAGE.write_text(before + start + "\n".join([*lines, "", *notes]) + "\n" + end + rest.partition(end)[2])


def _measured(kind: str, name: str) -> dict[str, str]:
    """Run a row in processes of its own: one saves the model, others export it, since a converter may end them."""
    row = {"kind": kind, "name": name, "converter": ""}
    with TemporaryDirectory() as folder:
        saved = subprocess.run(
            [sys.executable, __file__, "--save", kind, name, folder], capture_output=True, text=True, check=False
        )
        if saved.returncode:
            return {**row, **{" ".join(cell): f"not built: {' '.join(saved.stderr.split())[-200:]}" for cell in CELLS}}
        left = [" ".join(cell) for cell in CELLS]
        while left:
            for cell, converter, result in _run_cells(kind, left, folder):
                row[cell] = result
                row["converter"] = converter or row["converter"]
                left.remove(cell)
    return row


def _run_cells(kind: str, cells: list[str], folder: str) -> list[tuple[str, str, str]]:
    """Return cell, converter and result of the cells that one process manages, at least of the first."""
    child = [sys.executable, __file__, "--cells", kind, folder, *cells]
    try:
        done = subprocess.run(child, capture_output=True, text=True, timeout=SECONDS, check=False)
        output, fault = done.stdout, f"the process ended with code {done.returncode}"
    except subprocess.TimeoutExpired as error:
        output, fault = (error.stdout or b"").decode(), f"no result within {SECONDS} s"
    lines = [line[7:].split("|", 2) for line in output.splitlines() if line.startswith("RESULT ")]
    found = [(cell, converter, result) for cell, converter, result in lines]
    return found if len(found) == len(cells) else [*found, (cells[len(found)], "", fault)]


def _save(kind: str, name: str, folder: Path) -> None:
    """Build the model and save it as its users do."""
    if kind == "application":
        import tf_keras
        from tf_keras.applications import convnext, efficientnet_v2, regnet, resnet_rs

        tf_keras.utils.set_random_seed(0)
        homes = (tf_keras.applications, convnext, efficientnet_v2, regnet, resnet_rs)
        builder = next(getattr(home, name) for home in homes if hasattr(home, name))
        model = builder(weights=None, input_shape=(96, 96, 3), classes=10)
        _give_answers(model)
        model.save(folder / "model.keras")
        return
    import keras

    keras.utils.set_random_seed(0)
    shape, call = LAYERS[name]
    x = keras.Input(shape)
    if call == "TWO":
        other = keras.Input((5,), name="vector")
        flat = keras.layers.Flatten()(keras.layers.Conv2D(4, 3)(x))
        both = keras.layers.Concatenate()([flat, keras.layers.Dense(4)(other)])
        outputs: Any = [keras.layers.Dense(3, name="first")(both), keras.layers.Dense(2, name="second")(both)]
        keras.Model([x, other], outputs).save(folder / "model.keras")
        return
    y = eval(call, {"keras": keras, "L": keras.layers, "x": x})  # of the table above
    y = keras.layers.Dense(5)(keras.layers.Flatten()(y))
    keras.Model(x, y).save(folder / "model.keras")


def _give_answers(model: Any) -> None:
    """Set random weights, and the batch statistics of noise, so that signals neither vanish nor explode."""
    import numpy as np

    from sqnxt_tf.networks.noise_statistics import set_noise_statistics

    random = np.random.default_rng(7)
    for weight in model.weights:
        if "kernel" in weight.name and weight.shape.rank in (2, 4):
            inputs = weight.shape[:2] if "depthwise" in weight.name else weight.shape[:-1]
            weight.assign(random.normal(0, (1.5 / np.prod(inputs)) ** 0.5, weight.shape))
    middle = 0.0 if _scales_itself(model) else 127.5
    set_noise_statistics(model, mean=[middle], scale=[middle or 1.0], seed=3)


def _print_cells(kind: str, folder: Path, cells: list[str]) -> None:
    """Export the cells, and print each result as soon as it is there."""
    from sqnxt_export import ExportError, load_model

    try:
        model = load_model(folder / "model.keras")
    except ExportError as error:
        for cell in cells:
            print(f"RESULT {cell}||refused: {_plain(error, folder)}", flush=True)
        return
    for cell in cells:
        print(f"RESULT {cell}|{_cell(model, kind, cell, folder)}", flush=True)


def _cell(model: Any, kind: str, cell: str, folder: Path) -> str:
    """Export one cell and return the converter and the result."""
    from sqnxt_export import ArtifactOptions, ExportError, ExportSamples, export_model
    from sqnxt_export.runtimes.signatures import signature_of
    from sqnxt_export.runtimes.tensors import seeded_noise

    format, precision = cell.split()
    inputs = signature_of(model).inputs
    parity, calibration = (seeded_noise(inputs, count, seed) for count, seed in ((16, 1), (256, 2)))
    if kind == "application":
        parity, calibration = (_pictures(model, count, seed) for count, seed in ((4, 1), (16, 2)))
    try:
        result = export_model(
            model,
            folder / f"{precision}.{format}",
            ArtifactOptions(format=format, precision=precision),
            ExportSamples(parity=parity, calibration=calibration),
            force=True,
        )
    except ExportError as error:
        return f"|refused: {_plain(error, folder)}"
    by = "tf2onnx" if any("converted by tf2onnx" in note for note in result.notes) else "layers"
    return f"{by if format == 'onnx' else ''}|ok {result.parity.max_rel_diff:.1e}"


def _pictures(model: Any, count: int, seed: int) -> Any:
    """Return smooth random pictures, of 0 to 255 where the network scales them itself."""
    import numpy as np

    grid = np.random.default_rng(seed).uniform(-1, 1, (count, 6, 6, 3)).repeat(16, 1).repeat(16, 2)
    return ((127.5 * (grid + 1)) if _scales_itself(model) else grid).astype(np.float32)


def _scales_itself(model: Any) -> bool:
    return any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in model.layers)


def _plain(error: Exception, folder: Path) -> str:
    return str(error).replace(f"{folder}/", "")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--save"]:
        _save(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    elif sys.argv[1:2] == ["--cells"]:
        _print_cells(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
    elif sys.argv[1:] == ["--table"]:
        write_table()
    else:
        main(sys.argv[1:])
