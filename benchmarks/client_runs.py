"""Run artifacts in one client; this file is started in the client's own environment, which need not have sqnxt-tf.

    python client_runs.py CLIENT SAMPLES.npy FILE...

SAMPLES are float32 [n, height, width, channels]. A line of JSON a FILE goes to the standard output: the outputs, or the
reason why the client refuses the file. A client that ends the process leaves the lines before.
"""

import contextlib
import importlib.metadata
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

LONGEST_REASON = 160


def main(client, samples, files):
    with contextlib.redirect_stdout(sys.stderr):
        images = np.load(samples)
        package, run = CLIENTS[client]
        version = importlib.metadata.version(package)
        for file in files:
            try:
                answer = {"outputs": np.asarray(run(str(Path(file).resolve()), images), np.float64).tolist()}
            except Exception as error:
                answer = {"reason": reason_of(error)}
            line = json.dumps({"file": file, "version": version, **answer})
            print(line, file=sys.__stdout__, flush=True)


def reason_of(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:LONGEST_REASON]


def channels_first(images):
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def one_by_one(images, run):
    return np.concatenate([np.asarray(run(image[None])).reshape(1, -1) for image in images])


def onnxruntime(file, images):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return one_by_one(channels_first(images), lambda image: session.run(None, {name: image})[0])


def openvino(file, images):
    from openvino import Core

    compiled = Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    images = channels_first(images) if file.endswith(".onnx") else images
    return one_by_one(images, lambda image: compiled([image])[0])


def opencv(file, images):
    import cv2

    if file.endswith(".onnx"):
        net, images = cv2.dnn.readNetFromONNX(file), channels_first(images)
    else:
        net, images = cv2.dnn.readNetFromTFLite(file), channels_first(images)

    def run(image):
        net.setInput(image)
        return net.forward()

    return one_by_one(images, run)


def tract(file, images):
    import tract

    model = tract.onnx().load(file).into_model().into_runnable()
    return one_by_one(channels_first(images), lambda image: model.run([image])[0].to_numpy())


def ncnn(file, images):
    import ncnn

    height, width, channels = images.shape[1:]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "net.onnx"
        copy.write_bytes(Path(file).read_bytes())
        tool = Path(sys.executable).parent / "pnnx"
        shape = f"inputshape=[1,{channels},{height},{width}]f32"
        done = subprocess.run([tool, copy, shape, "fp16=0"], cwd=folder, capture_output=True, text=True, check=False)
        parts = [Path(folder) / f"net.ncnn.{kind}" for kind in ("param", "bin")]
        if not all(part.exists() for part in parts):
            raise RuntimeError(f"pnnx: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
        net = ncnn.Net()
        net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = net.opt.use_fp16_packed = False
        if net.load_param(str(parts[0])) or net.load_model(str(parts[1])):
            raise RuntimeError("ncnn does not load what pnnx wrote")

        def run(image):
            extractor = net.create_extractor()
            extractor.input("in0", ncnn.Mat(image[0]).clone())
            code, output = extractor.extract("out0")
            if code:
                raise RuntimeError(f"ncnn: code {code}")
            return np.array(output)

        return one_by_one(channels_first(images), run)


def mnn(file, images):
    import MNN

    framework = "ONNX" if file.endswith(".onnx") else "TFLITE"
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "net.mnn")
        tool = str(Path(sys.executable).parent / "mnnconvert")
        command = [tool, "-f", framework, "--modelFile", file, "--MNNModel", target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not Path(target).exists():
            raise RuntimeError(f"mnnconvert: {(done.stderr + done.stdout).strip().splitlines()[-1]}")
        interpreter = MNN.Interpreter(target)
        session = interpreter.createSession()
        tensor = interpreter.getSessionInput(session)
        first = framework == "ONNX"
        images = channels_first(images) if first else images
        layout = MNN.Tensor_DimensionType_Caffe if first else MNN.Tensor_DimensionType_Tensorflow

        def run(image):
            given = MNN.Tensor(image.shape, MNN.Halide_Type_Float, image, layout)
            tensor.copyFrom(given)
            interpreter.runSession(session)
            output = interpreter.getSessionOutput(session)
            shape = output.getShape()
            values = np.zeros(shape, np.float32)
            host = MNN.Tensor(shape, MNN.Halide_Type_Float, values, MNN.Tensor_DimensionType_Caffe)
            output.copyToHostTensor(host)
            return np.array(host.getNumpyData())

        return one_by_one(images, run)


def reference(file, images):
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(onnx.load(file))
    name = evaluator.input_names[0]
    return one_by_one(channels_first(images), lambda image: evaluator.run(None, {name: image})[0])


def onnxsim(file, images):
    import onnx
    import onnxsim

    model, right = onnxsim.simplify(onnx.load(file))
    if not right:
        raise RuntimeError("onnxsim's own check of the simplified graph fails")
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "net.onnx")
        onnx.save(model, target)
        return onnxruntime(target, images)


def onnx2torch(file, images):
    import torch
    from onnx2torch import convert

    model = convert(file).eval()
    with torch.no_grad():
        return one_by_one(channels_first(images), lambda image: model(torch.from_numpy(image)).numpy())


def litert(file, images):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=file)
    interpreter.allocate_tensors()
    given, taken = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(image):
        interpreter.set_tensor(given, image)
        interpreter.invoke()
        return interpreter.get_tensor(taken)

    return one_by_one(images, run)


def litert_compiled(file, images):
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(file)
    given, taken = model.create_input_buffers(0), model.create_output_buffers(0)
    size = model.get_output_buffer_requirements(0, 0)["buffer_size"] // 4

    def run(image):
        given[0].write(np.ascontiguousarray(image))
        model.run_by_index(0, given, taken)
        return taken[0].read(size, np.float32)

    return one_by_one(images, run)


def tflite_micro(file, images):
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(file)

    def run(image):
        interpreter.set_input(image, 0)
        interpreter.invoke()
        return interpreter.get_output(0)

    return one_by_one(images, run)


def vela(file, images):
    """Compile for an Ethos-U55; there is nothing to run it on, so there are no outputs."""
    with tempfile.TemporaryDirectory() as folder:
        tool = Path(sys.executable).parent / "vela"
        done = subprocess.run([tool, file, "--output-dir", folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError((done.stderr + done.stdout).strip().splitlines()[-1])
        if "NPU operators = 0 " in done.stdout:
            raise RuntimeError("no operator is mapped to the NPU")
    return np.zeros((0, 0))


CLIENTS = {
    "onnxruntime": ("onnxruntime", onnxruntime),
    "openvino": ("openvino", openvino),
    "opencv": ("opencv-python-headless", opencv),
    "tract": ("tract", tract),
    "ncnn": ("ncnn", ncnn),
    "mnn": ("MNN", mnn),
    "reference": ("onnx", reference),
    "onnxsim": ("onnxsim", onnxsim),
    "onnx2torch": ("onnx2torch", onnx2torch),
    "litert": ("ai-edge-litert", litert),
    "litert-compiled": ("ai-edge-litert", litert_compiled),
    "tflite-micro": ("tflite-micro", tflite_micro),
    "vela": ("ethos-u-vela", vela),
}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
