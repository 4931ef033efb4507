"""The Dockerfile of the device install: what it copies is enough to build the wheel, and what it installs exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from helpers.repository import ROOT, read_setup

LINES = (ROOT / "examples" / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]


def given(instruction: str) -> list[str]:
    return [rest for name, rest in STEPS if name == instruction]


def test_what_it_copies_builds_the_wheel(tmp_path: Path) -> None:
    for copied in given("COPY"):
        if not copied.startswith("--from="):
            *sources, target = copied.split()
            for source in map(ROOT.joinpath, sources):
                if source.is_dir():
                    shutil.copytree(
                        source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
                    )
                elif target == "./":
                    shutil.copy(source, tmp_path)
                else:
                    assert source.is_file()
    out = tmp_path / "wheels"
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.iterdir()
    assert wheel.name.startswith("sqnxt_tf-")


def test_what_it_installs_and_starts_exists() -> None:
    (extra,) = re.findall(r'"sqnxt-tf\[(\w+)\] @ ', " ".join(given("RUN")))
    assert extra == "device"
    assert extra in read_setup()["options.extras_require"]
    (entry,) = given("ENTRYPOINT")
    assert json.loads(entry) == ["sqnxt-tf"]
    assert "sqnxt-tf = " in read_setup()["options.entry_points"]["console_scripts"]
    assert json.loads(given("CMD")[0]) == ["--help"]


def test_its_python_is_supported_and_its_user_is_not_root() -> None:
    images = {image.split()[0] for image in given("FROM")}
    assert images == {"python:3.12-slim"}
    assert "Python :: 3.12" in read_setup()["metadata"]["classifiers"]
    (user,) = given("USER")
    assert int(user) >= 1000
    assert f"--uid {user} " in " ".join(given("RUN"))


def test_it_says_how_to_use_it() -> None:
    head = "\n".join(line for line in LINES[: LINES.index("FROM python:3.12-slim AS build")])
    assert "docker build --file examples/Dockerfile" in head
    assert "docker run --rm" in head
