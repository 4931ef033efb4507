"""Accuracy in the loop: who is trained for how long, what a second call repeats, and the real thing once."""

from __future__ import annotations

from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.outcome import Outcome
from sqnxt_tf.exploration.successive_halving import SizedNetwork, choose_survivors
from sqnxt_tf.reports.finalists import finalists_lines, finalists_table
from sqnxt_tf.reports.search_picture import draw_search
from sqnxt_tf.workflows import search_finalists as module
from sqnxt_tf.workflows.search import search
from sqnxt_tf.workflows.search_finalists import FinalistOptions, train_finalists


class School:
    """Trains nobody: an accuracy that grows with a network's cycles and epochs, and a record of who was trained."""

    def __init__(self, outcome: Outcome) -> None:
        self.trained: list[tuple[str, int, int]] = []
        self.stop_after = 10_000
        networks = choose_survivors(outcome, 100)
        self.accuracy = {network.name: 0.5 + place / 500 for place, network in enumerate(networks)}

    def train(self, network: str, path: Path, *, changes: Any, input_size: int, **_: Any) -> None:
        if len(self.trained) == self.stop_after:
            raise KeyboardInterrupt
        self.trained.append((network, input_size, changes["epochs"]))
        path.write_text(network)

    def evaluate(self, path: Path, data: Any, **_: Any) -> Any:
        epochs = int(path.stem.rsplit("-", 1)[1].removesuffix("epochs"))
        top1 = self.accuracy[path.read_text()] + epochs / 100
        return SimpleNamespace(top1=top1, top1_interval=(top1 - 0.1, top1 + 0.1))


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return search("digits")


