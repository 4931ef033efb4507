from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sqnxt_tf.device.latency import measure_latency


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 4, 4])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 48])
    node = helper.make_node("Flatten", ["input"], ["logits"])
    model = helper.make_model(
        helper.make_graph([node], "g", [image], [logits]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 10
    onnx.save(model, tmp_path / "g.onnx")
    return tmp_path / "g.onnx"


def test_warm_up_runs_are_not_counted(graph: Path) -> None:
    told: list[int] = []
    first, second = measure_latency(
        [graph, graph], warmup=2, runs=7, progress=lambda task, done, total, **figures: told.append(done)
    )
    assert told == list(range(1, 10))
    assert len(first.milliseconds) == len(second.milliseconds) == 7
    document = first.to_json()
    assert (document["warmup"], document["runs"], document["threads"]) == (2, 7, 1)
    assert document["runtime"] == "onnxruntime"
    assert 0 < document["latency_ms"]["p50"] <= document["latency_ms"]["p90"] <= document["latency_ms"]["p99"]
    assert first.p50_ms == pytest.approx(np.median(first.milliseconds))
