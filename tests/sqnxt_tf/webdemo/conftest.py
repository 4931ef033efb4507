"""A small network that is trained on the digits in seconds, its artifacts, and a browser that shows them."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.browsers import missing
from helpers.webdemo_page import KINDS
from sqnxt_export import ArtifactOptions, ExportSamples, Metadata, Preprocessing, export_model
from sqnxt_tf.data.data_source import load_data
from sqnxt_tf.webdemo.site import write_webdemo

SIDE = 16


@pytest.fixture(scope="session")
def digit_artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a network that knows digits, in every precision; files are named as in KINDS."""
    folder = tmp_path_factory.mktemp("digits")
    preprocessing = Preprocessing.plain(SIDE, channels=3)
    train, test = load_data("digits", "train"), load_data("digits", "test")
    images = np.array(train.batch(0, len(train)))
    model = _trained(preprocessing.apply(images), train.labels)
    parity, calibration = np.array(test.batch(0, 64)), images[:256]
    metadata = Metadata(
        network="tiny", labels=train.class_names, preprocessing=preprocessing, data=test.name, input_size=(SIDE, SIDE)
    )
    for name, options in KINDS.items():
        prepare = preprocessing.raw() if "embed_preprocessing" in options else preprocessing
        kind, _, suffix = name.rpartition(".")
        samples = ExportSamples(parity=prepare.apply(parity), calibration=prepare.apply(calibration))
        settings = ArtifactOptions(format=suffix, precision=kind.rpartition("-")[2], **options)
        export_model(model, folder / name, settings, samples, metadata=metadata)
    return folder


def _trained(images: Any, labels: Any) -> Any:
    import tf_keras as keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    image = layers.Input(images.shape[1:], name="image")
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="conv1")(image)
    x = layers.Conv2D(24, 3, strides=2, padding="same", activation="relu", name="conv2")(x)
    x = layers.Dense(48, activation="relu", name="fc1")(layers.Flatten(name="flatten")(x))
    model = keras.Model(image, layers.Dense(10, name="fc2")(x), name="tiny")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss)
    shifted = np.concatenate([np.roll(images, step, axis) for step in (-1, 0, 1) for axis in (1, 2)])
    model.fit(shifted, np.tile(labels, 6), batch_size=32, epochs=4, verbose=0)
    return model


@pytest.fixture(scope="session")
def digit_pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return ten test digits, one of each, as PNG files."""
    folder, data = tmp_path_factory.mktemp("pictures"), load_data("digits", "test")
    chosen = [int(np.flatnonzero(data.labels == digit)[0]) for digit in range(10)]
    for digit, index in enumerate(chosen):
        Image.fromarray(data.image(index)).save(folder / f"{digit}.png")
    return [folder / f"{digit}.png" for digit in range(10)]


@pytest.fixture(scope="session")
def photo_artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a network unlike that of the digits: random weights, a wide grey input, five classes, a softmax."""
    import tf_keras as keras

    keras.utils.set_random_seed(2)
    image = keras.layers.Input((18, 30, 1), name="image")
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="conv")(image)
    x = keras.layers.Dense(5, activation="softmax", name="fc")(keras.layers.Flatten(name="flatten")(x))
    preprocessing = Preprocessing(
        height=18, width=30, channels=1, resize="short_side_crop", mean=(120.0,), scale=(50.0,)
    )
    samples = np.random.default_rng(0).normal(size=(8, 18, 30, 1)).astype(np.float32)
    labels = ("ant", "<b>bee</b>", "cat", "dog", "a very long name of a class that will not fit into any row")
    path = tmp_path_factory.mktemp("photos") / "photos.onnx"
    metadata = Metadata(network="tiny", labels=labels, preprocessing=preprocessing)
    model = keras.Model(image, x, name="photos")
    export_model(model, path, ArtifactOptions(format="onnx"), ExportSamples(parity=samples), metadata=metadata)
    return path


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """A plain static host without headers of its own."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Serve a folder, and yield the address."""
    folder = tmp_path_factory.mktemp("host")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def digit_site(host: tuple[Path, str], digit_artifacts: Path) -> str:
    """Return the address of a site with all artifacts of the digits, in a sub-folder of its host."""
    folder, address = host
    if shutil.which("npm") is None:
        missing("no npm is installed")
    (folder / "some" / "where").mkdir(parents=True)
    write_webdemo([digit_artifacts / name for name in KINDS], folder / "some" / "where" / "digits")
    return f"{address}/some/where/digits/"


@pytest.fixture(scope="session")
def photo_site(host: tuple[Path, str], photo_artifact: Path) -> str:
    """Return the address of a site with one model that is not of digits."""
    folder, address = host
    if shutil.which("npm") is None:
        missing("no npm is installed")
    write_webdemo([photo_artifact], folder / "photos", title="Photos & <i>more</i>")
    return f"{address}/photos/"


@pytest.fixture(scope="session")
def video_of_a_digit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the film of the fake camera: a zero in dark ink on paper that is lighter on one side."""
    from PIL import ImageDraw

    height, width = 240, 320
    shade = np.tile(np.linspace(150, 225, width), (height, 1)).astype(np.uint8)
    paper = Image.fromarray(shade)
    ImageDraw.Draw(paper).ellipse((125, 60, 195, 180), outline=30, width=12)
    luma = np.asarray(paper).astype(np.uint8).tobytes()
    chroma = bytes([128]) * (height // 2 * (width // 2) * 2)
    path = tmp_path_factory.mktemp("video") / "zero.y4m"
    head = f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C420mpeg2\n".encode()
    path.write_bytes(head + (b"FRAME\n" + luma + chroma) * 5)
    return path


@pytest.fixture(scope="session")
def browser(launch_chromium: Callable[..., Any], video_of_a_digit: Path) -> Any:
    """Return headless Chromium with a camera that films a digit."""
    return launch_chromium(
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video_of_a_digit}",
    )
