"""A negative loss is a gain, and what rounds to zero is neither."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sqnxt_tf.reports import lineage_picture, pruning, quantising
from sqnxt_tf.reports.tables import signed_points


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (
            (0.0028, -0.0116, 0.0171),
            "lost 0.28 points (95 % interval of the difference on the same images -1.16 to 1.71)",
        ),
        ((0.0, -0.0154, 0.0154), "lost 0.00 points (95 % interval of the difference on the same images -1.54 to 1.54)"),
        (
            (-0.0484, -0.0821, -0.0147),
            "gained 4.84 points (95 % interval of the difference on the same images 1.47 to 8.21)",
        ),
        ((-1e-6, -0.01, 0.01), "lost 0.00 points (95 % interval of the difference on the same images -1.00 to 1.00)"),
    ],
)
def test_pruning_lost_or_gained(lost: tuple[float, float, float], words: str) -> None:
    assert pruning.loss_or_gain(*lost) == words


def test_the_lines_of_pruning_say_what_was_gained() -> None:
    images = {"top1_interval": (0.9, 1.0), "top1": 0.98, "top5": 1.0, "samples": 359, "data": "digits/test"}
    images["left_out"] = ()
    result: Any = SimpleNamespace(
        path="p.keras", before=SimpleNamespace(**images), test=SimpleNamespace(**images), top1_before=0.93,
        top1_lost=(-0.05, -0.08, -0.02), dense={}, frozen=(),
    )  # fmt: skip
    assert "; gained 5.00 points (95 % interval" in pruning.pruning_lines(result)[1]


def test_a_lineage_shows_the_direction_of_each_change() -> None:
    def member(name: str, parent: str | None, top1: float) -> SimpleNamespace:
        sizes = dict.fromkeys(("filters", "parameters", "bytes", "macs", "cycles", "energy"), 1)
        accuracy = {"validation": top1, "top1": top1, "top1_low": top1, "top1_high": top1}
        return SimpleNamespace(name=name, parent=parent, environment=None, score=1.0, **sizes, **accuracy)

    members = (member("founder", None, 0.9), member("better", "founder", 0.95), member("worse", "founder", 0.85))
    found: Any = SimpleNamespace(
        members=members, settings={}, line=lambda: members[:2], lost=lambda one: members[0].top1 - one.top1
    )
    table = lineage_picture.lineage_table(found)
    place = list(table.headers).index("change, points")
    assert [row[place] for row in table.rows] == ["", "+5.0", "-5.0"]


@pytest.mark.parametrize(
    ("model", "artifact", "words"),
    [
        (0.90, 0.89, "before: a drop of 1.00 points, 2 allowed"),
        (0.90, 0.90, "before: a drop of 0.00 points, 2 allowed"),
        (0.90, 0.95, "before: a gain of 5.00 points, a drop of 2 allowed"),
        (0.90, 0.90 + 1e-9, "before: a drop of 0.00 points, 2 allowed"),
    ],
)
def test_a_budget_of_accuracy(model: float, artifact: float, words: str) -> None:
    accuracy = SimpleNamespace(model_top1=model, artifact_top1=artifact, max_drop=0.02, samples=500)
    result: Any = SimpleNamespace(accuracy=accuracy, wider=())
    assert words in quantising.wider_lines(result)[0]


@pytest.mark.parametrize(
    ("change", "shown"), [(0.0484, "+4.8"), (-0.0484, "-4.8"), (0.0, "0.0"), (-1e-6, "0.0"), (1e-6, "0.0")]
)
def test_changes_have_a_sign(change: float, shown: str) -> None:
    assert signed_points(change) == shown
