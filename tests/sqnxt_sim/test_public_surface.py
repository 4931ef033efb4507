"""The public names of the package, and the modules that importing it loads."""

from __future__ import annotations

import pytest

import sqnxt_sim
from helpers.commands import run_python


def test_the_surface_is_sorted_and_every_name_resolves() -> None:
    # As ruff sorts: constants, classes, functions.
    kinds = [(not name.isupper(), not name[0].isupper(), name) for name in sqnxt_sim.__all__]
    assert kinds == sorted(kinds)
    for name in sqnxt_sim.__all__:
        assert getattr(sqnxt_sim, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = sqnxt_sim.absent


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, sqnxt_sim; sys.exit(any(m in sys.modules for m in ('numpy', 'onnx', 'tensorflow', 'sqnxt_tf')))"
    assert run_python(code).returncode == 0


def test_simulating_needs_only_numpy_and_onnx() -> None:
    code = (
        "import sys; from sqnxt_sim import read_onnx, simulate_workload, load_accelerator; "
        "load_accelerator('squeezelerator-8x8'); "
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'tf_keras', 'onnxruntime', 'sqnxt_tf', 'sqnxt_export')))"
    )
    assert run_python(code).returncode == 0
