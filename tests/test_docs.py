"""The documentation tells the truth: its links lead somewhere, its tables are the schemas, its sessions run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import MISSING, Field, fields
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import click
import pytest

import sqnxt_export
import sqnxt_sim
import sqnxt_tf
from helpers.repository import ROOT
from sqnxt_sim.machine.accelerator_entries import Flag
from sqnxt_tf.cli.main import VERBS

DOCS = ROOT / "docs"
sys.path.append(str(DOCS))  # the tools that the pages are made with live beside them

import refresh  # noqa: E402
import transcripts  # noqa: E402

PAGES = [
    *DOCS.rglob("*.md"),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(ROOT / folder / "README.md" for folder in ("benchmarks", "export", "simulator")),
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """The text of a page without its code."""
    lines = page.read_text("utf-8").splitlines()
    for start, end, _ in list(transcripts.fenced_blocks(lines)):
        lines[start:end] = [""] * (end - start)
    return "\n".join(lines)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and the site give to the headings of a page."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_and_pictures_are_there(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        if re.match(r"\w+:", target):
            continue
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page_name(page)} links to {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{page_name(page)} links to {target}"


@pytest.mark.parametrize("page", DOCS.rglob("*.md"), ids=page_name)
def test_an_included_page_has_links_that_lead_somewhere_from_where_it_is_included(page: Path) -> None:
    for included in re.findall(r"^```\{include\} (\S+)$", page.read_text("utf-8"), re.MULTILINE):
        for target in LINK.findall(prose(page.parent / included)):
            here = target.startswith("#") or re.match(r"\w+:", target) or (page.parent / target).exists()
            assert here, f"{included} links to {target}, which is not there from {page_name(page)}"


def test_every_verb_has_a_page_that_shows_it_and_the_readme_links_to_it() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for verb in VERBS:
        page = (DOCS / "verbs" / f"{verb}.md").read_text("utf-8")
        assert f".. verb:: {verb}\n" in page
        assert f"$ sqnxt-tf {verb}" in page
        assert f"docs/verbs/{verb}.md" in readme


def test_every_page_is_in_the_contents() -> None:
    listed: set[Path] = set()
    for page in DOCS.rglob("*.md"):
        lines = page.read_text("utf-8").splitlines()
        for start, end, info in transcripts.fenced_blocks(lines):
            if info == "{toctree}":
                names = [line for line in lines[start:end] if line and not line.startswith(":")]
                listed |= {(page.parent / f"{name}.md").resolve() for name in names}
    assert listed == set(DOCS.rglob("*.md")) - {DOCS / "index.md"}


def test_the_readme_is_a_front_page() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200


def test_no_page_names_a_module_that_may_move() -> None:
    """Packages and their folders may be named in the room maps; the site speaks of public names."""
    for page in DOCS.rglob("*.md"):
        assert not re.findall(r"\bsqnxt_(?:tf|export|sim)\.[a-z_]+\.[a-z_]+", page.read_text("utf-8")), page


def commands() -> Iterator[Any]:
    for page in PAGES:
        for session in transcripts.read_sessions(page):
            for command in session.commands:
                yield pytest.param(command.text, id=f"{page_name(page)}:{session.start + 1}")


@pytest.mark.parametrize("command", commands())
def test_the_command_line_knows_every_command(command: str) -> None:
    for arguments in transcripts.invocations(command):
        transcripts.parse(arguments)


def test_a_command_that_is_not_known_is_found() -> None:
    (arguments,) = transcripts.invocations("sqnxt-tf train --network x --no-such-option 3 -o y.keras | tail -1")
    with pytest.raises(click.ClickException, match="no-such-option"):
        transcripts.parse(arguments)


@pytest.mark.parametrize(
    ("expected", "actual", "measured", "same"),
    [
        (["a  b", "..."], ["a b", "c", "d"], False, True),
        (["a", "...", "d"], ["a", "d"], False, True),
        (["a", "...", "d"], ["a", "b"], False, False),
        (["1.50 ms"], ["17 ms"], True, True),
        (["1.50 ms"], ["17 ms"], False, False),
        (["lost -1.39 points"], ["lost 2 points"], True, True),
        (["1 · 3"], ["2 3 4"], True, True),
        (["8  ███▊  99.0 %"], ["3  █  9.1 %"], True, True),
        (["8 files"], ["8 folders"], True, False),
        ([], ["more"], False, False),
    ],
)
def test_sessions_are_compared_by_their_rules(
    expected: list[str], actual: list[str], measured: bool, same: bool
) -> None:
    assert transcripts.matches(expected, actual, measured=measured) is same


def table_rows(page: str, heading: str = "# ") -> dict[str, list[str]]:
    """The rows of the first table with a code word in each first cell, below a heading: name -> other cells."""
    lines = (DOCS / page).read_text("utf-8").splitlines()
    below = next(number for number, line in enumerate(lines) if line.startswith(heading))
    rows: dict[str, list[str]] = {}
    for line in lines[below:]:
        if line.startswith("| `"):
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            rows |= dict.fromkeys(re.findall(r"`([^`]+)`", first), others)
        elif rows:
            break
    return rows


def number(text: str) -> float:
    base, _, power = text.partition("^")
    return float(base) ** float(power or 1)


def check_range(cell: str, low: float, high: float, *, whole: bool) -> None:
    kind, _, limits = cell.partition(", ")
    assert kind == ("whole" if whole else "number")
    assert [number(limit) for limit in limits.split("..")] == [low, high]


def check_default(cell: str, field: Field[Any], *, required: bool) -> None:
    if required:
        assert cell == "required"
    elif field.default is None:
        assert cell == "none"
    else:
        assert cell == (str(field.default).lower() if isinstance(field.default, bool) else str(field.default))


def test_the_accelerator_reference_is_the_schema() -> None:
    schema = vars(sys.modules[sqnxt_sim.load_accelerator.__module__])["SCHEMA"]
    types = {
        "array": sqnxt_sim.PEArray,
        "buffer": sqnxt_sim.GlobalBuffer,
        "dram": sqnxt_sim.Dram,
        "scratchpad": sqnxt_sim.Scratchpad,
        "blocks": sqnxt_sim.OutputBlocks,
        "energy": sqnxt_sim.EnergyTable,
        "vector": sqnxt_sim.VectorUnit,
    }
    rows = table_rows("formats/accelerator.md", "## The numbers")
    assert list(rows) == [f"{section}.{key}" for section, entries in schema.items() for key in entries]
    for name, (unit, limits, default, _) in rows.items():
        section, key = name.split(".")
        entry = schema[section][key]
        assert entry.unit == unit
        if isinstance(entry, Flag):
            assert limits == str(entry)
        else:
            check_range(limits, entry.low, entry.high, whole=entry.whole)
        by_name = {field.name: field for field in fields(types[section])}
        check_default(default, by_name[key], required=not entry.optional)


def test_the_recipe_reference_is_the_recipe() -> None:
    home = vars(sys.modules[sqnxt_tf.Recipe.__module__])
    rows = table_rows("formats/recipes.md")
    assert list(rows) == [field.name for field in fields(sqnxt_tf.Recipe)]
    for field in fields(sqnxt_tf.Recipe):
        _, limits, default, _ = rows[field.name]
        check_default(default, field, required=field.default is MISSING)
        if field.name in home["_CHOICES"]:
            assert tuple(re.findall(r"`(\w+)`", limits)) == home["_CHOICES"][field.name]
        elif field.name in home["_LIMITS"]:
            check_range(limits, *home["_LIMITS"][field.name], whole=field.type in (int, "int"))
    bundled = table_rows("formats/recipes.md", "## The bundled recipes")
    assert {name: [number(cell) for cell in cells[:3]] for name, cells in bundled.items()} == {
        name: [recipe.epochs, recipe.batch, recipe.rate] for name, recipe in sqnxt_tf.RECIPES.items()
    }


def test_the_space_reference_is_the_schema() -> None:
    home, families = (
        vars(import_module(found.name))
        for name in (".space_file", ".families")
        for found in walk_packages(sqnxt_tf.__path__, "sqnxt_tf.")
        if found.name.endswith(name)
    )
    squeezenext, squeezenet = families["FAMILIES"]["squeezenext"].schema, families["FAMILIES"]["squeezenet"].schema
    network = table_rows("formats/spaces.md", "## `[network]`")
    assert network.keys() == squeezenext.keys() | {"total_blocks"}
    other = table_rows("formats/spaces.md", "## `[network]` of SqueezeNets")
    assert other.keys() == squeezenet.keys()
    accelerator = table_rows("formats/spaces.md", "## `[accelerator]`")
    assert accelerator.keys() == home["_ACCELERATOR"].keys()
    for schema, rows in ((squeezenext, network), (squeezenet, other), (home["_ACCELERATOR"], accelerator)):
        for key, entry in schema.items():
            if hasattr(entry, "low"):
                check_range(", ".join(rows[key][0].split(", ")[:2]), entry.low, entry.high, whole=entry.whole)


def test_the_metadata_reference_is_the_metadata() -> None:
    rows = table_rows("formats/metadata.md", "## The object")
    assert rows.keys() == {field.name for field in fields(sqnxt_export.Metadata)}
    rows = table_rows("formats/metadata.md", "## `preprocessing`")
    assert rows.keys() == {field.name for field in fields(sqnxt_export.Preprocessing)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[list[refresh.Answer]]]]:
    """All sessions, two at a time: most of a command's time is TensorFlow's start on one core."""

    def run(name: str, pages: list[Path]) -> list[refresh.Answer]:
        return list(refresh.run_pages(tmp_path_factory.mktemp(name), pages))

    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(run, name, pages) for name, pages in refresh.sessions().items()}


@pytest.mark.slow
@pytest.mark.parametrize("session", sorted(refresh.sessions()))
def test_the_sessions_print_what_the_pages_show(session: str, runs: dict[str, Future[list[refresh.Answer]]]) -> None:
    """`python docs/refresh.py` writes what is new into the pages."""
    faults = [answer.fault for answer in runs[session].result() if answer.fault]
    assert not faults, "\n\n".join(faults)
