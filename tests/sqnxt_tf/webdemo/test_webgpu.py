"""The page where the browser has WebGPU, computed in software here: a choice, with the same answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.webdemo_page import KINDS, answer_to, choose_model, expected, opened, wait_for

pytestmark = pytest.mark.slow

SOFTWARE = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
INT8_STEP = 0.25  # WebGPU computes int8 in floats, so that an output may be the next integer: 0.195 apart here
LOADED = "document.body.dataset.state === 'ready' && document.querySelector('#gpu input').disabled === false"


def test_webgpu_is_offered_for_tflite_and_answers_as_python_does(
    launch_chromium: Callable[..., Any], digit_site: str, digit_artifacts: Path, digit_pictures: list[Path]
) -> None:
    browser = launch_chromium(*SOFTWARE, "--use-vulkan=swiftshader")
    with opened(browser, digit_site) as page:
        assert page.inner_text("#latency-name") == "ms a run", "the processor is the default"
        page.click("#gpu")
        wait_for(page, LOADED)
        places = {}
        for index, name in enumerate(KINDS):
            choose_model(page, index)
            wait_for(page, LOADED)
            places[name] = page.inner_text("#latency-name")
            answer = answer_to(page, digit_pictures[3])
            wanted = expected(digit_artifacts / name, digit_pictures[3])
            near = INT8_STEP if "int8" in name and "WebGPU" in places[name] else 1e-3
            np.testing.assert_allclose(answer["outputs"], wanted, atol=near, rtol=0, err_msg=name)
            assert np.argmax(answer["outputs"]) == np.argmax(wanted), name
            assert page.is_visible("#gpu") == name.endswith(".tflite")
    by_gpu = {name for name, place in places.items() if place == "ms a run by WebGPU"}
    assert {"float32.tflite", "float16.tflite"} <= by_gpu
    assert not any(name.endswith(".onnx") for name in by_gpu)


def test_without_an_adapter_nothing_is_offered(browser: Any, digit_site: str) -> None:
    nothing = "Object.defineProperty(navigator, 'gpu', { value: undefined });"
    refusing = "Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: () => Promise.reject(Error()) } });"
    for init in (nothing, refusing):
        with opened(browser, digit_site, init=init) as page:
            assert page.is_hidden("#gpu")
            assert page.inner_text("#latency-name") == "ms a run"
