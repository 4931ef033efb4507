"""How a file is loaded in four runtimes, as code that a model card shows."""

from __future__ import annotations

import json
from string import Template

_ONNX = (
    (
        "onnxruntime (Python)",
        "python",
        """
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession($name, providers=["CPUExecutionProvider"])
given = {item.name: np.zeros([side if isinstance(side, int) else 1 for side in item.shape], $dtype)
         for item in session.get_inputs()}
outputs = session.run(None, given)
""",
    ),
    (
        "onnx's reference evaluator (Python)",
        "python",
        """
import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

model = onnx.load($name)
given = {item.name: np.zeros([side.dim_value or 1 for side in item.type.tensor_type.shape.dim], $dtype)
         for item in model.graph.input}
outputs = ReferenceEvaluator(model).run(None, given)
""",
    ),
    (
        "onnxruntime-web (browser) and onnxruntime-node",
        "javascript",
        """
const session = await ort.InferenceSession.create($name);
const values = new ort.Tensor("$js_type", data, shape);  // data: a typed array
const outputs = await session.run({ [session.inputNames[0]]: values });
""",
    ),
    (
        "onnxruntime (C++)",
        "cpp",
        """
Ort::Env env;
Ort::Session session(env, $name, Ort::SessionOptions{});
// session.Run(Ort::RunOptions{}, input_names, &input, 1, output_names, 1)
""",
    ),
)
_TFLITE = (
    (
        "LiteRT (Python)",
        "python",
        """
import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter(model_path=$name)
interpreter.allocate_tensors()
for item in interpreter.get_input_details():
    interpreter.set_tensor(item["index"], np.zeros(item["shape"], item["dtype"]))
interpreter.invoke()
outputs = [interpreter.get_tensor(item["index"]) for item in interpreter.get_output_details()]
""",
    ),
    (
        "TensorFlow (Python)",
        "python",
        """
import tensorflow as tf

interpreter = tf.lite.Interpreter(model_path=$name)
interpreter.allocate_tensors()
# set_tensor, invoke and get_tensor as in LiteRT
""",
    ),
    (
        "TensorFlow Lite Micro (Python, on a host; float16 is refused there)",
        "python",
        """
import numpy as np
from tflite_micro import runtime

interpreter = runtime.Interpreter.from_file($name)
item = interpreter.get_input_details(0)
interpreter.set_input(np.zeros(item["shape"], item["dtype"]), 0)
interpreter.invoke()
outputs = interpreter.get_output(0)
""",
    ),
    (
        "LiteRT.js (browser; float32 or uint8 at input and output)",
        "javascript",
        """
import { loadLiteRt, loadAndCompile, Tensor } from "@litertjs/core";

await loadLiteRt("./litert/wasm/");
const model = await loadAndCompile($name, { accelerator: "wasm" });
const [output] = await model.run(new Tensor(data, shape));  // delete() every tensor after use
""",
    ),
)
_KERAS = (
    (
        "tf_keras (Python)",
        "python",
        """
from sqnxt_export import load_keras

model = load_keras($name)  # refuses files that would run code
""",
    ),
)
_SNIPPETS = {"onnx": _ONNX, "tflite": _TFLITE, "keras": _KERAS}


def loading_code(name: str, format: str, *, pixels: bool = False) -> list[tuple[str, str, str]]:
    """Return runtime, language and code for each runtime that loads a file of a format.

    Args:
        name: Name of the file, which is quoted as a string of the language.
        format: "onnx", "tflite" or "keras".
        pixels: Whether the file takes unchanged uint8 pixels.
    """
    words = {
        "name": json.dumps(name),  # a string in all three languages
        "dtype": "np.uint8" if pixels else "np.float32",
        "js_type": "uint8" if pixels else "float32",
    }
    return [(runtime, language, Template(code).substitute(words)) for runtime, language, code in _SNIPPETS[format]]
