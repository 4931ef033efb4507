"""Sampled searches: what they find, and that a kill at any time loses or repeats no trial."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration import sampling as module
from sqnxt_tf.exploration.candidates import Candidate, Coster
from sqnxt_tf.exploration.sampling import SAMPLERS, Sampling, sample_space
from sqnxt_tf.exploration.space import Point, Space
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.exploration.trial_storage import open_study
from sqnxt_tf.progress import silent

OBJECTIVES = ("cycles", "energy", "params")
FILE = """
sparsity = 0.4
classes = 10
[network]
stage1 = { from = 1, to = 6 }
stage2 = { from = 1, to = 6 }
stage3 = { from = 1, to = 6 }
stage4 = [1, 2]
stem_kernel = [3, 5, 7]
transition = ["parallel", "conv-first"]
input_size = 64
[accelerator]
base = ["squeezelerator-8x8", "squeezelerator-16x16"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def space(file: Path) -> Space:
    return load_space(file)


def search(space: Space, how: Sampling, limits: dict[str, float] | None = None) -> list[Candidate | None]:
    return sample_space(space, OBJECTIVES, limits or {}, how, silent)


def stored(path: Path) -> list[tuple[int, str, tuple[str, ...]]]:
    """Return number, state and parameters of every trial in a storage."""
    with closing(sqlite3.connect(path)) as connection:
        trials = connection.execute("SELECT trial_id, number, state FROM trials ORDER BY number").fetchall()
        rows = connection.execute("SELECT trial_id, param_name, param_value FROM trial_params").fetchall()
        values = connection.execute("SELECT trial_id FROM trial_values").fetchall()
    assert all(values.count((trial,)) == len(OBJECTIVES) for trial, _, _ in trials)
    params = {trial: tuple(sorted(f"{n}={v}" for t, n, v in rows if t == trial)) for trial, _, _ in trials}
    return [(number, state, params[trial]) for trial, number, state in trials]


def test_what_is_maximised_counts_the_other_way_and_a_limit_is_worse_than_everything(
    space: Space, tmp_path: Path
) -> None:
    objectives, limits = ("cycles", "+macs"), {"params": 450e3}
    sampling = Sampling(trials=24, sampler="random", storage=str(tmp_path / "trials.db"))
    sample_space(space, objectives, limits, sampling, silent)
    within, above = [], []
    with open_study(space, objectives, limits, sampling.storage) as study:
        for trial in study.trials:
            figures = trial.user_attrs["figures"]
            (above if figures["params"] > limits["params"] else within).append(trial.values)
            if figures["params"] <= limits["params"]:
                assert trial.values == [figures["cycles"], -figures["macs"]]
    assert len(within) > 2
    assert len(above) > 2
    for objective in (0, 1):
        assert max(values[objective] for values in within) < min(values[objective] for values in above)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_trial_asks_something_new_and_costs_what_the_point_costs(sampler: str, space: Space) -> None:
    found = search(space, Sampling(trials=60, sampler=sampler, population=10))
    assert len(found) == 60
    candidates = [one for one in found if one is not None]
    keys = {(one.network, one.accelerator) for one in candidates}
    assert len(keys) == len(candidates) == 60
    points = {(Candidate(spec=p.spec, input_size=p.input_size, accelerator="", figures={}).network,
               space.accelerators[p.accelerator].name): p for p in space.points()}  # fmt: skip
    coster = Coster(space)
    assert all(one.figures == coster.cost(points[one.network, one.accelerator]).figures for one in candidates[::7])


def test_the_same_seed_asks_the_same_and_another_worker_does_not(space: Space) -> None:
    def asked(**how: Any) -> list[Any]:
        found = search(space, Sampling(trials=30, population=10, **how))
        return [(one.network, one.accelerator) for one in found if one is not None]

    assert asked(seed=3) == asked(seed=3)
    assert asked(seed=3) != asked(seed=4)
    assert asked(seed=3) != asked(seed=3, worker=1)


def test_a_genetic_search_learns(space: Space) -> None:
    """Check that the later half of the trials has more small and fast networks than the first, random half."""
    found = [one for one in search(space, Sampling(trials=160, population=20)) if one is not None]
    score = [one.figures["cycles"] * one.figures["energy"] * one.figures["params"] for one in found]
    assert sum(score[120:]) < 0.7 * sum(score[:40])


def test_a_limit_steers_the_search(space: Space) -> None:
    limit = 400e3  # a quarter of the space holds it
    found = search(space, Sampling(trials=120, population=20), {"params": limit})
    assert sum(one is not None and one.figures["params"] <= limit for one in found[60:]) >= 40


def test_a_small_space_is_asked_for_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(FILE.replace("to = 6", "to = 1").replace("[1, 2]", "1"))
    space = load_space(path)
    assert space.size == 12
    assert len(search(space, Sampling(trials=500, population=4))) == 12


def test_what_cannot_be_is_a_trial_that_is_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "sums.toml"
    path.write_text(FILE.replace("stem_kernel", "total_blocks = 9\nstem_kernel"))
    found = search(load_space(path), Sampling(trials=80, population=10, sampler="random"))
    assert len(found) == 80
    assert 0 < sum(one is None for one in found) < 80


def test_a_storage_is_gone_on_from(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = str(tmp_path / "trials.db")
    first = search(space, Sampling(trials=20, population=10, storage=storage))
    costed: list[Point] = []
    cost = Coster.cost
    monkeypatch.setattr(Coster, "cost", lambda self, point: costed.append(point) or cost(self, point))
    assert search(space, Sampling(trials=20, population=10, storage=storage)) == first
    assert not costed
    more = search(space, Sampling(trials=35, population=10, storage=storage))
    assert more[:20] == first
    assert len(more) == 35
    assert len(costed) == 15
    trials = stored(tmp_path / "trials.db")
    assert [number for number, _, _ in trials] == list(range(35))
    assert len({params for _, _, params in trials}) == 35
    assert {state for _, state, _ in trials} == {"COMPLETE"}


def worker(file: Path, storage: Path, number: int, trials: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sqnxt_tf.cli", "search", file, "--objectives", ",".join(OBJECTIVES), "--trials",
               trials, "--population", 10, "--storage", storage, "--worker", number, "--json"]  # fmt: skip
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def count(storage: Path) -> int:
    try:
        with closing(sqlite3.connect(storage)) as connection:
            return int(connection.execute("SELECT count(*) FROM trials").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def killed_after(process: subprocess.Popen[bytes], storage: Path, trials: int) -> None:
    deadline = time.monotonic() + 400
    while count(storage) < trials and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_killed_workers_lose_and_repeat_no_trial(file: Path, tmp_path: Path) -> None:
    storage, wanted = tmp_path / "trials.db", 60
    seen: list[tuple[int, str, tuple[str, ...]]] = []
    for number, upto in enumerate((5, 15, 25)):
        killed_after(worker(file, storage, number, wanted), storage, upto)
        trials = stored(storage)
        assert trials[: len(seen)] == seen  # nothing that was there has gone or changed
        assert upto <= len(trials) < wanted
        seen = trials
    together = [worker(file, storage, number, wanted) for number in (3, 4)]
    for process in together:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
    trials = stored(storage)
    assert trials[: len(seen)] == seen
    assert [number for number, _, _ in trials] == list(range(len(trials)))
    assert wanted <= len(trials) <= wanted + 1  # two workers may ask the last one at once
    assert {state for _, state, _ in trials} == {"COMPLETE"}
    assert len({params for _, _, params in trials}) >= len(trials) - 2  # likewise one and the same pair


def test_a_storage_of_another_search_is_refused(space: Space, tmp_path: Path) -> None:
    storage = str(tmp_path / "trials.db")
    search(space, Sampling(trials=2, storage=storage))
    with pytest.raises(SqnxtError, match=r"another search .*limits"):
        search(space, Sampling(trials=2, storage=storage), {"params": 1e6})
    other = tmp_path / "other.toml"
    other.write_text(FILE.replace("to = 6", "to = 5"))
    with pytest.raises(SqnxtError, match="dimensions"):
        search(load_space(other), Sampling(trials=2, storage=storage))
    with pytest.raises(SqnxtError, match="another search"):
        sample_space(space, ("cycles", "macs", "params"), {}, Sampling(trials=2, storage=storage), silent)


def test_trials_that_somebody_else_wrote_are_refused(space: Space, tmp_path: Path) -> None:
    storage = tmp_path / "trials.db"
    search(space, Sampling(trials=3, storage=str(storage)))
    with closing(sqlite3.connect(storage)) as connection:
        connection.execute("DELETE FROM trial_params WHERE param_name = 'width'")
        connection.commit()
    with pytest.raises(SqnxtError, match="belongs to another search"):
        search(space, Sampling(trials=4, storage=str(storage)))


@pytest.mark.parametrize("storage", ["folder", "none/trials.db", "text.db", "nosuch://host/name", "://"])
def test_a_storage_that_cannot_be_used(storage: str, space: Space, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("no database, but longer than its header")
    name = storage if "://" in storage else str(tmp_path / storage)
    with pytest.raises(SqnxtError, match="storage") as refused:
        search(space, Sampling(trials=2, storage=name))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("how", [{"trials": 0}, {"trials": 10**9}, {"sampler": "magic"}, {"population": 1}])
def test_numbers_out_of_range(how: dict[str, Any]) -> None:
    with pytest.raises(SqnxtError):
        Sampling(**{"trials": 5, **how})


def test_without_optuna_it_says_what_to_install(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqnxt_tf.exploration import trial_storage

    monkeypatch.setattr(trial_storage, "find_spec", lambda name: None)
    with pytest.raises(SqnxtError, match=r"sqnxt-tf\[search\]"):
        search(space, Sampling(trials=2))
    assert module.SAMPLERS
