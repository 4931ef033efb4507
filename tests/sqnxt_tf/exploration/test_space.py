"""Spaces: their contents, their size, and files that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import sqnxt_sim
from sqnxt_sim import load_accelerator
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.families import FAMILIES
from sqnxt_tf.exploration.space import Point, Space
from sqnxt_tf.exploration.space_file import list_spaces, load_space
from sqnxt_tf.networks import squeezenet
from sqnxt_tf.networks.squeezenext import SPECS

STAGES = "stage1 = [1, 2]\nstage2 = { from = 1, to = 5, step = 2 }\nstage3 = 3\nstage4 = 1\n"
MANY = "{ from = 1, to = 900 }"
BASE = '[accelerator]\nbase = ["squeezelerator-8x8", "squeezelerator-16x16"]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.fixture
def varied(tmp_path: Path) -> Space:
    arrays = 'array = ["4x4", "8x16"]\nbuffer_kib = [32, 64]\ngigabytes_per_second = [8, 16.5]\n'
    network = f"[network]\n{STAGES}total_blocks = [7, 8]\nstem_kernel = [3, 5]\nwidth = [1, 1.25]\naggregate = [true]\n"
    return load_space(written(tmp_path, f"{network}{BASE}{arrays}"))


@pytest.mark.parametrize("name", list_spaces())
def test_the_bundled_spaces_can_be_read(name: str) -> None:
    assert load_space(name).description


def test_the_papers_space_is_every_placement_of_its_blocks() -> None:
    space = load_space("paper")
    points = list(space.points())
    assert len(points) == len(set(points)) == space.size == 171 * 3 * 2 * 2
    assert {sum(point.spec.depth) for point in points} == {21}
    assert {point.spec.depth[3] for point in points} == {1}
    specs = {point.spec for point in points}
    assert {SPECS[name] for name in ("sqnxt23_w1", *(f"sqnxt23v{n}_w1" for n in (2, 3, 4, 5)))} <= specs


def test_the_size_is_the_number_of_points_and_each_is_found_by_its_values(varied: Space) -> None:
    points = list(varied.points())
    assert len(points) == len(set(points)) == varied.size
    # depths with a sum of 7 or 8: (1, 3, 3, 1) = 8, (2, 1, 3, 1) = 7; 2 stems, 2 widths, 2 x 2 x 2 x 2 accelerators
    assert varied.size == 2 * 2 * 2 * 16
    values = {name: choices[-1] for name, choices in varied.dimensions.items()}
    assert varied.point(values) is None  # 2 + 5 + 3 + 1 blocks
    values |= {"stage1": 2, "stage2": 1, "array": "8x16", "buffer_kib": 32, "base": "squeezelerator-8x8"}
    point = varied.point(values)
    assert isinstance(point, Point)
    assert point in points
    assert point.spec.depth == (2, 1, 3, 1)
    accelerator = varied.accelerators[point.accelerator]
    assert (accelerator.array.rows, accelerator.array.cols) == (8, 16)
    assert accelerator.buffer.bytes == 32 * 1024
    assert accelerator.dram.bytes_per_second == 16.5e9
    assert accelerator.energy == load_accelerator("squeezelerator-8x8").energy
    assert accelerator.name == "squeezelerator-8x8-8x16-32KiB-16.5GB/s"
    assert len({one.name for one in varied.accelerators}) == 16


def test_the_published_squeezenets_are_points_of_their_space() -> None:
    space = load_space("squeezenet")
    points = list(space.points())
    assert len(points) == len(set(points)) == space.size == 2 * 5 * 5 * 2 * 2 * 3 * 2
    assert set(squeezenet.SPECS.values()) <= {point.spec for point in points}
    assert all(space.holds(spec) for spec in squeezenet.SPECS.values())
    assert not space.holds(SPECS["sqnxt23_w1"])
    assert not load_space("paper").holds(squeezenet.V1_0)
    for point in points[::97]:
        values = {**FAMILIES[space.family].values(point.spec), "input_size": 224}
        accelerator = space.accelerators[point.accelerator].name
        assert space.point({**values, "base": accelerator}) == point


def test_fewer_values_of_a_dimension() -> None:
    space = load_space("paper", only={"stem_kernel": ["7", "5"], "base": ["squeezelerator-8x8"]})
    assert space.dimensions["stem_kernel"] == (7, 5)
    assert space.size == 171 * 2 * 2
    assert [accelerator.name for accelerator in space.accelerators] == ["squeezelerator-8x8"]


@pytest.mark.parametrize("only", [{"stem_kernel": ["9"]}, {"stem_kernel": []}, {"nothing": ["1"]}, {"array": ["8x8"]}])
def test_values_that_are_not_there_cannot_be_chosen(only: dict[str, list[str]]) -> None:
    with pytest.raises(SqnxtError, match="is not in the space"):
        load_space("paper", only=only)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("=", "not TOML"),
        ("", "network.stage1 is missing"),
        (f"family = 'alexnet'\n[network]\n{STAGES}{BASE}", "family is 'alexnet'"),
        (f"family = 'squeezenet'\n[network]\n{STAGES}{BASE}", "unknown key 'stage1'"),
        (f"family = 'squeezenet'\n[network]\ntotal_blocks = 3\n{BASE}", "unknown key 'total_blocks'"),
        (f"family = 'squeezenet'\n[network]\nsqueeze_ratio = 2\n{BASE}", "network.squeeze_ratio is 2"),
        (f"family = 'squeezenet'\n[network]\nsqueeze_ratio = 0.12345\n{BASE}", "squeeze_ratio 0.12345 has no name"),
        (f"family = 'squeezenet'\n[network]\nversion = 1.1\n{BASE}", "'1.0' or '1.1'"),
        (f"[network]\n{STAGES}", "accelerator.base is missing"),
        (f"network = 3\n{BASE}", "must be a section"),
        (f"more = 1\n[network]\n{STAGES}{BASE}", "unknown key 'more'"),
        (f"[network]\nblocks = 3\n{STAGES}{BASE}", "unknown key 'blocks'"),
        (f"[network]\n{STAGES}stem_kernel = 0\n{BASE}", "network.stem_kernel is 0"),
        (f"[network]\n{STAGES}stem_kernel = true\n{BASE}", "network.stem_kernel is True"),
        (f"[network]\n{STAGES}stem_kernel = []\n{BASE}", r"network.stem_kernel is \[\]"),
        (f"[network]\n{STAGES}stem_kernel = [3, 3]\n{BASE}", "name each value once"),
        (f"[network]\n{STAGES}stem_kernel = {{ from = 3 }}\n{BASE}", "in whole numbers"),
        (f"[network]\n{STAGES}stem_kernel = {{ from = 3, to = 9, by = 2 }}\n{BASE}", "unknown key 'by'"),
        (f"[network]\n{STAGES}stem_kernel = {{ from = 3, to = 9, step = 0 }}\n{BASE}", "in whole numbers"),
        (f"[network]\n{STAGES}input_size = {{ from = 1, to = 4000 }}\n{BASE}", "more than 1000 values"),
        (f"[network]\n{STAGES}width = 0.3333\n{BASE}", "width 0.3333 has no name"),
        (f"[network]\n{STAGES}transition = 'sideways'\n{BASE}", "parallel or conv-first"),
        (f"[network]\n{STAGES}aggregate = 'false'\n{BASE}", "true or false"),
        (f"[network]\n{STAGES}width = [nan]\n{BASE}", "network.width is"),
        (f"[network]\n{STAGES}width = [[1]]\n{BASE}", "network.width is"),
        (f"[network]\n{STAGES}stem_kernel = {{ from = 9, to = 3 }}\n{BASE}", "network.stem_kernel is"),
        (f"[network]\n{STAGES}total_blocks = 99\n{BASE}", "no network has as many blocks"),
        (f"[network]\n{STAGES}{BASE}array = '0x8'\n", "ROWSxCOLS"),
        (f"[network]\n{STAGES}[accelerator]\nbase = 'warp-drive'\n", "warp-drive"),
        (f"[network]\n{STAGES}{BASE}buffer_kib = {MANY}\ngigabytes_per_second = {MANY}",
         "more than 10000 accelerators"),
        (f"objectives = ['beauty']\n[network]\n{STAGES}{BASE}", "beauty"),
        (f"objectives = []\n[network]\n{STAGES}{BASE}", "not objectives"),
        (f"objectives = 'cycles'\n[network]\n{STAGES}{BASE}", "give a list"),
        (f"sparsity = 2\n[network]\n{STAGES}{BASE}", "a fraction in 0..1"),
        (f"precision = 'int3'\n[network]\n{STAGES}{BASE}", "int16x8"),
        (f"classes = 1\n[network]\n{STAGES}{BASE}", "classes 1"),
        (f"classes = 'ten'\n[network]\n{STAGES}{BASE}", "whole number"),
        (f"description = 3\n[network]\n{STAGES}{BASE}", "must be a string"),
        (f"[network]\n{STAGES}{BASE}[area]\npe = -1\n", "area.pe is -1"),
        (f"[network]\n{STAGES}{BASE}[area]\npe = 0\nbuffer_byte = 0\n", "both 0"),
    ],
)  # fmt: skip
def test_a_space_that_makes_no_sense_is_refused_in_one_line(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=fault) as refused:
        load_space(written(tmp_path, text))
    assert type(refused.value).__name__ in ("SqnxtError", "SimulatorError")
    assert "\n" not in str(refused.value)


def test_accelerator_files_stand_beside_the_space_and_have_names_of_their_own(tmp_path: Path) -> None:
    preset = load_accelerator("squeezelerator-8x8")
    text = (Path(sqnxt_sim.__file__).parent / "machine" / "presets" / f"{preset.name}.toml").read_text("utf-8")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "own.toml").write_text(text.replace(f'"{preset.name}"', '"own"'), "utf-8")
    (tmp_path / "parts" / "copy.toml").write_text(text, "utf-8")
    network = f"[network]\n{STAGES}[accelerator]\n"
    space = load_space(written(tmp_path, f'{network}base = ["parts/own.toml", "{preset.name}"]\n'))
    assert [one.name for one in space.accelerators] == ["own", preset.name]
    with pytest.raises(SqnxtError, match=rf"2 called '{preset.name}'"):
        load_space(written(tmp_path, f'{network}base = ["parts/copy.toml", "{preset.name}"]\n'))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SqnxtError, match="use one of digits, paper, photos, squeezenet, wide"):
        load_space("papre")
    with pytest.raises(SqnxtError, match="cannot be read"):
        load_space(tmp_path / "none.toml")
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * 1_000_001)
    with pytest.raises(SqnxtError, match="larger than"):
        load_space(big)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SqnxtError, match="not TOML"):
        load_space(tmp_path / "binary.toml")
