"""Presets and accelerator files: their contents, and errors that name key, value and range."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sqnxt_sim import SimulatorError, accelerator_template, list_accelerators, load_accelerator
from sqnxt_sim.machine.accelerator_file import _PRESETS
from sqnxt_sim.machine.accelerator_schema import ORIGINS, SCHEMA

PRESET = (_PRESETS / "squeezelerator-8x8.toml").read_text(encoding="utf-8")


def test_presets() -> None:
    assert list_accelerators() == (
        "edge-npu-8bit", "edge-tpu-like", "ethos-u55-128", "ethos-u65-256", "eyeriss", "eyeriss-like",
        "squeezelerator-16x16", "squeezelerator-8x8", "systolic-32x32",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "side", "words"), [("squeezelerator-8x8", 8, 16384), ("squeezelerator-16x16", 16, 65536)]
)
def test_the_papers_accelerators(name: str, side: int, words: int) -> None:
    accelerator = load_accelerator(name)
    assert accelerator.name == name
    assert (accelerator.array.rows, accelerator.array.cols, accelerator.buffer_words) == (side, side, words)
    assert accelerator.dram_words_per_cycle == 8


@pytest.mark.parametrize("name", list_accelerators())
def test_every_number_has_an_origin(name: str) -> None:
    assert {origin.kind for origin in load_accelerator(name).origins.values()} <= set(ORIGINS)


@pytest.mark.parametrize("name", ["squeezelerator-8x8", "squeezelerator-16x16"])
def test_one_number_is_fitted_to_table_3(name: str) -> None:
    origins = load_accelerator(name).origins
    assert [key for key, origin in origins.items() if origin.kind == "fitted"] == ["buffer.capacity_divisor"]


@pytest.mark.parametrize("name", [name for name in list_accelerators() if not name.startswith("squeezelerator")])
def test_nothing_is_fitted_elsewhere_and_what_is_published_names_its_source(name: str) -> None:
    for key, origin in load_accelerator(name).origins.items():
        assert origin.kind != "fitted", key
        assert origin.kind != "published" or origin.note, key


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        PRESET.replace('name = "squeezelerator-8x8"', 'name = "mine"').replace("value = 32768", "value = 65536")
    )
    assert load_accelerator(path).buffer.bytes == 65536
    assert load_accelerator(str(path)).name == "mine"


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("rows = { value = 8,", "rows = { value = 0,", r"array\.rows is 0; it must be a whole number in 1\.\.1024"),
        ("rows = { value = 8,", "rows = { value = 8.5,", r"array\.rows is 8\.5"),
        ("rows = { value = 8,", "rows = { value = true,", r"array\.rows is True"),
        ('rows = { value = 8, origin = "paper" }', "rows = 0", r"array\.rows is 0; it must be a whole number in"),
        ("rows = { value = 8,", "rows = {", r"array\.rows has no value; it must be a whole number"),
        ('rows = { value = 8, origin = "paper" }', 'rows = { value = 8, origin = "hearsay" }', "origin 'hearsay'"),
        ('rows = { value = 8, origin = "paper" }', "", r": array\.rows is missing; add a whole number in 1\.\.1024"),
        ("rows = { value", "lines = { value", "unknown key 'lines'"),
        ("clock_hz = { value = 1.0e9", "clock_hz = { value = nan", r"array\.clock_hz is nan"),
        ("[dram]", "[ddr]", r"the file has an unknown key 'ddr'; did you mean dram\?"),
        ("cols = {", "colums = {", r"\[array\] has an unknown key 'colums'; did you mean cols\?"),
        ("[dram]", "[zzz]\nbytes = 8\n[dram]", r"the file has an unknown key 'zzz'; known are array, blocks, b"),
        (PRESET[: PRESET.index("description")], "", ": name is missing; add it, as in a preset"),
        (PRESET[PRESET.index("[energy]") :], "", r": section \[energy\] is missing; add it"),
        ("[dram]", "[search]\ncycles_per_dram_word = 1\n\n[dram]", "has 'search', which went away .*; delete"),
        ("[buffer]", "layer_overhead_cycles = 0\n[buffer]", "has 'layer_overhead_cycles', which went away .*; delete"),
        (PRESET[PRESET.index("["):], "array = 8", r"\(1\) array is 8: it must be a section \[array\]"),
        ('name = "squeezelerator-8x8"', "name = 3", "name is 3; it must be a string"),
        ("[array]", "[array", "not TOML"),
        ("[dram]", "[vector]\n\n[dram]", r"\(1\) vector\.operations_per_cycle is missing: add a number"),
        ("[dram]", "[dram]\nweight_stationary_index_bits = 65", r"stationary_index_bits is 65; it must be a number"),
        ("[array]", "dataflows = []\n[array]", r"dataflows is \[\]; it must be a list of weight_stationary, "),
        ("[array]", 'dataflows = "best"\n[array]', "dataflows is 'best'; it must be a list"),
        ("[array]", 'dataflows = ["systolic"]\n[array]', r"dataflows is \['systolic'\]; it must be a list"),
        ("[array]", 'dataflows = ["row_stationary"]\n[array]', r"section \[scratchpad\] is missing; add it, or leave"),
        ("[array]", 'dataflows = ["output_block"]\n[array]', r"section \[blocks\] is missing; add it, or leave"),
        ("[array]", f"dataflows = {2 * ['weight_stationary']}\n[array]", "dataflows names one twice"),
        ("[buffer]", "systolic = true\n[buffer]", r"array\.systolic is true; it needs dataflows"),
        ("[dram]", "double_buffered = 2\n[dram]", "is 2; it must be true or false"),
        ("[dram]", "input_bytes = 8\n[dram]", r"input_bytes is 8; it must be a whole"),
        ('"paper" }\ncols', '"paper", note = 3 }\ncols', r"array\.rows has note 3; it must be a string"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, good: str, bad: str, fault: str) -> None:
    assert good in PRESET
    path = tmp_path / "wrong.toml"
    path.write_text(PRESET.replace(good, bad))
    with pytest.raises(SimulatorError, match=fault) as error:
        load_accelerator(path)
    assert str(path) in str(error.value)


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    text = PRESET.replace("[dram]", "[ddr]").replace("rows = { value = 8,", "rows = { value = 0,")
    text = text.replace("latency_cycles = { value = 100,", "latency_cycles = { value = -1,").replace("mac =", "max =")
    path.write_text(text.replace("name = ", "nick = ").replace("cols = {", "columns = 8 # {"))
    with pytest.raises(SimulatorError) as error:
        load_accelerator(path)
    assert str(error.value) == (
        f"{path}: has 7 faults: "
        "(1) the file has an unknown key 'nick': known are array, blocks, buffer, dataflows, "
        "description, dram, energy, name, scratchpad, vector; "
        "(2) the file has an unknown key 'ddr': did you mean dram?; "
        "(3) name is missing: add it, as in a preset; "
        "(4) [array] has an unknown key 'columns': did you mean cols?; "
        "(5) array.rows is 0: it must be a whole number in 1..1024; "
        "(6) dram.latency_cycles is -1: it must be a number in 0..1e+06; "
        "(7) [energy] has an unknown key 'max': did you mean mac?"
    )


def test_a_plain_number_states_no_origin(tmp_path: Path) -> None:
    path = tmp_path / "plain.toml"
    text = PRESET.replace('rows = { value = 8, origin = "paper" }', "rows = 12")
    path.write_text(text.replace('cols = { value = 8, origin = "paper" }', "cols = { value = 10 }"))
    accelerator = load_accelerator(path)
    assert (accelerator.array.rows, accelerator.array.cols) == (12, 10)
    unstated = [key for key, origin in accelerator.origins.items() if origin.kind == "unstated"]
    assert unstated == ["array.rows", "array.cols"]


@pytest.mark.parametrize("base", list_accelerators())
def test_a_new_file_has_the_numbers_of_its_base_and_explains_every_key(tmp_path: Path, base: str) -> None:
    path = tmp_path / "mine.toml"
    text = accelerator_template(base, name="mine")
    path.write_text(text)
    made, original = load_accelerator(path), load_accelerator(base)
    assert made == replace(original, name="mine", description=f"started from {base}")
    for entries in SCHEMA.values():
        for key, number in entries.items():
            assert f"{key} = " in text
            assert number.meaning.split(maxsplit=1)[0] in text
    # what is commented out loads too, once the marks are gone
    path.write_text(re.sub(r"^# (\[\w+\]|\w+ = .*)$", r"\1", text, flags=re.MULTILINE))
    assert set(load_accelerator(path).numbers) == {f"{s}.{key}" for s, entries in SCHEMA.items() for key in entries}


def test_an_unknown_name_offers_the_presets() -> None:
    with pytest.raises(
        SimulatorError,
        match=r"^accelerator 'squeezelerator': is not known; use one of edge-npu-8bit, .*squeezelerator-16x16",
    ):
        load_accelerator("squeezelerator")


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(SimulatorError, match=r"cannot be read"):
        load_accelerator(tmp_path / name)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SimulatorError, match="not TOML"):
        load_accelerator(path)
