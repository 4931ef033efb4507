"""Files are written completely or not at all, and every fault is one line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from helpers.commands import run_python
from sqnxt_export import ExportError, whole_file


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    with whole_file(path) as temporary:
        assert temporary.suffix == ".onnx"
        temporary.write_bytes(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"old")

    def write() -> None:
        with whole_file(path, force=True) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    for path, words in [
        (tmp_path, "is a folder"),
        (tmp_path / "there", "exists already; choose another name, or pass `force=True` to overwrite it"),
        (tmp_path / "missing" / "a", "does not exist"),
    ]:
        with pytest.raises(ExportError, match=words), whole_file(path):
            pytest.fail("the block must not run")


def test_an_output_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"

    def write() -> None:
        with whole_file(path) as temporary:
            temporary.write_bytes(b"new")
            path.write_bytes(b"of another process")

    with pytest.raises(ExportError, match="exists already"):
        write()
    assert path.read_bytes() == b"of another process"


def test_a_read_only_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnxt_export.artifact.files.os.access", lambda *_: False)
    with pytest.raises(ExportError, match="read-only"), whole_file(tmp_path / "a.onnx"):
        pytest.fail("the block must not run")


def test_a_disk_that_fills_up_is_one_line(tmp_path: Path) -> None:
    """The limit on file sizes stands in for a full disk: both fail in write()."""
    code = """
        import resource, signal, sys
        from sqnxt_export import ExportError, whole_file
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            with whole_file(sys.argv[1]) as temporary:
                temporary.write_bytes(bytes(100_000))
        except ExportError as error:
            print(error)
    """
    target = tmp_path / "a.onnx"
    run = run_python(textwrap.dedent(code), target, check=True)
    assert run.stdout.count("\n") == 1
    assert "cannot be written (File too large)" in run.stdout
    assert not list(tmp_path.iterdir())
