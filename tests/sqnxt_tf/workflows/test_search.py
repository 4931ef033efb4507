"""The search over the paper's space: what it must find, what limits do, and members that are built."""

from __future__ import annotations

from pathlib import Path

import pytest

from sqnxt_sim import load_accelerator, simulate_workload
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.outcome import Outcome
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.reports.search import arrays_table, front_table, named_table, search_lines
from sqnxt_tf.reports.search_picture import draw_search
from sqnxt_tf.workflows.search import beaten, build_member, search

VARIANTS = ("sqnxt23_w1", *(f"sqnxt23v{n}_w1" for n in (2, 3, 4, 5)))
LARGE = "squeezelerator-16x16"


@pytest.fixture(scope="module")
def paper() -> Outcome:
    return search("paper")


def test_the_whole_space_is_costed(paper: Outcome) -> None:
    assert paper.asked == len(paper.candidates) == 2052
    assert paper.impossible == paper.over_limits == 0
    assert paper.method == "enumerated"


def test_the_front_is_what_no_candidate_dominates(paper: Outcome) -> None:
    for member in paper.front[::20]:
        for one in paper.candidates:
            worse = any(one.figures[name] > member.figures[name] for name in paper.objectives)
            same = all(one.figures[name] == member.figures[name] for name in paper.objectives)
            assert worse or same
    first = [member.figures["cycles"] for member in paper.front]
    assert first == sorted(first)


def test_the_papers_path_goes_down_on_the_large_array(paper: Outcome) -> None:
    """Each of the paper's steps is a better place by cycles and by energy on 16x16, as its authors saw."""
    named = {(s.candidate.network, s.candidate.accelerator): s for s in paper.named()}
    path = [named[name, LARGE] for name in VARIANTS]
    for figure in ("cycles", "energy"):
        places = [standing.places[figure] for standing in path]
        assert places == sorted(places, reverse=True)
        assert len(set(places)) == 5
    assert all(standing.among == 1026 for standing in path)
    for standing in path:
        report = simulate_workload(network_workload(standing.candidate.network), load_accelerator(LARGE), sparsity=0.4)
        assert standing.candidate.figures["cycles"] == pytest.approx(report.cycles, rel=1e-12)


def test_the_findings_of_the_documentation(paper: Outcome) -> None:
    """docs/codesign.md quotes these."""
    named = {(s.candidate.network, s.candidate.accelerator): s for s in paper.named()}
    for network, *figures in (
        ("sqnxt23_w1", (691, 606, 248), (810, 696, 280)),
        ("sqnxt23v2_w1", (423, 459, 147), (587, 467, 145)),
        ("sqnxt23v3_w1", (286, 318, 91), (629, 316, 113)),
        ("sqnxt23v4_w1", (168, 185, 37), (662, 196, 68)),
        ("sqnxt23v5_w1", (94, 72, 37), (635, 139, 99)),
    ):
        beaten_by = {reference.accelerator: len(better) for reference, better in beaten(paper, network)}
        for accelerator, expected in zip((LARGE, "squeezelerator-8x8"), figures, strict=True):
            places = named[network, accelerator].places
            assert (places["cycles"], places["energy"], beaten_by[accelerator]) == expected
    kept = search(load_space("paper", only={"stem_kernel": ["7", "5"]}))
    better = {reference.accelerator: found for reference, found in beaten(kept, "1.0-SqNxt-23v5")}
    assert {array: len(found) for array, found in better.items()} == {LARGE: 5, "squeezelerator-8x8": 6}
    for reference, found in beaten(kept, "sqnxt23v5_w1"):
        for one in found:
            assert one.accelerator == reference.accelerator
            assert all(one.figures[name] < reference.figures[name] for name in ("cycles", "energy"))
            assert one.figures["params"] <= reference.figures["params"]
    assert better[LARGE][0].network == "sqnxt_1-5-14-1_w1_k5"


