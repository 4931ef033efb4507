"""Entry point of `python -m sqnxt_tf`."""

from __future__ import annotations

from sqnxt_tf.cli.main import run

if __name__ == "__main__":
    run()
