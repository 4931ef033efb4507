"""`python -m sqnxt_tf.cli`."""

from .main import run

run()
