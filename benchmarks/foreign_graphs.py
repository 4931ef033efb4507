"""ONNX graphs of other makers: do they have the MACs that an independent count gives?

    python benchmarks/foreign_graphs.py FOLDER [--csv OUT.csv]

FOLDER has a folder for each maker (`foreign_graphs_fetch.py` and `foreign_graphs_write.py` fill it). The witness shares
no code with the simulator: onnxruntime runs the graph with every inner tensor as an output, and the MACs follow from
the shapes that it computed. Exits with 1 if a count differs.
"""

import argparse
import csv
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from sqnxt_sim import SimulatorError, Workload, load_accelerator, read_onnx, simulate

# Sizes of free dimensions, by the end of the file's path; every other file takes a batch of 1.
SIZES: dict[str, dict[str, Any]] = {
    "common.onnx": {"input_size": (64, 128)},
    "common_old.onnx": {"input_size": (64, 128)},
    "320n.onnx": {"batch": 1, "input_size": 320},
    "ch_PP-OCRv4_det_infer.onnx": {"batch": 1, "input_size": (320, 480)},
    "ch_PP-OCRv4_rec_infer.onnx": {"batch": 1, "input_size": (48, 320)},
    "ch_ppocr_mobile_v2.0_cls_infer.onnx": {"batch": 1, "input_size": (48, 192)},
    "piper-tts/model.onnx": {"dims": {"batch": 1, "seq": 24}},
    "nakdimon.onnx": {"dims": {"input_1:0": 1, "input_1:1": 24}},
    "silero_vad.onnx": {"dims": {"input:0": 1, "input:1": 576, "state:1": 1}},
    "silero_vad_16k_op15.onnx": {"dims": {"batch": 1, "sequence": 576}},
    "silero_vad_16k_sequence.onnx": {"dims": {"sequence_length": 5}},
    "silero_vad_half.onnx": {"dims": {"batch": 1, "sequence": 576}},
    "silero_vad_op18_ifless.onnx": {"dims": {"batch": 1, "sequence": 576}},
}
# Values of inputs that are no measurements.
VALUES = {"sr": 16000, "input_lengths": 24}
COLUMNS = (
    "maker",
    "file",
    "nodes",
    "layers",
    "macs",
    "counted_macs",
    "equal",
    "without_model",
    "left_out",
    "peak_kb",
)

Shapes = dict[str, tuple[int, ...]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--csv", type=Path)
    arguments = parser.parse_args()
    rows = [row for path in sorted(arguments.folder.glob("*/*.onnx")) if (row := judged(path)) is not None]
    for row in rows:
        print(*(f"{row[name]:>14}" if name != "file" else f"{row[name]:<40}" for name in COLUMNS))
    different = [row for row in rows if row["equal"] != "yes"]
    print(f"{len(rows)} graphs, {len(rows) - len(different)} with equal MACs")
    if arguments.csv:
        with arguments.csv.open("w", encoding="utf-8", newline="") as file:
            file.write("# written by foreign_graphs.py\n")
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    sys.exit(bool(different))


def judged(path: Path) -> dict[str, Any] | None:
    """Read one graph both ways; None for one that holds no weights (they lie in another file that is not shipped)."""
    options = next((sizes for end, sizes in SIZES.items() if str(path).endswith(end)), {})
    try:
        workload = read(path, options)
    except SimulatorError as error:
        print(f"{path.parent.name}/{path.name}: {str(error)[:200]}", file=sys.stderr)
        return None if "external data" in str(error) else failed(path, "refused")
    try:
        counted, left_out = counted_macs(path, workload)
    except Exception as error:
        print(f"{path.parent.name}/{path.name}: onnxruntime: {str(error)[:300]}", file=sys.stderr)
        return failed(path, "not run")
    report = simulate(workload, load_accelerator("squeezelerator-16x16"))
    missing = sorted({layer.op for layer in report.without_model})
    peak = report.peak_activations
    return {
        "maker": path.parent.name,
        "file": path.name,
        "nodes": len({layer.name for layer in workload.layers}),
        "layers": len(workload.conv_layers),
        "macs": report.macs,
        "counted_macs": counted,
        "equal": "yes" if report.macs == counted else "no",
        "without_model": " ".join(missing),
        "left_out": left_out,
        "peak_kb": "" if peak is None else round(report.live_bytes(peak) / 1e3, 1),
    }


def failed(path: Path, why: str) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS, "") | {"maker": path.parent.name, "file": path.name, "equal": why}


def read(path: Path, options: dict[str, Any]) -> Workload:
    if options:
        return read_onnx(path, **options)
    try:
        return read_onnx(path)
    except SimulatorError as error:
        if "dynamic" not in str(error):
            raise
        return read_onnx(path, batch=1)


def counted_macs(path: Path, workload: Workload) -> tuple[int, int]:
    """Return the MACs by the shapes that onnxruntime computes, and the number of products inside branches and loops."""
    model = onnx.load(path)
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    if any(node.op_type == "If" for node in model.graph.node):
        model = without_known_branches(model, workload)
    shapes = run(model, workload)
    for tensor in model.graph.initializer:
        shapes[tensor.name] = tuple(tensor.dims)
    for tensor in model.graph.sparse_initializer:
        shapes[tensor.values.name] = tuple(tensor.dims)
    depends = {value.name for value in model.graph.input} - set(
        shapes.keys() & {t.name for t in model.graph.initializer}
    )
    total = 0
    for node in model.graph.node:
        if depends & set(node.input) or any(a.type == a.GRAPH for a in node.attribute):
            depends.update(node.output)
            total += macs_of(node, shapes)
    inner = [g for node in model.graph.node for a in node.attribute if a.type == a.GRAPH for g in (a.g,)]
    return total, sum(node.op_type in COUNTERS for graph in inner for node in nodes_in(graph))


