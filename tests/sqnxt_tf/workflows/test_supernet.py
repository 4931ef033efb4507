"""A supernet in a search: every network is judged once, ranked with its costs, and cut out with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.supernets import least_space, write_supernet
from sqnxt_export import read_metadata
from sqnxt_tf.data.digits import digits
from sqnxt_tf.device.evaluation import evaluate
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.sampling import Sampling
from sqnxt_tf.networks.squeezenext_names import parse_name
from sqnxt_tf.supernet.judging import Judge
from sqnxt_tf.workflows.search import build_member, search
from sqnxt_tf.workflows.supernet import Supernet

SPACE = least_space(transition=("conv-first",))
FEW = least_space(input_size=(24,), stem_kernel=(3,))


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_supernet(tmp_path_factory.mktemp("judged") / "super.keras", SPACE)


@pytest.fixture(scope="module")
def judged(supernet: Path) -> Any:
    return search(FEW, supernet=supernet, objectives=["cycles", "energy"])


@pytest.mark.slow
def test_accuracy_is_an_objective_among_the_costs(judged: Any) -> None:
    assert judged.objectives == ("accuracy", "cycles", "energy")
    assert len(judged.candidates) == 4
    document = judged.to_json(everything=True)
    assert all(0 <= row["accuracy"] <= 1 for row in document["candidates"])
    tops = [row["accuracy"] for row in document["front"]]
    assert tops == sorted(tops, reverse=True)
    best = max(judged.candidates, key=lambda one: one.figures["accuracy"])
    assert document["front"][0]["accuracy"] == best.figures["accuracy"]


@pytest.mark.slow
def test_nothing_is_judged_twice(judged: Any, supernet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Judge, "__init__", None)  # a judge that is asked for fails
    again = search(FEW, supernet=supernet, objectives=["energy", "accuracy"])
    assert [one.figures for one in again.candidates] == [one.figures for one in judged.candidates]
    assert again.objectives == ("energy", "accuracy")
    limited = search(
        SPACE, supernet=supernet, limits={"cycles": min(one.figures["cycles"] for one in again.candidates)}
    )
    assert len(limited.candidates) == 1  # those above the limits need no judgement either


@pytest.mark.slow
def test_trials_are_judged_and_kept_with_their_supernet(
    judged: Any, supernet: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Judge, "__init__", None)
    how = {"objectives": ["accuracy", "cycles"], "supernet": supernet}
    sampling = Sampling(trials=4, storage=str(tmp_path / "trials.db"), population=2)
    found = search(FEW, sampling=sampling, **how)
    known = {one.network: one.figures["accuracy"] for one in judged.candidates}
    assert {one.network: one.figures["accuracy"] for one in found.candidates} == known
    assert search(FEW, sampling=sampling, **how).candidates == found.candidates
    other = write_supernet(tmp_path / "other.keras", least_space(stem_kernel=(3, 5, 7)))
    with pytest.raises(SqnxtError, match="its supernet differ"):
        search(FEW, sampling=sampling, **{**how, "supernet": other})


@pytest.mark.slow
def test_a_member_that_is_built_is_the_network_that_was_judged(judged: Any, supernet: Path, tmp_path: Path) -> None:
    built = build_member(judged, 1, tmp_path / "cut.keras", supernet=supernet)
    member, path = judged.front[0], Path(built["path"])
    again = evaluate(path, digits("validation"))
    assert again.top1 == pytest.approx(
        member.figures["accuracy"], abs=1.5 / again.samples
    )  # one tie may fall otherwise
    metadata = read_metadata(path)
    assert metadata is not None
    assert (metadata.network, metadata.input_size, metadata.data) == (member.network, (24, 24), "digits/test")
    assert metadata.accuracy == pytest.approx(evaluate(path, digits("test")).top1, abs=1.5 / 359)
    with pytest.raises(SqnxtError, match=r"cut\.keras: is not a supernet"):
        search(FEW, supernet=path)


def test_what_no_supernet_can_judge_is_refused(supernet: Path, tmp_path: Path) -> None:
    with pytest.raises(SqnxtError, match=r"width has values that .* lacks"):
        search(least_space(width=(0.5, 0.75, 1.0)), supernet=supernet)
    with pytest.raises(SqnxtError, match="stage1 3 is not in the supernet"):
        search(least_space(stage1=(1, 3)), supernet=supernet)
    with pytest.raises(SqnxtError, match="objective accuracy"):
        search(FEW, supernet=supernet, exact=True)
    alone = Supernet(supernet)
    spec = parse_name("sqnxt_1-1-1-1_w1d2_k3_conv-first")
    assert spec is not None
    with pytest.raises(SqnxtError, match="input_size 48"):
        alone.accuracy(spec, 48)
    with pytest.raises(SqnxtError, match="is not a SqueezeNext"):
        alone.cut_out("tiny_darknet", tmp_path / "x.keras")
