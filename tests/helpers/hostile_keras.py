"""Well-formed .keras files that build at once and take memory or time without bound when they are built or run."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Templates = Mapping[str, bytes]
"""Name -> a small good file, whose config the kinds below change."""


def make_templates(folder: Path) -> Templates:
    """Write the good files."""
    import tf_keras as keras

    from sqnxt_export import save_keras

    layers = keras.layers
    middles: dict[str, list[Any]] = {
        "up": [layers.UpSampling2D(2, name="a"), layers.UpSampling2D(2, name="b")],
        "pad": [layers.ZeroPadding2D(1, name="a")],
        "dilated": [layers.Conv2D(4, 3, dilation_rate=2, padding="same", name="a")],
        "chain": [layers.ReLU(name="r0")],
    }
    found = {}
    for name, middle in middles.items():
        x = image = keras.Input((8, 8, 3), name="x")
        for layer in middle:
            x = layer(x)
        answer = layers.Dense(3, name="answer")(layers.GlobalAveragePooling2D(name="mean")(x))
        path = folder / f"{name}.keras"
        save_keras(keras.Model(image, answer), path)
        found[name] = path.read_bytes()
    return found


def _changed(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Return a file with another config; `change` gets the model's layers by name, in the file's order."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                layers = {layer["name"]: layer for layer in config["config"]["layers"]}
                change(layers)
                config["config"]["layers"] = list(layers.values())
                content = json.dumps(config).encode()
            archive.writestr(name, content)
    return target.getvalue()


def enlarged(templates: Templates, source: random.Random) -> bytes:
    """Repeat every pixel, once or twice."""
    sizes = [source.choice((1, 100, 300, 10_000, (1 << 31) - 1)) for _ in range(2)]

    def change(layers: dict[str, Any]) -> None:
        for name, size in zip("ab", sizes, strict=True):
            layers[name]["config"]["size"] = [size, size]

    return _changed(templates["up"], change)


def padded(templates: Templates, source: random.Random) -> bytes:
    """Lay zeros around the image."""
    width = source.choice((1000, 20_000, 100_000, 1 << 30))

    def change(layers: dict[str, Any]) -> None:
        layers["a"]["config"]["padding"] = [[width, width], [width, source.choice((0, width))]]

    return _changed(templates["pad"], change)


def dilated(templates: Templates, source: random.Random) -> bytes:
    """Set the weights of a kernel far apart."""
    rates = [source.choice((1000, 1_000_000, (1 << 31) - 1)), source.choice((1, 1_000_000))]

    def change(layers: dict[str, Any]) -> None:
        layers["a"]["config"]["dilation_rate"] = rates

    return _changed(templates["dilated"], change)


def disordered(templates: Templates, source: random.Random) -> bytes:
    """Call hundreds or thousands of layers one after the other, and list them in reverse or any order."""
    count = source.choice((50, 200, 2000))

    def change(layers: dict[str, Any]) -> None:
        first = layers["r0"]
        for number in range(1, count):
            name = f"r{number}"
            layers[name] = json.loads(json.dumps(first))
            layers[name]["name"] = layers[name]["config"]["name"] = name
            layers[name]["inbound_nodes"] = [[[f"r{number - 1}", 0, 0, {}]]]
        layers["mean"]["inbound_nodes"] = [[[f"r{count - 1}", 0, 0, {}]]]
        names = list(layers)
        if source.random() < 0.5:
            names.reverse()
        else:
            source.shuffle(names)
        moved = {name: layers[name] for name in names}
        layers.clear()
        layers.update(moved)

    return _changed(templates["chain"], change)


def of_gigabytes(templates: Templates) -> bytes:
    """Return a file whose first run takes tens of gigabytes."""

    def change(layers: dict[str, Any]) -> None:
        layers["a"]["config"]["padding"] = [[20_000, 20_000], [20_000, 20_000]]

    return _changed(templates["pad"], change)


def never_done(templates: Templates) -> bytes:
    """Return a file whose first run does not end."""

    def change(layers: dict[str, Any]) -> None:
        layers["a"]["config"]["dilation_rate"] = [1_000_000, 1_000_000]

    return _changed(templates["dilated"], change)


KERAS_KINDS: Sequence[Callable[[Templates, random.Random], bytes]] = (enlarged, padded, dilated, disordered)


def hostile_keras(templates: Templates, seed: int) -> bytes:
    """Return the file of a seed: the kinds take turns."""
    kind = KERAS_KINDS[seed % len(KERAS_KINDS)]
    return kind(templates, random.Random(f"{kind.__name__} {seed}"))
