"""Write the networks of this folder that onnxruntime.quantization makes from a float one, with its counts."""

from __future__ import annotations

import csv
import sys
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

# name -> (shape, places of the map that each weight meets)
WEIGHTS = {
    "w1": ((4, 3, 3, 3), 8 * 8),
    "w2": ((4, 1, 3, 3), 4 * 4),
    "w3": ((6, 8), 1),
    "w4": ((6, 5), 1),
}
MACS = sum(prod(shape) * places for shape, places in WEIGHTS.values())


def float_model(path: str) -> None:
    """Build a network of every operator that onnxruntime quantises in its own way."""
    generator = np.random.default_rng(0)
    nodes = [
        make_node("Conv", ["x", "w1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        make_node("Relu", ["c1"], ["r1"], name="relu1"),
        make_node("MaxPool", ["r1"], ["p1"], name="pool", kernel_shape=[2, 2], strides=[2, 2]),
        make_node("Conv", ["p1", "w2", "b2"], ["c2"], name="conv2", group=4, pads=[1, 1, 1, 1]),
        make_node("Add", ["c2", "p1"], ["a"], name="add"),
        make_node("LeakyRelu", ["a"], ["lr"], name="leaky"),
        make_node("AveragePool", ["lr"], ["ap"], name="average", kernel_shape=[2, 2], strides=[2, 2]),
        make_node("Concat", ["ap", "ap"], ["cc"], name="concat", axis=1),
        make_node("Sigmoid", ["cc"], ["sg"], name="sigmoid"),
        make_node("Mul", ["sg", "cc"], ["ml"], name="mul"),
        make_node("GlobalAveragePool", ["ml"], ["g"], name="global"),
        make_node("Flatten", ["g"], ["f"], name="flatten"),
        make_node("Gemm", ["f", "w3", "b3"], ["fc"], name="gemm", transB=1),
        make_node("MatMul", ["fc", "w4"], ["mm"], name="matmul"),
        make_node("Softmax", ["mm"], ["y"], name="softmax"),
    ]
    tensors = {name: generator.normal(size=shape) for name, (shape, _) in WEIGHTS.items()}
    tensors = {name: np.where(np.abs(value) < 0.3, 0, value) for name, value in tensors.items()}
    tensors |= {"b2": generator.normal(size=4), "b3": generator.normal(size=6)}
    graph = make_graph(
        nodes,
        "graph",
        [make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [make_tensor_value_info("y", TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in tensors.items()],
    )
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 13)], ir_version=8), path)


class Calibration(CalibrationDataReader):
    """Reader of three images of noise."""

    def __init__(self) -> None:
        generator = np.random.default_rng(1)
        self._images = iter(generator.normal(size=(3, 1, 3, 8, 8)).astype(np.float32))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next image, or None."""
        image = next(self._images, None)
        return None if image is None else {"x": image}


def nonzero(file: str) -> int:
    """Count weights that differ from their zero point, per tensor or along the first axis (the last of a matrix)."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(file).graph.initializer}
    count = 0
    for name, (shape, _) in WEIGHTS.items():
        values = tensors[f"{name}_quantized"]
        zero_point = tensors[f"{name}_zero_point"]
        if zero_point.size > 1:
            axis = values.shape.index(zero_point.size) if len(shape) == 2 else 0
            zero_point = zero_point.reshape([-1 if place == axis else 1 for place in range(values.ndim)])
        count += int(np.count_nonzero(values != zero_point))
    return count


def main() -> None:
    """Write the files, and print their rows of `macs.csv`."""
    source = "float.onnx"
    float_model(source)
    files = []
    for suffix, per_channel, kind in (("", False, QuantType.QUInt8), ("-per-channel", True, QuantType.QInt8)):
        file = f"onnxruntime-qoperator{suffix}.onnx"
        form = {"quant_format": QuantFormat.QOperator, "per_channel": per_channel}
        quantize_static(source, file, Calibration(), activation_type=QuantType.QUInt8, weight_type=kind, **form)
        files.append(file)
        file = f"onnxruntime-dynamic{suffix}.onnx"
        ops = ["Conv", "Gemm", "MatMul"]
        quantize_dynamic(source, file, per_channel=per_channel, weight_type=kind, op_types_to_quantize=ops)
        files.append(file)
    # At opset 13 ONNX has no Q/DQ of 16 bits, so these nodes are onnxruntime's own.
    file = "onnxruntime-qdq-int16.onnx"
    options = {"ActivationSymmetric": True, "WeightSymmetric": True, "UseQDQContribOps": True}
    quantize_static(
        source,
        file,
        Calibration(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt16,
        weight_type=QuantType.QInt16,
        extra_options=options,
    )
    files.append(file)
    Path(source).unlink()
    csv.writer(sys.stdout, lineterminator="\n").writerows((file, MACS, nonzero(file)) for file in files)


if __name__ == "__main__":
    main()
