"""`list`, `summary`, `reproduce`, `doctor`: no TensorFlow, no runtimes."""

from __future__ import annotations

from typing import Any

import pytest


def test_list_follows_its_contract(cli: Any) -> None:
    networks = {network["name"]: network for network in cli("list", "--json").json()}
    assert len(networks) == 44
    v5 = networks["sqnxt23v5_w1"]
    assert v5["paper_name"] == "1.0-SqNxt-23v5"
    assert (v5["input_size"], v5["paper_input_size"]) == (227, 227)
    assert v5["paper"] == {"params_millions": 0.94, "macs_millions": 228, "top1_percent": 59.24, "top5_percent": 82.41}
    assert abs(v5["paper_count_macs"] / 1e6 - 228) < 1
    assert networks["darknet_ref"]["paper"] is None


def test_summary_follows_its_contract(cli: Any) -> None:
    summary = cli("summary", "1.0-SqNxt-23", "--classes", 10, "--input-size", "128x96", "--json").json()
    assert summary["name"] == "sqnxt23_w1"
    assert summary["input_size"] == [128, 96]
    assert summary["params"] == sum(layer["params"] for layer in summary["layers"])
    assert summary["macs"] == sum(layer["macs"] for layer in summary["layers"])
    stem = summary["layers"][0]
    keys = ("op", "in_shape", "out_shape", "kernel", "stride", "groups")
    assert [stem[key] for key in keys] == ["Conv", [128, 96, 3], [61, 45, 64], [7, 7], 2, 1]
    classifier = summary["layers"][-1]
    assert [classifier[key] for key in keys] == ["Gemm", [1, 1, 128], [1, 1, 10], [1, 1], 1, 1]
    assert summary["peak_activation_bytes"] == 4 * (61 * 45 * 64 + 30 * 22 * 64)


@pytest.mark.parametrize("table", ["table1", "table2"])
def test_reproduce_shows_ours_the_papers_and_the_difference(cli: Any, table: str) -> None:
    rows = cli("reproduce", table, "--json").json()
    assert len(rows) == 9
    for row in rows:
        difference = row["params"] / 1e6 - row["paper"]["params_millions"]
        assert row["params_difference_millions"] == pytest.approx(difference, abs=1e-6)
        assert row["params_agree"] or row["explanation"]
    text = cli("reproduce", table)
    assert text.code == 0
    assert all(row["model"] in text.out for row in rows)
    if table == "table2":
        assert "VGG-16" in text.out


def test_tables_are_never_cut(cli: Any) -> None:
    narrow = cli("list", env={"COLUMNS": "40"}).out
    assert narrow == cli("list", env={"COLUMNS": "400"}).out
    assert "…" not in narrow


def test_doctor_tells_what_is_ready(cli: Any) -> None:
    found = cli("doctor", "--json").json()
    del found["ready"]["camera"]  # no test needs it
    assert found["ready"] == {"base": True, "device": True, "report": True, "search": True, "train": True, "dev": True,
                              "micro": True, "npu": True}  # fmt: skip
    packages = {package["name"]: package for package in found["packages"]}
    assert packages["tensorflow"]["extra"] == "train"
    assert packages["tensorflow"]["installed"].startswith("2.21")
    assert "ready" in cli("doctor").out


def test_help_names_every_verb_and_bare_call_shows_it(cli: Any) -> None:
    from sqnxt_tf.cli.main import VERBS

    text = cli("--help").out
    assert all(f"\n  {verb} " in text for verb in VERBS)
    assert cli().code == 2
    assert cli("--version").out.startswith("sqnxt-tf 0.")
