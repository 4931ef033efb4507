"""`python -m sqnxt_tf.cli`."""

from __future__ import annotations

from sqnxt_tf.cli.main import start

start()
