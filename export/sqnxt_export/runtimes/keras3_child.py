"""The program of the process in which Keras 3 loads a checked file and exports it to a SavedModel.

It runs apart, since Keras 3 and tf_keras share global state in one process, and with a bound on its memory, since Keras
allocates what a config describes before it looks at the weights.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from sqnxt_base.watching import end_with_parent


def main(model: str, folder: str, most_bytes: str) -> None:
    """Export the model file to a folder, with at most so many bytes of data in memory."""
    end_with_parent()
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
    loaded.export(folder, format="tf_saved_model", verbose=False, **_one_at_a_time(keras, loaded))


def _one_at_a_time(keras: Any, model: Any) -> dict[str, Any]:
    """Return the option that fixes the batch of a recurrent model to one, which the conversion to TFLite needs."""
    layers = model._flatten_layers()
    if not any(part in type(layer).__name__ for layer in layers for part in ("LSTM", "GRU", "RNN")):
        return {}
    specs = [keras.InputSpec(dtype=x.dtype, shape=(1, *x.shape[1:]), name=x.name) for x in model.inputs]
    return {"input_signature": specs}


def _limit_memory(most_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))


if __name__ == "__main__":
    main(*sys.argv[1:])
