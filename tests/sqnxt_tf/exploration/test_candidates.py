"""The costs of a candidate equal those of simulating the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sqnxt_sim import list_accelerators, load_accelerator, read_onnx, simulate_workload
from sqnxt_tf.exploration.candidates import Candidate, Coster
from sqnxt_tf.exploration.enumeration import enumerate_space
from sqnxt_tf.exploration.space import AreaProxy, Point, Space
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.exploration.workloads import network_workload
from sqnxt_tf.networks.registry import layer_rows
from sqnxt_tf.networks.squeezenext import SPECS, SqnxtSpec
from sqnxt_tf.progress import silent

OTHERS = (
    SqnxtSpec(depth=(3, 1, 2, 2), width=1.25, stem_kernel=3, transition="conv_first", groups=2),
    SqnxtSpec(depth=(1, 18, 1, 1), stem_kernel=5),
)


@pytest.fixture(scope="module")
def paper() -> Space:
    return load_space("paper")


@pytest.fixture(scope="module")
def coster(paper: Space) -> Coster:
    """Return one coster for all cases, as in a search, so that remembered layers are tested too."""
    return Coster(paper)


@pytest.mark.parametrize("spec", [*SPECS.values(), *OTHERS], ids=str)
def test_a_candidate_costs_what_its_network_does(spec: SqnxtSpec, paper: Space, coster: Coster) -> None:
    for place, accelerator in enumerate(paper.accelerators):
        for input_size in (227, 64):
            candidate = coster.cost(Point(spec, input_size, place))
            rows = layer_rows(candidate.network, input_size=input_size)
            report = simulate_workload(
                network_workload(candidate.network, input_size=input_size), accelerator, sparsity=0.4
            )
            assert candidate.accelerator == accelerator.name
            assert candidate.figures["cycles"] == pytest.approx(report.cycles, rel=1e-12)
            assert candidate.figures["time_ms"] == pytest.approx(report.time_ms, rel=1e-12)
            assert candidate.figures["energy"] == pytest.approx(report.energy.total, rel=1e-12)
            assert candidate.figures["dram_bytes"] == pytest.approx(report.dram_bytes, rel=1e-12)
            assert candidate.figures["macs"] == report.macs
            assert candidate.figures["params"] == sum(row.params for row in rows)


@pytest.mark.parametrize("name", list_accelerators())
def test_a_candidate_costs_what_its_network_does_on_every_preset(name: str, paper: Space) -> None:
    """Vector units run what the array does not; buffers that keep maps hold every input but the network's."""
    accelerator = load_accelerator(name)
    small = replace(paper, accelerators=(accelerator,), dimensions={**paper.dimensions, "input_size": (64,)})
    spec = SqnxtSpec(depth=(2, 1, 17, 1), stem_kernel=5, transition="conv_first")
    point = Point(spec, 64, 0)
    report = simulate_workload(
        network_workload("sqnxt_2-1-17-1_w1_k5_conv-first", input_size=64), accelerator, sparsity=0.4
    )
    assert bool(report.on_vector_unit) == (accelerator.vector is not None)
    enumerated = dict(zip(small.points(), enumerate_space(small, silent), strict=True))[point]
    for candidate in (Coster(small).cost(point), enumerated):
        assert candidate is not None
        assert candidate.figures["cycles"] == pytest.approx(report.cycles, rel=1e-12)
        assert candidate.figures["energy"] == pytest.approx(report.energy.total, rel=1e-12)
        assert candidate.figures["dram_bytes"] == pytest.approx(report.dram_bytes, rel=1e-12)


@pytest.mark.parametrize(
    "spec",
    [
        SqnxtSpec(depth=(1, 1, 2, 1), stem_kernel=3, transition="conv_first"),
        pytest.param(OTHERS[0], marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_candidate_costs_what_its_exported_graph_does(spec: SqnxtSpec, tmp_path: Path) -> None:
    from sqnxt_export import to_onnx
    from sqnxt_tf.networks.keras_ops import build

    space = load_space("paper")
    candidate = Coster(space).cost(Point(spec, 75, 1))
    graph = to_onnx(build(candidate.network, classes=space.classes, input_size=75))
    (tmp_path / "graph.onnx").write_bytes(graph.SerializeToString())
    report = simulate_workload(read_onnx(tmp_path / "graph.onnx"), space.accelerators[1], sparsity=0.4)
    assert candidate.figures["cycles"] == pytest.approx(report.cycles, rel=1e-12)
    assert candidate.figures["energy"] == pytest.approx(report.energy.total, rel=1e-12)
    assert candidate.figures["dram_bytes"] == pytest.approx(report.dram_bytes, rel=1e-12)


def test_what_cannot_be_is_none(coster: Coster) -> None:
    good = Point(OTHERS[1], 227, 0)
    grouped = Point(SqnxtSpec(depth=(1, 1, 1, 1), groups=3), 227, 0)
    too_small = Point(OTHERS[1], 5, 0)
    costed = list(coster.cost_all([grouped, good, too_small, good]))
    assert costed[0] is costed[2] is None
    assert isinstance(costed[1], Candidate)
    assert costed[1].figures == costed[3].figures  # type: ignore[union-attr]


def test_area_grows_with_pes_and_buffer(paper: Space) -> None:
    small, large = (AreaProxy(pe=2, buffer_byte=0.001).of(accelerator) for accelerator in paper.accelerators)
    assert small == 2 * 64 + 0.001 * 32768
    assert large == 2 * 256 + 0.001 * 131072
