"""A trained network that comes with the package, so that every verb of a device can be tried at once.

| file | what it is |
|---|---|
| `digits.onnx` | float32: a SqueezeNext of four blocks, trained for 60 epochs on the bundled digits |
| `digits.tflite` | the same network in int8 |
| `seven.png` | a digit of the test part, which neither has seen |

They were made by `train --network sqnxt_1-1-1-1_w1d2_k3_conv-first --data digits --epochs 60`, and by `export` with
`-o digits.onnx` and with `-o digits.tflite --precision int8`.
"""

from __future__ import annotations

from pathlib import Path

from sqnxt_tf.errors import SqnxtError

BUNDLED = ("digits.onnx", "digits.tflite", "seven.png")


def bundled_file(name: str) -> Path:
    """Return the path of a file that comes with the package: `digits.onnx`, `digits.tflite` or `seven.png`.

    Raises:
        SqnxtError: There is none of that name.
    """
    if name not in BUNDLED:
        raise SqnxtError(f"file {name!r}", "does not come with the package", f"name one of {', '.join(BUNDLED)}")
    return Path(__file__).with_name(name)
