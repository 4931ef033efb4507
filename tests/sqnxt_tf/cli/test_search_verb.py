"""`search` as a person and a program run it."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest


def test_the_papers_space_as_a_document(cli: Any) -> None:
    document = cli("search", "paper", "--max-params", "0.8M", "--json").json()
    assert document["pairs"] == 2052
    assert document["limits"] == {"params": 800e3}
    assert [row["rank"] for row in document["front"]] == list(range(1, len(document["front"]) + 1))
    assert all(row["params"] <= 800e3 for row in document["front"])
    assert {row["network"] for row in document["named"]} == {"sqnxt23_w1", *(f"sqnxt23v{n}_w1" for n in (2, 3, 4))}


def test_csv_picture_and_what_beats_a_network(cli: Any, tmp_path: Path) -> None:
    few = ("search", "--only", "stem_kernel=5", "--only", "base=squeezelerator-16x16")
    rows = list(csv.DictReader(io.StringIO(cli(*few, "--csv", "--all").out)))
    assert len(rows) == 171 * 2
    assert {"network", "cycles", "energy", "params", "area"} <= set(rows[0])
    answer = cli(*few, "--against", "1.0-SqNxt-23v5", "--picture", "picture.html")
    assert answer.code == 0, answer.err
    assert "beat sqnxt23v5_w1 on squeezelerator-16x16" in answer.out
    assert (tmp_path / "picture.html").stat().st_size > 1_000_000
    against = cli(*few, "--against", "sqnxt23v5_w1", "--json").json()["against"]
    assert [row["network"] for row in against] == ["sqnxt23v5_w1"]
    assert against[0]["beaten_by"]


def test_an_exact_search_gives_the_front_of_all_pairs_and_nothing_else(cli: Any, tmp_path: Path) -> None:
    what = ("search", "digits", "--objectives", "cycles,energy,+macs", "--max-params", "0.3M")
    exact, whole = cli(*what, "--exact", "--json").json(), cli(*what, "--json").json()
    assert exact["method"] == "exact"
    assert exact["named"] == []
    assert exact["objectives"] == ["cycles", "energy", "+macs"]
    assert len(exact["front"]) > 5
    for key in ("pairs", "asked", "impossible", "over_limits", "limits", "front"):
        assert exact[key] == whole[key]
    rows = list(csv.DictReader(io.StringIO(cli(*what, "--exact", "--csv").out)))
    assert [row["network"] for row in rows] == [row["network"] for row in whole["front"]]
    text = cli(*what, "--exact", "--picture", "exact.html").out
    assert f"Pareto set: {len(rows)} of" in text
    assert "exact: 288 costed" in text
    assert (tmp_path / "exact.html").stat().st_size > 1_000_000


def test_squeezenets_have_columns_of_their_own(cli: Any) -> None:
    few = ("search", "squeezenet", "--only", "base_expand=128", "--only", "version=1.0", "--max-params", "1.3M")
    rows = list(csv.DictReader(io.StringIO(cli(*few, "--csv", "--all").out)))
    listed = {row["network"]: row for row in rows if row["network"].startswith("squeezenet_v1_0")}
    assert listed.keys() == {"squeezenet_v1_0", "squeezenet_v1_0_simple_bypass"}
    assert [listed["squeezenet_v1_0"][key] for key in ("version", "squeeze_ratio", "bypass")] == [
        "1.0",
        "0.125",
        "none",
    ]
    assert "depth" not in rows[0]
    assert cli(*few, "--exact", "--json").json()["front"] == cli(*few, "--json").json()["front"]


def test_an_empty_answer_has_the_same_columns_and_a_dimension_may_be_named_twice(cli: Any) -> None:
    for rest in ((), ("--all",)):
        columns = cli("search", "digits", "--csv", *rest).out.splitlines()[0]
        assert cli("search", "digits", "--csv", "--max-params", 1, *rest).out.splitlines() == [columns]
    twice = cli("search", "--only", "stem_kernel=5", "--only", "stem_kernel=7,5", "--json").json()
    assert twice["pairs"] == cli("search", "--only", "stem_kernel=5,7", "--json").json()["pairs"]


def test_a_picture_that_is_there_is_no_reason_to_train_everything_anew(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "there.html").touch()
    fault = cli("search", "digits", "--train-epochs", 1, "-o", "x", "--picture", "there.html").error_line()
    assert "--force would train everything again; choose another name" in fault
    assert not (tmp_path / "x").exists()


def test_a_sampled_search_and_its_storage(cli: Any, tmp_path: Path) -> None:
    how = ("search", "wide", "--trials", 8, "--population", 4, "--storage", "trials.db", "--json")
    first = cli(*how).json()
    assert first["asked"] == 8
    assert first["method"] == "8 trials by nsga2"
    assert cli(*how).json() == first
    assert (tmp_path / "trials.db").exists()


def test_a_member_is_built(cli: Any, tmp_path: Path) -> None:
    few = ("search", "--only", "stem_kernel=3", "--only", "stage1=1", "--only", "stage2=1")
    document = cli(*few, "--build", 1, "-o", "member.keras", "--json").json()
    assert document["built"]["network"] == document["front"][0]["network"]
    assert (tmp_path / "member.keras").exists()
    assert "exists already" in cli(*few, "--build", 1, "-o", "member.keras").error_line()
    assert "give one of their ranks" in cli(*few, "--build", 99, "-o", "other.keras", "-q").error_line()
    summary = cli("summary", document["built"]["network"], "--json").json()
    assert summary["params"] == document["built"]["params"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("nowhere",), "use one of digits, paper, photos, squeezenet, wide"),
        (("wide",), "--trials N"),
        (("paper", "--max-params", "many"), "not a quantity"),
        (("paper", "--max-params", "-1"), "not a quantity"),
        (("paper", "--max-params", "inf"), "not a quantity"),
        (("paper", "--objectives", "beauty"), "beauty"),
        (("paper", "--objectives", "cycles,accuracy"), "--train-epochs N"),
        (
            ("digits", "--objectives", "accuracy, beauty", "--train-epochs", "1", "-o", "x"),
            "['beauty'] are not objectives",
        ),
        (("paper", "--only", "stem_kernel"), "is not in the space"),
        (("paper", "--against", "alexnet"), "is not a candidate"),
        (("paper", "--against", "alexnext"), "did you mean"),
        (("paper", "--build", "1"), "give both"),
        (("paper", "-o", "x.keras"), "give both"),
        (("paper", "--build", "1", "-o", "x.onnx"), "is a .keras file"),
        (("paper", "--storage", "x.db"), "--trials N too"),
        (("paper", "--trials", "0"), "out of range"),
        (("wide",), "give --exact for its Pareto set"),
        (("wide", "--exact", "--trials", "9"), "leave out one of the two"),
        (("wide", "--exact", "--all"), "--all needs all candidates, and --exact keeps the Pareto set alone"),
        (("wide", "--exact", "--against", "sqnxt23_w1"), "--against needs all candidates"),
        (("wide", "--exact", "--objectives", "cycles,accuracy"), "accuracy: is known of trained networks only"),
        (("wide", "--exact", "--objectives", "peak_activation_bytes"), "is the largest moment of a run"),
        (("wide", "--exact", "--objectives", "latency_ms"), "is measured on a device"),
        (("wide", "--exact", "--objectives", "macs,+macs"), "are not objectives"),
        (("paper", "--sampler", "tpe"), "--sampler goes with --trials N only"),
        (("digits", "--survivors", "3"), "--survivors goes with --train-epochs N only"),
        (("digits", "--data", "digits"), "--data goes with --train-epochs N or --supernet FILE.keras only"),
        (("digits", "--strategy", "mirrored"), "--strategy goes with --train-epochs N only"),
        (("digits", "--supernet", "nowhere.keras"), "nowhere.keras"),
        (("digits", "--supernet", "x.keras", "--train-epochs", "1", "-o", "x"), "leave out --train-epochs"),
        (("digits", "--supernet", "x.keras", "--exact"), "accuracy: is known of trained networks only"),
        (("paper", "--csv", "--json"), "leave out --json"),
        (("paper", "--picture", "x.png"), "end it with .html"),
    ],
)
def test_bad_input_is_one_line(cli: Any, arguments: tuple[str, ...], fault: str) -> None:
    assert fault in cli("search", *arguments, "-q").error_line()
