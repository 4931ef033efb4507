"""The same network exported dense and pruned, at several precisions: different answers, each for a stated reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sqnxt_export
from sqnxt_sim import NetworkReport
from sqnxt_tf import hold_to_budget, simulate

FILES = {"float": ("dense", "float32"), "int16": ("dense", "int16"), "int8": ("dense", "int8"),
         "pruned": ("pruned", "float32"), "pruned int8": ("pruned", "int8")}  # fmt: skip


def small_model() -> Any:
    import tf_keras as keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((48, 48, 3))
    x = keras.layers.Conv2D(32, 5, strides=2, padding="same", activation="relu", name="stem")(inputs)
    x = keras.layers.Conv2D(64, 3, padding="same", activation="relu", name="middle")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(1000, name="classifier")(x))


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small network, dense and with 60 % zeros in every kernel, exported at several precisions."""
    folder = tmp_path_factory.mktemp("exports")
    random = np.random.default_rng(0)
    calibration, samples = np.split(random.standard_normal((40, 48, 48, 3)).astype(np.float32), [32])
    paths = {}
    for label, (kind, precision) in FILES.items():
        model = small_model()
        if kind == "pruned":
            for layer in model.layers:
                if layer.weights:
                    kernel, bias = layer.get_weights()
                    kernel[np.abs(kernel) <= np.quantile(np.abs(kernel), 0.6)] = 0
                    layer.set_weights([kernel, bias])
        paths[label] = folder / f"{kind}-{precision}.onnx"
        sqnxt_export.export_model(
            model,
            paths[label],
            sqnxt_export.ArtifactOptions(format="onnx", precision=precision),
            sqnxt_export.ExportSamples(parity=samples, calibration=calibration),
        )
    return paths


@pytest.fixture(scope="module")
def reports(paths: dict[str, Path]) -> dict[str, NetworkReport]:
    return {label: simulate(path) for label, path in paths.items()}


def bits_of(report: NetworkReport) -> set[tuple[int | None, int | None]]:
    return {(cost.layer.activation_bits, cost.layer.weight_bits) for cost in report.costed}


def test_floats_cost_what_16_bits_cost_on_a_16_bit_array_and_the_report_says_so(
    reports: dict[str, NetworkReport],
) -> None:
    dense, int16 = reports["float"], reports["int16"]
    # Rounding to 16 bits may make a zero of a tiny weight.
    assert dense.cycles == pytest.approx(int16.cycles, rel=1e-3)
    assert dense.energy.total == pytest.approx(int16.energy.total, rel=1e-3)
    assert bits_of(dense) == bits_of(int16) == {(16, 16)}
    assert any("floating point are counted at the native 16 bits" in note for note in dense.notes)
    assert not any("floating point" in note for note in int16.notes)


def test_8_bits_halve_the_traffic_and_quarter_the_multiplications(reports: dict[str, NetworkReport]) -> None:
    int16, int8 = reports["int16"], reports["int8"]
    assert bits_of(int8) == {(8, 8)}
    assert int8.dram_bytes <= 0.51 * int16.dram_bytes
    assert int8.energy.mac == pytest.approx(int16.energy.mac / 4, rel=0.05)
    assert int8.cycles < int16.cycles
    assert int8.macs == int16.macs


def test_zeros_save_work_in_output_stationary_and_nothing_in_weight_stationary(paths: dict[str, Path]) -> None:
    for dataflow, less in (("output_stationary", True), ("weight_stationary", False)):
        dense, pruned = (simulate(paths[label], dataflow=dataflow) for label in ("float", "pruned"))
        assert {round(cost.weight_sparsity, 2) for cost in pruned.costed} == {0.6}
        assert (pruned.energy.mac < 0.41 * dense.energy.mac) if less else pruned.energy.mac == dense.energy.mac
        assert (pruned.cycles < dense.cycles) == less
        assert (pruned.dram_bytes < dense.dram_bytes) if less else pruned.dram_bytes == dense.dram_bytes


def test_zeros_cut_traffic_where_the_array_stores_weights_compressed(paths: dict[str, Path]) -> None:
    dense, pruned = (simulate(paths[label], "edge-npu-8bit") for label in ("int8", "pruned int8"))
    assert pruned.costed[-1].dram_bytes < 0.75 * dense.costed[-1].dram_bytes
    assert pruned.energy.dram < dense.energy.dram


def test_budgets_are_exact(reports: dict[str, NetworkReport]) -> None:
    report = reports["float"]
    exact = hold_to_budget(report, max_cycles=report.cycles, max_dram_bytes=report.dram_bytes - 1)
    assert not exact["max_cycles"].exceeded
    assert exact["max_dram_bytes"].exceeded
    assert "max_energy" not in exact
    assert hold_to_budget(report, max_energy=0)["max_energy"].exceeded
