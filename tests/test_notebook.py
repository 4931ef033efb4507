"""The notebook runs as it stands, with the photos that it makes and with a user's own; it is kept without outputs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

import sqnxt_tf
from helpers.repository import EXAMPLES

NOTEBOOK = EXAMPLES / "photos_to_cycles.ipynb"
CELL_SECONDS = 300


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def run(notebook: Any, folder: Path) -> str:
    """Run all cells in a folder, and return what they printed."""
    NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output["text"] for output in outputs if output.get("name") == "stdout")


def pictures(notebook: Any) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_it_is_valid_and_holds_no_output() -> None:
    notebook = read()
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in code] == [([], None)] * len(code)
    assert "How to use it" in notebook.cells[0].source


def test_it_uses_the_public_api_only() -> None:
    source = "\n".join(cell.source for cell in read().cells if cell.cell_type == "code")
    tree = ast.parse(source)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert "sqnxt_tf" in imported
    modules = imported | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {module for module in modules if module.startswith(("sqnxt_tf.", "sqnxt_export", "sqnxt_sim"))}
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sqnxt_tf"
    }
    assert used <= set(sqnxt_tf.__all__)


@pytest.mark.slow
def test_it_goes_from_photos_to_cycles(tmp_path: Path) -> None:
    notebook = read()
    said = run(notebook, tmp_path)
    assert "3 classes: brick, grass, sky; 60 images to test on" in said
    assert "pruned.onnx equals pruned.keras: True" in said
    assert "pruned  on squeezelerator-8x8: " in said
    assert pictures(notebook) == 2
    answers = sqnxt_tf.evaluate(
        tmp_path / "photos-to-cycles" / "pruned.onnx", sqnxt_tf.load_data(str(tmp_path / "photos-to-cycles" / "data"))
    )
    assert answers.top1 > 0.6  # a third would be chance


@pytest.mark.slow
def test_it_takes_photos_of_ones_own(tmp_path: Path) -> None:
    """Of any size and mode, beside files of the folder's own; the cells up to the first picture."""
    for name, colour in (("cat", "orange"), ("dog", "brown")):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for index in range(12):
            image = Image.new("L" if index == 3 else "RGB", (40 + index, 30), colour)
            image.save(tmp_path / "mine" / name / f"{index:02d}.{'png' if index % 2 else 'jpg'}")
    notebook = read()
    settings = next(cell for cell in notebook.cells if cell.id == "settings")
    assert "PHOTOS = None" in settings.source
    settings.source = settings.source.replace("PHOTOS = None", 'PHOTOS = "mine"')
    last = next(index for index, cell in enumerate(notebook.cells) if cell.id == "show-photos")
    del notebook.cells[last + 1 :]
    assert "2 classes: cat, dog; 4 images to test on" in run(notebook, tmp_path)
    assert pictures(notebook) == 1
    assert len(list((tmp_path / "mine").rglob("*.*"))) == 24