@pytest.fixture
def fake(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> School:
    fake = School(outcome)
    monkeypatch.setattr(module, "train", fake.train)
    monkeypatch.setattr(module, "evaluate", fake.evaluate)
    settings = {"data": "digits", "seed": 0}
    monkeypatch.setattr(
        module,
        "read_metadata",
        lambda path: SimpleNamespace(extra={"settings": {"network": path.read_text(), **settings}}),
    )
    return fake


def test_half_of_them_go_on_for_twice_as_long(outcome: Outcome, fake: School, tmp_path: Path) -> None:
    report = train_finalists(outcome, FinalistOptions(folder=tmp_path / "trained", epochs=8))
    assert [epochs for _, _, epochs in fake.trained] == [2] * 16 + [4] * 8 + [8] * 4
    assert len(report.networks) == 16
    finalists = {one.network for one in report.networks if one.epochs == 8}
    assert {one.network for _, one in report.front} <= finalists
    assert len(finalists) == 4
    document = report.to_json()
    assert document["rungs"][-1] == {"networks": 4, "epochs": 8}
    assert all(row["epochs"] == 8 and row["cycles"] > 0 for row in document["front"])
    text = "\n".join([*finalists_table(report, outcome).to_lines(), *finalists_lines(report)])
    assert "16 for 2 epochs, then 8 for 4 epochs, then 4 for 8 epochs" in text
    assert "validation top-1 %" in text
    draw_search(outcome, tmp_path / "picture.html", trained=report)
    picture = (tmp_path / "picture.html").read_text("utf-8")
    assert "Pareto set with accuracy" in picture
    assert all(one.network.name in picture for one in report.networks)


def test_an_interrupted_one_goes_on_where_it_was(outcome: Outcome, fake: School, tmp_path: Path) -> None:
    how = FinalistOptions(folder=tmp_path, epochs=4, survivors=8)
    fake.stop_after = 7
    with pytest.raises(KeyboardInterrupt):
        train_finalists(outcome, how)
    fake.stop_after = 10_000
    report = train_finalists(outcome, how)
    assert len(fake.trained) == len(set(fake.trained)) == 8 + 4
    assert train_finalists(outcome, how).to_json() == report.to_json()
    assert len(fake.trained) == 12
    train_finalists(outcome, FinalistOptions(folder=tmp_path, epochs=4, survivors=8), force=True)
    assert len(fake.trained) == 24


def test_a_worker_judges_what_the_chief_has_saved_not_what_was_there(
    outcome: Outcome, fake: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = FinalistOptions(folder=tmp_path, epochs=1, survivors=1)
    train_finalists(outcome, how, force=True)
    (path,) = tmp_path.iterdir()
    network = path.read_text()
    path.write_text("an old one")

    def train(*_: Any, **__: Any) -> None:
        """The chief's new model comes a while after the worker is done."""
        (tmp_path / "part").write_text(network)
        Timer(0.2, (tmp_path / "part").replace, [path]).start()

    monkeypatch.setattr(module, "is_chief", lambda: False)
    monkeypatch.setattr(module, "train", train)
    assert [one.network.name for one in train_finalists(outcome, how, force=True).networks] == [network]
    monkeypatch.setattr(module, "CHIEF_SAVES_WITHIN", 0.0)
    monkeypatch.setattr(module, "train", lambda *_, **__: None)
    with pytest.raises(SqnxtError, match="was not saved by the chief"):
        train_finalists(outcome, how, force=True)


def test_models_of_another_run_are_not_taken(outcome: Outcome, fake: School, tmp_path: Path) -> None:
    report = train_finalists(outcome, FinalistOptions(folder=tmp_path, epochs=1, survivors=1))
    assert "1 for 1 epoch. They are chosen by" in "\n".join(finalists_lines(report))
    with pytest.raises(SqnxtError, match="another run"):
        train_finalists(outcome, FinalistOptions(folder=tmp_path, epochs=1, survivors=1, seed=5))


def test_what_makes_no_sense_is_refused_before_anything_is_trained(
    outcome: Outcome, fake: School, tmp_path: Path
) -> None:
    with pytest.raises(SqnxtError, match="10 classes, and the space 1000"):
        train_finalists(search("paper"), FinalistOptions(folder=tmp_path, epochs=1))
    with pytest.raises(SqnxtError, match="nothing to train"):
        train_finalists(search("digits", limits={"params": 1.0}), FinalistOptions(folder=tmp_path, epochs=1))
    for numbers in ({"epochs": 0}, {"epochs": 1, "survivors": 0}):
        with pytest.raises(SqnxtError, match="out of range"):
            FinalistOptions(folder=tmp_path, **numbers)
    assert not fake.trained


@pytest.mark.slow
def test_digits_are_really_learnt_by_the_survivors_of_a_search(cli: Any, tmp_path: Path) -> None:
    space = tmp_path / "tiny.toml"
    space.write_text(
        "classes = 10\n[network]\nstage1 = 1\nstage2 = 1\nstage3 = [1, 2]\nstage4 = 1\nstem_kernel = 3\nwidth = 0.5\n"
        'transition = "conv-first"\ninput_size = 32\n[accelerator]\nbase = "squeezelerator-16x16"\n'
    )
    schooling = ("--train-epochs", 12, "--survivors", 2, "--strategy", "mirrored")
    command = ("search", space, *schooling, "-o", "trained", "--json")
    trained = cli(*command, timeout=900).json()["trained"]
    assert [rung["networks"] for rung in trained["rungs"]] == [2]
    assert len(trained["networks"]) == 2
    assert max(one["test_top1"] for one in trained["networks"]) > 0.6  # 0.8 was seen, chance is 0.1
    assert 1 <= len(trained["front"]) <= 2
    for one in trained["networks"]:
        evaluated = cli("evaluate", one["path"], "--json").json()
        assert evaluated["top1"] == one["test_top1"]
    assert cli(*command, timeout=300).json()["trained"] == trained  # takes what is there


def test_the_flags_that_go_together(cli: Any) -> None:
    assert "--train-epochs N: give both" in cli("search", "digits", "--train-epochs", 1).error_line()
    assert "give both" in cli("search", "digits", "--train-epochs", 1, "--build", 1, "-o", "x").error_line()
    assert SizedNetwork("a", 1).name == "a"
