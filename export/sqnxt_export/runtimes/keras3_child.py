"""The program of the process in which Keras 3 loads a checked file and exports it to a SavedModel.

It runs apart, since Keras 3 and tf_keras share global state in one process, and with a bound on its memory, since Keras
allocates what a config describes before it looks at the weights.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def main(model: str, folder: str, most_bytes: str) -> None:
    """Export the model file to a folder, with at most so many bytes of data in memory."""
    _limit_memory(int(most_bytes))
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow

    original = tensorflow.function

    def function(*arguments: Any, **options: Any) -> Any:
        """Make a function that is not compiled: converters cannot read the compiled grouped convolution."""
        options.pop("jit_compile", None)
        return original(*arguments, **options)

    tensorflow.function = function
    loaded = keras.saving.load_model(model, compile=False, safe_mode=True)
    loaded.export(folder, format="tf_saved_model", verbose=False)


def _limit_memory(most_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))


if __name__ == "__main__":
    main(*sys.argv[1:])
