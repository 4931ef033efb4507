"""The call of tf2onnx: a frozen TensorFlow graph in, an ONNX model out, with what its last release lacks made good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from sqnxt_export._libraries import require

NEWEST_OPSET = 18
"""The newest operator set that tf2onnx 1.17 writes."""


def run_tf2onnx(
    function: Any, given: Sequence[str], made: Sequence[str], first: tuple[Sequence[str], Sequence[str]]
) -> onnx.ModelProto:
    """Convert a concrete function.

    Args:
        function: TensorFlow's concrete function.
        given: Names of its inputs, without captured variables.
        made: Names of its outputs.
        first: Names of the inputs, and of the outputs, that become channels first.
    """
    converter = require("tf2onnx", "to convert what the converter of layers does not know")
    frozen = converter.tf_loader.from_function(function, list(given), list(made))

    def converted(catch_errors: bool) -> onnx.ModelProto:
        with require("tensorflow", "to convert a model").Graph().as_default() as graph:
            require("tensorflow", "to convert a model").import_graph_def(frozen, name="")
            traced = converter.tfonnx.process_tf_graph(
                graph,
                opset=NEWEST_OPSET,
                continue_on_error=True,
                input_names=list(given),
                output_names=list(made),
                inputs_as_nchw=list(first[0]),
                outputs_as_nchw=list(first[1]),
                custom_op_handlers={"Erfc": (_erfc, [])},
            )
        _give_scalars_a_side(traced)
        return _optimised(converter, traced, catch_errors=catch_errors)

    try:
        return converted(False)
    except Exception:  # one of its optimisers failed half way: leave that one out, at the price of copies of the graph
        return converted(True)


def _optimised(converter: Any, traced: Any, *, catch_errors: bool) -> onnx.ModelProto:
    """Return the optimised graph, whose protobuf is written once, at the end.

    tf2onnx writes it after each of two dozen passes, and a protobuf keeps the memory of what was replaced in it: 3.5 GB
    for a VGG of 160 MB.
    """
    traced.update_proto = lambda *_: None
    graph = converter.optimizer.optimize_graph(traced, catch_errors=catch_errors)
    del graph.update_proto  # a copy has it too
    model: onnx.ModelProto = graph.make_model("traced")
    return model


def _erfc(context: Any, node: Any, name: str, args: Any) -> None:
    """Write TensorFlow's Erfc, which tf2onnx does not know, as 1 - Erf; Keras's GELU has it."""
    node.type = "Erf"
    one = context.make_const(f"{name}/one", np.array([1], np.float32))
    context.insert_new_node_on_output("Sub", node.output[0], name=f"{name}/sub", inputs=[one.output[0], node.output[0]])


def _give_scalars_a_side(graph: Any) -> None:
    """Make scalars that are added vectors of one value: tf2onnx's optimiser of transposes fails on scalars.

    It would then leave every transpose of the graph where it is.
    """
    for node in [node for node in graph.get_nodes() if node.type == "Add"]:
        for number, source in enumerate(node.inputs):
            if source is not None and source.is_const():
                value = source.get_tensor_value(as_list=False)
                if np.ndim(value) == 0 and graph.get_rank(node.output[0]):
                    vector = graph.make_const(f"{node.name}__side{number}", np.reshape(value, (1,)))
                    node.input[number] = vector.output[0]
