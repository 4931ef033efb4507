"""Accelerators, workloads and reports are plain values: Python pickles, copies and unfolds them."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass, replace
from typing import Any

import pytest

import sqnxt_sim
from sqnxt_sim import (
    ConvLayer,
    LayerWeights,
    LiveActivations,
    OffArrayNode,
    OffArrayReason,
    Origin,
    VectorWork,
    Workload,
    load_accelerator,
    simulate_many,
    simulate_workload,
)

DATACLASSES = sorted(name for name in sqnxt_sim.__all__ if is_dataclass(getattr(sqnxt_sim, name)))
ACCELERATOR = load_accelerator("edge-npu-8bit")  # has every section
WORK = VectorWork(operations=4, values_read=4, values_written=4)
WORKLOAD = Workload(
    name="net.onnx",
    layers=(
        ConvLayer(name="conv", in_channels=2, out_channels=2, in_height=2, in_width=2, nonzero_weights=3),
        OffArrayNode(name="add", op="Add", why=OffArrayReason.NOT_COSTED, reason="added", work=WORK),
        OffArrayNode(name="odd", op="Det", why=OffArrayReason.NO_MODEL, reason="no model of this operator"),
    ),
    live=(LiveActivations(node="conv", float_values=16, integer_bits=0),),
    input_shapes=((1, 2, 2, 2),),
)
WEIGHTS = LayerWeights(layer="conv", op="Conv", operand=1, tensor="w", shape=(2, 2, 1, 1), bits=8, nonzero=3)
REPORT = simulate_workload(WORKLOAD, ACCELERATOR)
OTHERS = [simulate_workload(WORKLOAD, load_accelerator(name)) for name in ("eyeriss", "ethos-u65-256")]


def parts(value: Any) -> Iterator[Any]:
    """Yield the value, and all dataclasses that its fields hold at any depth."""
    if is_dataclass(value):
        yield value
        for field in fields(value):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from parts(item)
    elif isinstance(value, dict):
        yield from parts(list(value.values()))


EXAMPLES = {
    type(value).__name__: value
    for top in (
        WEIGHTS,
        WORKLOAD,
        *(cost.roofline for cost in REPORT.costed),
        *OTHERS,
        REPORT,
        *simulate_many(WORKLOAD, [ACCELERATOR]),
    )
    for value in parts(top)
}


def test_every_public_dataclass_has_an_example() -> None:
    assert set(DATACLASSES) <= set(EXAMPLES)


@pytest.mark.parametrize("name", DATACLASSES)
@pytest.mark.parametrize(
    "copied",
    [lambda value: pickle.loads(pickle.dumps(value)), copy.deepcopy, copy.copy],
    ids=["pickle", "deep", "copy"],
)
def test_a_copy_equals_its_original(name: str, copied: Callable[..., Any]) -> None:
    value = EXAMPLES[name]
    again = copied(value)
    assert again == value
    assert hash(again) == hash(value)
    assert repr(again) == repr(value)
    for part, original in zip(parts(again), parts(value), strict=True):  # equality leaves the origins out
        assert getattr(part, "origins", None) == getattr(original, "origins", None)


@pytest.mark.parametrize("name", DATACLASSES)
def test_a_value_unfolds_into_dictionaries_that_json_takes(name: str) -> None:
    value = EXAMPLES[name]
    unfolded = asdict(value)
    assert list(unfolded) == [field.name for field in fields(value)]
    assert set(json.loads(json.dumps(unfolded))) == set(unfolded)  # no dataclass is left inside


@pytest.mark.parametrize("name", DATACLASSES)
def test_a_value_cannot_be_changed(name: str) -> None:
    value = EXAMPLES[name]
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, None)


def test_a_copied_report_has_the_same_document() -> None:
    assert pickle.loads(pickle.dumps(REPORT)).to_json() == REPORT.to_json()


ORIGIN = Origin("chosen")


@pytest.mark.parametrize(
    "change",
    [
        lambda origins: origins.__setitem__("array.rows", ORIGIN),
        lambda origins: origins.__delitem__("array.rows"),
        lambda origins: origins.__ior__({"array.rows": ORIGIN}),
        lambda origins: origins.setdefault("array.new", ORIGIN),
        lambda origins: origins.update({"array.rows": ORIGIN}),
        lambda origins: origins.pop("array.rows"),
        lambda origins: origins.popitem(),
        lambda origins: origins.clear(),
    ],
)
def test_the_origins_of_an_accelerator_cannot_be_changed(change: Callable[..., Any]) -> None:
    before = dict(ACCELERATOR.origins)
    with pytest.raises(TypeError, match=r"cannot be changed; make another with `dataclasses\.replace`"):
        change(ACCELERATOR.origins)
    assert before == ACCELERATOR.origins


def test_an_accelerator_keeps_its_own_origins() -> None:
    origins = {"array.rows": ORIGIN}
    changed = replace(ACCELERATOR, origins=origins)
    origins["array.cols"] = ORIGIN
    assert changed.origins == {"array.rows": ORIGIN}
    assert changed == ACCELERATOR  # the hardware is the same, wherever its numbers come from
