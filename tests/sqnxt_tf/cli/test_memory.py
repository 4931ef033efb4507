"""Under a limit on memory, a file that takes more is refused in a line of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.commands import run_python
from sqnxt_base import json_text, toml_text
from sqnxt_base.user_files import UnreadableTextError

_LIMITED = """
import resource, sys
import numpy, onnx
import sqnxt_tf.cli.main as main
sys.argv[1:] = {arguments!r}
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20),) * 2)
main.run()
"""


@pytest.mark.parametrize("verb", ["inspect", "simulate"])
def test_a_file_larger_than_memory_is_one_line(tmp_path: Path, verb: str) -> None:
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate(1_500_000_000)  # takes no room on the disk
    done = run_python(_LIMITED.format(arguments=[verb, "large.onnx"]), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "memory" in done.stderr.lower()
    assert "unexpected" not in done.stderr


def test_what_a_parser_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(json, "loads", exhausted)
    monkeypatch.setattr(toml_text.tomllib, "loads", exhausted)
    for parse, text in ((json_text.parse_json, "{}"), (toml_text.parse_toml, "a = 1")):
        with pytest.raises(UnreadableTextError, match="it takes more memory than there is"):
            parse(text)
