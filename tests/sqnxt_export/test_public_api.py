"""The public names of `sqnxt_export`, and the modules that importing it must not load."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

import sqnxt_export
from helpers.commands import run_python
from sqnxt_export import ExportError

HEAVY = ("tensorflow", "tf_keras", "onnxruntime", "ai_edge_litert", "PIL", "h5py")


def _python(code: str, *arguments: str) -> str:
    return run_python(textwrap.dedent(code), *arguments, check=True).stdout


def test_the_public_names_are_sorted_and_there() -> None:
    upper = [name for name in sqnxt_export.__all__ if name.isupper()]
    classes = [name for name in sqnxt_export.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in sqnxt_export.__all__ if name[0].islower()]
    assert sqnxt_export.__all__ == [*sorted(upper), *sorted(classes), *sorted(functions)]
    assert all(getattr(sqnxt_export, name).__doc__ for name in [*classes, *functions])
    assert callable(sqnxt_export.export_model)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        sqnxt_export.nothing  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    loaded = _python(f"""
        import sys, sqnxt_export
        print([m for m in {(*HEAVY, "numpy", "onnx")} if m in sys.modules])
        from sqnxt_export import Metadata, Preprocessing, compare_outputs, layer_zeros, open_model, read_metadata
        print([m for m in {HEAVY} if m in sys.modules])
    """)
    assert loaded.split("\n")[:2] == ["[]", "[]"]


@pytest.mark.parametrize(
    ("missing", "call", "extra"),
    [
        ("onnxruntime", "open_model(folder / 'net.onnx')", "device"),
        ("ai_edge_litert", "open_model(folder / 'net.tflite')", "device"),
        ("tf_keras", "load_keras(folder / 'net.keras')", "train"),
        ("h5py", "nonzero_fraction(folder / 'net.keras')", "device"),
        ("PIL", "Preprocessing.plain(4).apply([numpy.zeros((9, 9, 3), numpy.uint8)])", "device"),
    ],
)
def test_a_missing_library_names_its_extra(models: object, tmp_path: Path, missing: str, call: str, extra: str) -> None:
    import onnx

    model = models["mobilenet_like"]  # type: ignore[index]
    sqnxt_export.save_keras(model, tmp_path / "net.keras")
    onnx.save(sqnxt_export.to_onnx(model), tmp_path / "net.onnx")
    (tmp_path / "net.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    message = _python(
        f"""
        import sys, numpy
        from pathlib import Path
        folder = Path(sys.argv[1])
        sys.modules["{missing}"] = None
        from sqnxt_export import *
        try:
            {call}
        except ExportError as error:
            print(error)
        """,
        str(tmp_path),
    )
    assert f"pip install 'sqnxt-tf[{extra}]'" in message


def test_the_device_side_works_without_tensorflow(models: object, images: object, tmp_path: Path) -> None:
    model = models["mobilenet_like"]  # type: ignore[index]
    for suffix in ("onnx", "tflite"):
        options = sqnxt_export.ArtifactOptions(format=suffix)
        samples = sqnxt_export.ExportSamples(parity=images)  # type: ignore[arg-type]
        sqnxt_export.export_model(model, tmp_path / f"net.{suffix}", options, samples)
    output = _python(
        """
        import sys, numpy
        sys.modules["tensorflow"] = sys.modules["tf_keras"] = None
        from sqnxt_export import *
        for path in sys.argv[1:]:
            runner = open_model(path)
            runner.run(numpy.zeros((2, *runner.input_shape), "f4"))
            write_metadata(path, read_metadata(path))
            print(runner.runtime, runner.input_shape, nonzero_fraction(path) > 0.5, compressed_bytes(path) > 0)
        """,
        *(str(tmp_path / f"net.{suffix}") for suffix in ("onnx", "tflite")),
    )
    assert output == "onnxruntime (19, 19, 3) True True\nLiteRT (19, 19, 3) True True\n"


def test_litert_is_quiet(models: object, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(sqnxt_export.to_tflite(models["mobilenet_like"], "float32"))  # type: ignore[index]
    code = "import sys; from sqnxt_export import open_model; open_model(sys.argv[1])"
    run = run_python(code, path, check=True)
    assert (run.stdout, run.stderr) == ("", "")


def test_errors_are_one_family() -> None:
    assert issubclass(sqnxt_export.ParityError, ExportError)
