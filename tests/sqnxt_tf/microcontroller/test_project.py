"""The project of a microcontroller: its C parts are compiled here, and TFLM's own interpreter runs the model."""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.commands import run_cli, run_python
from helpers.micro_models import compiled, described, write_classifier
from helpers.tflite_graphs import TfliteMaker
from sqnxt_export import ExportError, Metadata, Preprocessing, measure_micro, run_micro, write_metadata
from sqnxt_export.artifact.metadata_io import without_archive
from sqnxt_tf import MicroProject, SqnxtError, classify, micro
from sqnxt_tf.microcontroller.bundled_image import MicroTestImage
from sqnxt_tf.microcontroller.c_text import c_comment, c_string
from sqnxt_tf.microcontroller.generated import generated_files
from sqnxt_tf.microcontroller.operators import METHODS

NASTY = ('a"; int x;//', "\\", "??/", "*/", "é\n", "", "7", "\x00", "%s", "ok")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp("model") / "net.tflite")


@pytest.fixture(scope="module")
def project(model: Path) -> MicroProject:
    return micro(model, model.parent / "c")


def test_the_compiled_parts_and_the_interpreter_find_the_class_that_the_program_expects(
    model: Path, project: MicroProject
) -> None:
    assert project.folder is not None
    library = compiled(project.folder, "best.c", "model.c", "preprocess.c", "test_image.c")
    given = np.zeros((1, 12, 12, 3), np.int8)
    assert library.preprocess(library.test_image, 12, 12, given.ctypes.data_as(ctypes.c_void_p)) == 0
    _, (scores,) = run_micro(model, [given])
    best = library.classifier_best(scores.ctypes.data_as(ctypes.c_void_p))
    assert project.image is not None
    assert best == project.image.answer
    assert f"#define TEST_IMAGE_CLASS {best}\n" in (project.folder / "test_image.h").read_text()
    assert project.image.source.startswith("digits[")


def test_the_array_is_aligned_and_holds_the_model_without_the_metadata(model: Path, project: MicroProject) -> None:
    assert project.folder is not None
    library = compiled(project.folder, "model.c")
    data = without_archive(model)
    held = (ctypes.c_ubyte * len(data)).in_dll(library, "model_data")
    assert bytes(held) == data
    assert ctypes.addressof(held) % 16 == 0
    assert model.stat().st_size > len(data)


def test_the_resolver_has_exactly_the_operators_of_the_model(project: MicroProject) -> None:
    assert project.folder is not None
    text = (project.folder / "resolver.h").read_text()
    assert re.findall(r"resolver\.(\w+)\(\)", text) == ["AddConv2D", "AddFullyConnected"]
    assert "MicroMutableOpResolver<2>" in text
    assert project.to_json()["resolver"] == ["AddConv2D", "AddFullyConnected"]


def test_an_arena_that_is_one_step_smaller_is_too_small(model: Path) -> None:
    memory = measure_micro(model)
    assert memory.arena_bytes % 16 == 0
    assert 0 < memory.persistent_bytes + memory.transient_bytes <= memory.arena_bytes
    trial = "import sys; from tflite_micro import runtime; d = open(sys.argv[1], 'rb').read(); " + (
        "runtime.Interpreter.from_bytes(d, arena_size=int(sys.argv[2]))"
    )
    codes = [
        subprocess.run([sys.executable, "-c", trial, str(model), str(size)], capture_output=True, check=False)
        for size in (memory.arena_bytes, memory.arena_bytes - 16)
    ]
    assert codes[0].returncode == 0
    assert codes[1].returncode != 0


def test_labels_from_a_file_are_text_and_never_code(tmp_path: Path) -> None:
    model = described(Preprocessing.plain(4), None, labels=NASTY)
    image = MicroTestImage(pixels=np.zeros((1, 1, 3), np.uint8), source="*/ int x; /*", answer=0)
    for name, text in generated_files(model, image).items():
        (tmp_path / name).write_text(text)
    library = compiled(tmp_path, "model.c", "test_image.c")
    held = (ctypes.c_char_p * len(NASTY)).in_dll(library, "model_labels")
    assert [bytes(value or b"") for value in held] == [label.split("\x00")[0].encode() for label in NASTY]


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet='*/\\?"'))
def test_text_stays_inside_its_string_and_its_comment(text: str) -> None:
    inside = c_string(text)[1:-1]
    assert re.fullmatch(r"(?:[ !#-\[\]-~]|\\[0-3][0-7]{2})*", inside)
    assert "?" not in inside
    assert re.fullmatch(r"[ -~]*", c_comment(text))
    assert not {"*/", "/*"} & {c_comment(text)[at : at + 2] for at in range(len(text))}


