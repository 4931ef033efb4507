"""Files on the command line, a few of which come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sqnxt_tf.bundled import BUNDLED, bundled_file


class BundledPathOrName(click.ParamType[str | Path]):
    """A network's name or a path, which the verb itself checks, so that every fault is reported the same way.

    Where there is no such file, `digits.onnx` and the like are the ones that come with the package.
    """

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        """Return the path of a bundled file, and anything else as it is."""
        return bundled_file(value) if value in BUNDLED and not Path(value).exists() else value


class BundledPath(click.ParamType[Path]):
    """The same without names."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        return Path(BundledPathOrName().convert(value, param, ctx))
