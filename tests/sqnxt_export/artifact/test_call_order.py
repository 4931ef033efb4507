"""Layers in any order of the file: each is called once, after what it reads, and in about the time of reading them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_export import ExportError
from sqnxt_export.artifact.call_order import call_order
from sqnxt_export.artifact.keras_calls import order_calls

PATH = Path("m.keras")


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[int, set[int]]]:
    """Draw calls without cycles in any order: the number of what each makes, and the numbers that it reads."""
    count = draw(st.integers(0, 30))
    calls = [(k, set(draw(st.lists(st.integers(0, k - 1), max_size=3)) if k else ())) for k in range(count)]
    return draw(st.permutations(calls))


@given(graphs())
@settings(max_examples=100, deadline=None)
def test_every_call_comes_once_and_after_what_it_reads(calls: list[tuple[int, set[int]]]) -> None:
    order = call_order([needs for _, needs in calls], [made for made, _ in calls])
    assert sorted(order) == list(range(len(calls)))
    done = set()
    for number in order:
        made, needs = calls[number]
        assert needs <= done
        done.add(made)


@given(graphs())
@settings(deadline=None)
def test_an_order_that_does_is_kept(calls: list[tuple[int, set[int]]]) -> None:
    calls = sorted(calls)
    order = call_order([needs for _, needs in calls], [made for made, _ in calls])
    assert order == list(range(len(calls)))


@given(graphs(), st.integers(0, 29))
@settings(deadline=None)
def test_what_reads_a_call_that_is_never_made_is_left_out(calls: list[tuple[int, set[int]]], lost: int) -> None:
    order = call_order([{*needs, "never"} if made == lost else needs for made, needs in calls], [m for m, _ in calls])
    without = {lost}
    for made, needs in sorted(calls):
        without |= {made} if needs & without else set()
    assert {calls[number][0] for number in order} == {made for made, _ in calls} - without


def model(nodes: list[tuple[str, list[list[Any]]]]) -> dict[str, Any]:
    """Return a functional config of ReLU layers: the name of each and its calls, a list of references a call."""
    layers: list[dict[str, Any]] = [{"class_name": "InputLayer", "name": "x", "config": {}, "inbound_nodes": []}]
    for name, calls in nodes:
        layers.append({"class_name": "ReLU", "name": name, "config": {}, "inbound_nodes": [[call] for call in calls]})
    return {"class_name": "Functional", "config": {"name": "net", "layers": layers}}


def chain(length: int) -> dict[str, Any]:
    return model([(f"r{k}", [["x" if not k else f"r{k - 1}", 0, 0, {}]]) for k in range(length)])


def names(config: dict[str, Any]) -> list[str]:
    return [layer["name"] for layer in config["config"]["layers"]]


def test_two_thousand_layers_in_reverse_order_are_ordered_in_a_second() -> None:
    config = chain(2000)
    expected = names(config)
    config["config"]["layers"].reverse()
    began = time.perf_counter()
    order_calls(PATH, config)
    assert time.perf_counter() - began < 1
    assert names(config) == expected


def test_nested_models_are_ordered_too() -> None:
    inner = chain(3)
    expected = names(inner)
    inner["config"]["layers"].reverse()
    outer = model([])
    outer["config"]["layers"].append({**inner, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]]]})
    order_calls(PATH, outer)
    assert names(inner) == expected


def test_a_layer_that_is_called_again_stays_where_its_first_call_is() -> None:
    config = model([("a", [["x", 0, 0, {}], ["b", 0, 0, {}]]), ("b", [["a", 0, 0, {}]]), ("c", [["a", 1, 0, {}]])])
    order_calls(PATH, config)
    assert names(config) == ["x", "a", "b", "c"]


@pytest.mark.parametrize(
    "nodes",
    [
        [("a", [["b", 0, 0, {}]]), ("b", [["a", 0, 0, {}]])],
        [("a", [["a", 0, 0, {}]])],
        [("a", [["x", 1, 0, {}]])],
        [("a", [["x", 0, 1, {}]])],
        [("a", [["x", -1, 0, {}]])],
        [("a", [["missing", 0, 0, {}]])],
        # Keras makes the calls of a layer in their order, and would wait for the first one for ever
        [("a", [["b", 0, 0, {}], ["x", 0, 0, {}]]), ("b", [["a", 0, 0, {}]])],
    ],
)
def test_calls_that_keras_would_wait_for_are_refused(nodes: list[tuple[str, list[list[Any]]]]) -> None:
    with pytest.raises(ExportError, match="is called with an output that is never made"):
        order_calls(PATH, model(nodes))
