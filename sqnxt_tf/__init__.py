"""SqueezeNext and its rivals, from Keras to edge silicon."""

__version__ = "0.1.0"