def test_limits_leave_out_what_breaks_them(paper: Outcome) -> None:
    limited = search("paper", limits={"params": 700e3, "cycles": 1.3e6})
    assert limited.candidates
    expected = [
        one.network for one in paper.candidates if one.figures["params"] <= 700e3 and one.figures["cycles"] <= 1.3e6
    ]
    assert [one.network for one in limited.candidates] == expected
    assert limited.over_limits == 2052 - len(expected)


def test_limits_that_nothing_holds(tmp_path: Path) -> None:
    empty = search("paper", limits={"params": 1.0})
    assert empty.front == ()
    assert empty.to_json()["front"] == []
    assert not front_table(empty).rows
    with pytest.raises(SqnxtError, match="no candidate within the limits"):
        draw_search(empty, tmp_path / "picture.html")
    with pytest.raises(SqnxtError, match="the Pareto set has 0 members"):
        build_member(empty, 1, tmp_path / "m.keras")
    with pytest.raises(SqnxtError, match="not a candidate"):
        beaten(empty, "sqnxt23v5_w1")


@pytest.mark.parametrize(
    ("objectives", "limits"),
    [(["beauty"], {}), ([], {}), (["cycles", "cycles"], {}), (None, {"beauty": 1.0}), (None, {"params": 0.0})],
)
def test_objectives_and_limits_that_make_no_sense(objectives: list[str] | None, limits: dict[str, float]) -> None:
    with pytest.raises(SqnxtError, match=r"objectives|limit"):
        search("paper", objectives=objectives, limits=limits)


def test_a_large_space_is_not_enumerated() -> None:
    with pytest.raises(SqnxtError, match="trials=N"):
        search("wide")


def test_people_see_ranks_places_and_what_it_rests_on(paper: Outcome) -> None:
    text = "\n".join(front_table(paper).to_lines())
    assert paper.front[0].network in text
    named = named_table(paper)
    assert named is not None
    assert len(named.rows) == 10
    arrays = arrays_table(paper)
    assert arrays is not None
    assert [row[-1] for row in arrays.rows] == ["1,026 of 1,026", "1,026 of 1,026", "0 of 1,026"]
    lines = " ".join(search_lines(paper))
    assert "2,052 pairs" in lines
    assert "40% of the weights" in lines
    assert "Accuracy is not considered" in lines


def test_the_picture_is_one_file_that_needs_nothing(paper: Outcome, tmp_path: Path) -> None:
    draw_search(paper, tmp_path / "picture.html")
    text = (tmp_path / "picture.html").read_text("utf-8")
    assert "<script src=" not in text
    assert "sqnxt23v5_w1" in text
    assert text.count("Pareto set") >= 3
    with pytest.raises(Exception, match="exists already"):
        draw_search(paper, tmp_path / "picture.html")
    with pytest.raises(SqnxtError, match=r"end it with \.html"):
        draw_search(paper, tmp_path / "picture.svg")


def test_a_member_is_built_exported_and_simulated_to_the_same_costs(tmp_path: Path) -> None:
    from sqnxt_tf.workflows.export import export
    from sqnxt_tf.workflows.simulate import simulate

    file = tmp_path / "small.toml"
    file.write_text(
        "classes = 10\nsparsity = 0.4\n[network]\nstage1 = 1\nstage2 = [1, 2]\nstage3 = 1\nstage4 = 1\n"
        'stem_kernel = [3, 5]\ninput_size = 75\n[accelerator]\nbase = "squeezelerator-16x16"\n'
    )
    outcome = search(file)
    built = build_member(outcome, 1, tmp_path / "member.keras", seed=1)
    assert built["network"] == outcome.front[0].network
    export(tmp_path / "member.keras", tmp_path / "member.onnx", format="onnx", samples=1)
    report = simulate(tmp_path / "member.onnx", sparsity=0.4)
    assert report.cycles == pytest.approx(built["cycles"], rel=1e-12)
    assert report.energy.total == pytest.approx(built["energy"], rel=1e-12)
    assert find_network(built["network"]).name == built["network"]
