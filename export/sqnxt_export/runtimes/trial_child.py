"""The program of the process in which `try_model` opens and runs a file."""

from __future__ import annotations

import json
import sys

from sqnxt_base.watching import end_with_parent, tell_watcher
from sqnxt_export.errors import ExportError
from sqnxt_export.runtimes import open_model


def main(path: str, pipe: str) -> int:
    """Open and run a file; write the parts of the error to stdout where it is refused."""
    end_with_parent()
    tell_watcher(int(pipe))
    try:
        runner = open_model(path)
        runner.run_all(runner.noise_inputs(1))
    except ExportError as error:
        sys.stdout.write(json.dumps([error.object, error.fault, error.remedy]))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