def test_every_method_of_the_resolver_belongs_to_an_operator_of_the_schema() -> None:
    from sqnxt_sim.frontend.tflite_schema import OPERATORS

    assert set(METHODS) <= {name.replace("_", "").lower() for name in OPERATORS}


def test_a_file_that_the_interpreter_refuses_is_refused_with_its_reason(tmp_path: Path) -> None:
    maker = TfliteMaker()
    maker.tensor("x", (1, 8), "float16", is_input=True)
    maker.tensor("y", (1, 8))
    maker.node("DEQUANTIZE", ["x"], ["y"])
    path = tmp_path / "half.tflite"
    path.write_bytes(maker.to_bytes())
    with pytest.raises(ExportError, match=r"TensorFlow Lite Micro refuses it \(.*DEQUANTIZE"):
        measure_micro(path)


def test_only_classifiers_of_images_become_projects(tmp_path: Path) -> None:
    maker = TfliteMaker()
    maker.tensor("x", (1, 8), is_input=True)
    maker.tensor("y", (1, 8))
    maker.node("ABS", ["x"], ["y"])
    path = tmp_path / "signal.tflite"
    path.write_bytes(maker.to_bytes())
    assert measure_micro(path).operators == ("ABS",)
    with pytest.raises(SqnxtError, match="takes 8; give a classifier of images"):
        micro(path, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_the_extra_is_named_where_it_is_missing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnxt_export.runtimes.micro_arena.find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"sqnxt-tf\[micro\]"):
        measure_micro(model)


def test_a_folder_with_other_files_is_left_alone_without_force(model: Path, project: MicroProject) -> None:
    folder = project.folder
    assert folder is not None
    (folder / "mine.txt").write_text("mine")
    (folder / "main.c").write_text("")
    with pytest.raises(SqnxtError, match="is not empty"):
        micro(model, folder)
    assert micro(model, folder, force=True).files == project.files
    assert (folder / "mine.txt").read_text() == "mine"
    assert "int main" in (folder / "main.c").read_text()


def test_a_picture_of_the_user_is_bundled_in_the_size_of_the_input(model: Path, tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (50, 70, 3), np.uint8)).save(picture)
    project = micro(model, tmp_path / "c", image=picture)
    assert project.image is not None
    assert project.image.pixels.shape == (12, 12, 3)
    answer = classify(model, [picture])[0]
    assert project.model.labels[project.image.answer] == answer.top[0][0]


def test_the_command_line_says_what_does_not_fit_and_writes_nothing(model: Path, tmp_path: Path) -> None:
    small = run_cli("micro", model, "-o", "c", "--ram", "1K", "--json", cwd=tmp_path)
    assert small.code == 1
    assert "of RAM" in small.err
    assert json.loads(small.out)["fits"] is False
    assert not (tmp_path / "c").exists()
    found = run_cli("inspect", model, "--micro", "--json", cwd=tmp_path).json()["micro"]
    assert found["operators"] == ["CONV_2D", "FULLY_CONNECTED"]


def test_metadata_behind_the_model_change_nothing_in_flash(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(without_archive(model))
    before = measure_micro(path)
    write_metadata(path, Metadata(labels=("x" * 1000,)))
    assert measure_micro(path) == before


def test_a_project_needs_no_tensorflow(model: Path, tmp_path: Path) -> None:
    code = "import sys; from sqnxt_tf import micro; micro(sys.argv[1], sys.argv[2]); print(*sys.modules)"
    loaded = run_python(code, model, tmp_path / "c", check=True).stdout.split()
    assert "ai_edge_litert.interpreter" in loaded
    assert not {"tensorflow", "tf_keras", "tflite_micro"} & set(loaded)