def without_known_branches(model: onnx.ModelProto, workload: Workload) -> onnx.ModelProto:
    """Let onnxruntime itself choose the branches whose conditions follow from fixed shapes."""
    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in known]
    for value, shape in zip(inputs, workload.input_shapes, strict=True):
        for dim, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
            dim.dim_value = size
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except Fail:  # fixed sizes contradict a branch that is not taken
            return model
        return onnx.load(options.optimized_model_filepath)


def nodes_in(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == attribute.GRAPH:
                yield from nodes_in(attribute.g)


def run(model: onnx.ModelProto, workload: Workload) -> Shapes:
    """Return the shape of every tensor that one run with random inputs computes."""
    known = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in known]
    traced = onnx.ModelProto()
    traced.CopyFrom(model)
    declared = {value.name for value in traced.graph.output}
    for node in traced.graph.node:
        traced.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in node.output if name and name not in declared
        )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(traced.SerializeToString(), options, providers=["CPUExecutionProvider"])
    random, feeds = np.random.default_rng(0), {}
    for value, shape in zip(inputs, workload.input_shapes, strict=True):
        kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        filled = random.random(shape) if value.name not in VALUES else np.full(shape, VALUES[value.name])
        feeds[value.name] = np.asarray(filled).astype(kind)
    names = [output.name for output in session.get_outputs()]
    shapes = {name: value.shape for name, value in feeds.items()}
    shapes |= {name: np.shape(value) for name, value in zip(names, session.run(names, feeds), strict=True)}
    return shapes


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    return next((onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def macs_of(node: onnx.NodeProto, shapes: Shapes) -> int:
    count = COUNTERS.get(node.op_type)
    return count(node, shapes) if count else 0


def convolution(weights: int) -> Callable[[onnx.NodeProto, Shapes], int]:
    return lambda node, shapes: math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[weights]][1:])


def transposed(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Every output value takes a MAC for each tap that meets it, borders included."""
    weights, output = shapes[node.input[1]], shapes[node.output[0]]
    rank = len(weights) - 2
    strides, dilations, pads = (
        attribute(node, name, [default] * count)
        for name, default, count in (("strides", 1, rank), ("dilations", 1, rank), ("pads", 0, 2 * rank))
    )
    meetings = [
        sum(
            (y + pads[axis] - tap * dilations[axis]) % strides[axis] == 0
            for y in range(output[2 + axis])
            for tap in range(weights[2 + axis])
        )
        for axis in range(rank)
    ]
    return output[0] * weights[0] * weights[1] * math.prod(meetings)


def product(first: int, second: int) -> Callable[[onnx.NodeProto, Shapes], int]:
    def count(node: onnx.NodeProto, shapes: Shapes) -> int:
        data = shapes[node.input[first]]
        shared = data[-2] if attribute(node, "transA", 0) else data[-1]
        return math.prod(shapes[node.output[0]]) * shared

    return count


def recurrent(gates: int) -> Callable[[onnx.NodeProto, Shapes], int]:
    """Each step multiplies every gate by the input and by the hidden state."""

    def count(node: onnx.NodeProto, shapes: Shapes) -> int:
        steps_and_batch = math.prod(shapes[node.input[0]][:2])
        directions, _, hidden = shapes[node.input[2]]
        return steps_and_batch * directions * gates * hidden * (shapes[node.input[0]][2] + hidden)

    return count


def quantised_lstm(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Its weights are [directions, channels, gates]."""
    steps_and_batch = math.prod(shapes[node.input[0]][:2])
    return steps_and_batch * math.prod(shapes[node.input[2]]) + steps_and_batch * math.prod(shapes[node.input[1]])


def einsum(node: onnx.NodeProto, shapes: Shapes) -> int:
    before, _, result = attribute(node, "equation", b"").decode().replace(" ", "").partition("->")
    operands = before.split(",")
    if len(operands) != 2 or not set(before) - set(result) - {","}:
        return 0  # nothing is summed up
    sizes = {letter: size for term, name in zip(operands, node.input, strict=True)
             for letter, size in zip(term, shapes[name], strict=True)}  # fmt: skip
    return math.prod(sizes.values())


def attention(node: onnx.NodeProto, shapes: Shapes) -> int:
    """ONNX's own operator on [batch, heads, positions, channels]."""
    queries, keys, values = (shapes[name] for name in node.input[:3])
    return math.prod(queries) * keys[2] + math.prod(queries[:3]) * keys[2] * values[3]


COUNTERS: dict[str, Callable[[onnx.NodeProto, Shapes], int]] = {
    "Conv": convolution(1),
    "FusedConv": convolution(1),
    "ConvInteger": convolution(1),
    "QLinearConv": convolution(3),
    "ConvTranspose": transposed,
    "Gemm": product(0, 1),
    "FusedGemm": product(0, 1),
    "MatMul": product(0, 1),
    "FusedMatMul": product(0, 1),
    "MatMulInteger": product(0, 1),
    "DynamicQuantizeMatMul": product(0, 1),
    "QLinearMatMul": product(0, 3),
    "QGemm": product(0, 3),
    "LSTM": recurrent(4),
    "GRU": recurrent(3),
    "RNN": recurrent(1),
    "DynamicQuantizeLSTM": quantised_lstm,
    "Einsum": einsum,
    "Attention": attention,
}

if __name__ == "__main__":
    main()
