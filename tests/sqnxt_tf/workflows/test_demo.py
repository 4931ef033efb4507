"""The demo as a user runs it, and what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_a_folder_that_is_not_empty_is_not_touched(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "sqnxt-demo").mkdir()
    (tmp_path / "sqnxt-demo" / "precious.txt").write_text("keep")
    assert "--force" in cli("demo").error_line()
    assert [path.name for path in (tmp_path / "sqnxt-demo").iterdir()] == ["precious.txt"]
    (tmp_path / "file").write_text("")
    assert "is a file" in cli("demo", "-o", "file").error_line()


@pytest.mark.slow
def test_the_demo_keeps_its_promises(cli: Any, tmp_path: Path) -> None:
    result = cli("demo", "--json", timeout=2700).json()
    assert result["faults"] == []
    assert result["sparsity"] == pytest.approx(0.4, abs=1e-3)
    files = {Path(artifact["path"]).name: artifact for artifact in result["artifacts"]}
    assert set(files) == {
        "model.keras", "pruned.keras", "model-float32.onnx", "pruned-float32.onnx", "pruned-float16.onnx",
        "pruned-int16.onnx", "pruned-float32.tflite", "pruned-float16.tflite", "pruned-int16x8.tflite",
    }  # fmt: skip
    float_top1 = files["model.keras"]["evaluate"]["top1"]
    assert float_top1 >= 0.97
    for name, artifact in files.items():
        assert (tmp_path / artifact["path"]).stat().st_size == artifact["bytes"]
        assert artifact["evaluate"]["samples"] == 359
        assert artifact["evaluate"]["top1"] >= float_top1 - 0.01
        if not name.endswith(".keras"):
            assert artifact["export"]["parity"]["passed"]
            assert artifact["benchmark"]["latency_ms"]["p50"] > 0
    page = tmp_path / result["report"]
    assert page == tmp_path / "sqnxt-demo" / "report.html"
    assert page.read_text("utf-8").count('class="model"') == 3
    dense, pruned = (files[f"{name}-float32.onnx"]["simulate"] for name in ("model", "pruned"))
    for accelerator in ("squeezelerator-16x16", "squeezelerator-8x8"):
        assert pruned[accelerator]["cycles"] < dense[accelerator]["cycles"]
        assert pruned[accelerator]["energy"] < dense[accelerator]["energy"]
        assert pruned[accelerator]["macs"] == dense[accelerator]["macs"]
        assert (tmp_path / "sqnxt-demo" / f"pruned-int16-{accelerator}.json").exists()
