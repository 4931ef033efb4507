"""The command line and Python code, run as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Return the document of a command that succeeded."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def error_line(self) -> str:
        """Return the one line that bad input gets."""
        assert self.code == 2, (self.code, self.out, self.err)
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: "), lines
        assert self.out == "", self.out
        return lines[0]


def cli_command(*arguments: object) -> list[str]:
    """Return the command that starts `sqnxt-tf` with some arguments."""
    return [sys.executable, "-m", "sqnxt_tf.cli", *map(str, arguments)]


def run_cli(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 300) -> Answer:
    """Run `sqnxt-tf` in a folder, with variables added to the environment."""
    done = subprocess.run(
        cli_command(*arguments), cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True,
        timeout=timeout, check=False,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout, done.stderr)


def run_python(
    code: str, *arguments: object, cwd: Path | None = None, check: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a fresh interpreter."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=check)


def helper_program(name: str, *arguments: object) -> list[str]:
    """Return the command that starts a program of `helpers/programs`."""
    return [sys.executable, str(Path(__file__).parent / "programs" / f"{name}.py"), *map(str, arguments)]
