"""SqueezeNext and its rivals, from Keras to edge silicon.

Each verb of the command line is a function here; TensorFlow is imported by those that need it, when they are called.

    import sqnxt_tf

    sqnxt_tf.summarise("1.0-SqNxt-23v5").macs                    # without TensorFlow
    model = sqnxt_tf.build("sqnxt23v5_w1", classes=10, input_size=64, seed=0)
    sqnxt_tf.train("sqnxt23v5_w1", "digits.keras", data="digits")
    sqnxt_tf.prune("digits.keras", "pruned.keras", sparsity=0.4)
    sqnxt_tf.evolve("digits.keras", "evolved", sizes=(1_500_000, 900_000)).line()
    sqnxt_tf.export("pruned.keras", "digits.onnx", format="onnx", precision="int16")
    sqnxt_tf.compress("pruned.keras", "digits.onnx.sqz").compressed.bytes
    sqnxt_tf.evaluate("digits.onnx", sqnxt_tf.load_data("digits", "test")).top1
    sqnxt_tf.simulate("digits.onnx", "squeezelerator-16x16").cycles
    sqnxt_tf.search("paper", limits={"params": 1e6}).front[0].network   # without TensorFlow
"""

from __future__ import annotations

from sqnxt_base.public_names import offer_public_names

__version__ = "0.2.0"
__all__, __getattr__, __dir__ = offer_public_names(__name__)  # the names stand in __init__.pyi
