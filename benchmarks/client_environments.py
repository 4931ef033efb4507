"""Clients that read artifacts, each in an environment of its own: a venv or an npm folder below a cache folder."""

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ONNX, TFLITE = ("onnx",), ("tflite",)


@dataclass(frozen=True)
class Client:
    """A program that reads artifacts. `run` is its name in client_runs.py, or in client_runs.mjs for npm packages."""

    name: str
    run: str
    requires: tuple[str, ...]
    formats: tuple[str, ...]
    npm: bool = False


CLIENTS = (
    *(
        Client(f"onnxruntime {version or 'newest'}", "onnxruntime", (f"onnxruntime{pin}", numpy), ONNX)
        for version, pin, numpy in (
            ("1.15.1", "==1.15.1", "numpy<2"),
            ("1.18.1", "==1.18.1", "numpy<2"),
            ("", "", "numpy"),
        )
    ),
    Client("onnxruntime-node", "onnxruntime-node", ("onnxruntime-node",), ONNX, npm=True),
    Client("onnxruntime-web", "onnxruntime-web", ("onnxruntime-web",), ONNX, npm=True),
    Client("OpenVINO", "openvino", ("openvino", "numpy"), ("onnx", "tflite")),
    Client("OpenCV", "opencv", ("opencv-python-headless", "numpy"), ("onnx", "tflite")),
    Client("tract", "tract", ("tract", "numpy"), ONNX),
    Client("ncnn by pnnx", "ncnn", ("pnnx", "ncnn", "numpy"), ONNX),
    Client("MNN", "mnn", ("MNN", "numpy"), ("onnx", "tflite")),
    Client("onnx reference evaluator", "reference", ("onnx", "numpy"), ONNX),
    Client("onnxsim", "onnxsim", ("onnxsim", "onnx", "onnxruntime", "numpy"), ONNX),
    Client("onnx2torch", "onnx2torch", ("onnx2torch", "torch", "onnx", "numpy"), ONNX),
    *(
        Client(f"LiteRT {version}", "litert", (f"ai-edge-litert=={version}", numpy), TFLITE)
        for version, numpy in (("1.0.1", "numpy<2"), ("1.1.2", "numpy"), ("1.3.0", "numpy"), ("1.4.0", "numpy"))
    ),
    Client("LiteRT newest", "litert", ("ai-edge-litert", "numpy"), TFLITE),
    Client("LiteRT newest, compiled model", "litert-compiled", ("ai-edge-litert", "numpy"), TFLITE),
    Client("TensorFlow Lite Micro", "tflite-micro", ("tflite-micro", "numpy"), TFLITE),
    Client("Vela", "vela", ("ethos-u-vela",), TFLITE),
)


def command(client, cache):
    """Install a client where it is not yet, and return the beginning of the command that runs files in it.

    Raises:
        subprocess.CalledProcessError: The registry has no such package for this machine.
    """
    here = Path(__file__).resolve().parent
    folder = cache / "environments" / "-".join(sorted(client.requires)).replace("/", "-")
    done = folder / "installed"
    if client.npm:
        if not done.exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text("{}", encoding="utf-8")
            run_quietly(["npm", "install", "--ignore-scripts", *client.requires], folder)
        done.touch()
        return ["node", str(here / "client_runs.mjs"), client.run]
    python = folder / "bin" / "python"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        run_quietly([str(python), "-m", "pip", "install", "--quiet", *client.requires], folder)
        done.touch()
    return [str(python), str(here / "client_runs.py"), client.run]


def working_folder(client, cache):
    """Return the folder in which a client runs: npm packages are looked up from there."""
    return cache / "environments" / "-".join(sorted(client.requires)).replace("/", "-") if client.npm else cache


def own_variables(program):
    """Return the variables of a client's process: `pip` and `python` are its environment's, not the caller's.

    MNN's converter installs packages for its statistics with whatever `pip` it finds, and has broken an installation.
    """
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**environment, "PATH": os.pathsep.join([str(Path(program).parent), os.environ["PATH"]])}


def run_quietly(arguments, folder):
    done = subprocess.run(
        arguments, cwd=folder, env=own_variables(arguments[0]), capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        done.check_returncode()
