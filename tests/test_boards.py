"""The camera loop for Linux boards, the unit that starts it, and the container that holds it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.boards import BOARDS, tool, write_image_classifier
from helpers.repository import EXAMPLES, ROOT
from sqnxt_export import Preprocessing
from sqnxt_tf import classify

LOOP = BOARDS / "camera_loop.py"
LABELS = ("ant", "bee", "cat", "tab\tbed")
WIDTH, HEIGHT = 32, 20
RUNNING = re.compile(r" *(\d+\.\d\d) % +\d+\.\d ms  (.+)")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "net.onnx"
    return write_image_classifier(path, Preprocessing.plain(8, channels=3), LABELS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(2)
    for index in range(6):
        Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


def start(model: Path, *arguments: object, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(LOOP), str(model), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def seen(output: bytes) -> list[tuple[str, float]]:
    lines = [RUNNING.fullmatch(line) for line in output.decode().splitlines()]
    assert None not in lines, output
    return [(line[2], float(line[1])) for line in lines if line]


def check_seen(found: list[tuple[str, float]], model: Path, pictures: list[Path]) -> None:
    best = [answer.top[0] for answer in classify(model, pictures)]
    assert [label for label, _ in found] == [label.replace("\t", "?") for label, _ in best]
    for (_, percent), (_, chance) in zip(found, best, strict=True):
        assert percent == pytest.approx(100 * chance, abs=0.01)


def test_it_keeps_the_stated_rate_and_sees_what_classify_sees(model: Path, pictures: list[Path]) -> None:
    """Check six images at ten a second: five waits of a tenth lie between them, and no frame comes early."""
    out, err = start(model, "--folder", pictures[0].parent, "--fps", 10).communicate()
    check_seen(seen(out), model, pictures)
    (seconds,) = re.findall(rb"6 frames in (\d+\.\d) s; 0 older ones dropped", err)
    assert float(seconds) >= 0.5


def test_a_pipe_gives_its_newest_frame_and_its_end_is_an_error(model: Path, pictures: list[Path]) -> None:
    """Check that frames which came while the loop waited are dropped, all but the last."""
    size = ("--size", f"{WIDTH}x{HEIGHT}")
    frames = [np.asarray(Image.open(path)).tobytes() for path in pictures]
    with start(model, "--pipe", *size, "--fps", 1, stdin=subprocess.PIPE) as loop:
        assert loop.stdin is not None
        assert loop.stdout is not None
        assert loop.stderr is not None
        loop.stdin.write(frames[0])
        loop.stdin.flush()
        first = loop.stdout.readline()  # from now on it waits for the next second
        loop.stdin.write(b"".join(frames[1:]))
        loop.stdin.close()
        rest, err = loop.stdout.read(), loop.stderr.read()
    assert loop.returncode == 1
    check_seen(seen(first + rest), model, [pictures[0], pictures[-1]])
    assert b"2 frames in" in err
    assert b"4 older ones dropped" in err
    assert err.endswith(b"camera: the stream has ended\n")


def test_gstreamer_feeds_it_and_sigterm_ends_it(model: Path) -> None:
    tool("gst-launch-1.0")
    source = "videotestsrc is-live=true pattern=white"
    loop = start(model, "--gstreamer", source, "--size", f"{WIDTH}x{HEIGHT}", "--fps", 20)
    assert loop.stdout is not None
    lines = [loop.stdout.readline() for _ in range(5)]
    loop.send_signal(signal.SIGTERM)
    out, err = loop.communicate(timeout=30)
    assert loop.returncode == 0, err
    found = seen(b"".join(lines) + out)
    assert len(found) >= 5
    assert len(set(found)) == 1, "the picture does not change"
    assert b" frames in " in err


def test_systemd_hears_that_it_is_ready_and_alive(model: Path, pictures: list[Path], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(60)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with start(model, "--folder", pictures[0].parent, "--fps", 100, "--frames", 2, env=environment) as loop:
            assert [channel.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
            loop.communicate()
        assert loop.returncode == 0


def test_faults_are_one_line(model: Path, tmp_path: Path) -> None:
    for arguments, fault in (
        (("--pipe", "--size", "30x20"), b"give a width that 4 divides"),
        (("--fps", 0), b"give a number above 0"),
        (("--folder", tmp_path), b"camera: gave no frame"),
    ):
        out, err = start(model, *arguments).communicate()
        assert fault in err
        assert (out, err.count(b"\n")) == (b"", 1)


def test_the_unit_passes_systemds_own_check(tmp_path: Path) -> None:
    """Check the unit as it is but for its interpreter, which is not installed here, and what it may do."""
    analyze = tool("systemd-analyze")
    text = (BOARDS / "sqnxt-camera.service").read_text()
    (interpreter,) = re.findall(r"ExecStart=(\S+)", text)
    unit = tmp_path / "sqnxt-camera.service"
    unit.write_text(text.replace(interpreter, sys.executable))
    checked = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    command = [analyze, "security", "--offline=true", "--threshold=20", unit]  # tenths of systemd's 0 (best) to 10
    exposed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert exposed.returncode == 0, exposed.stdout
    unit.write_text(unit.read_text().replace("WatchdogSec=30", "WatchdogSecond=30"))
    checked = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "WatchdogSecond" in checked.stderr, "a wrong key is found"


def test_the_unit_waits_longer_than_the_loop_and_gives_it_options_that_it_has(model: Path) -> None:
    text = (BOARDS / "sqnxt-camera.service").read_text()
    (watchdog,) = re.findall(r"WatchdogSec=(\d+)", text)
    (patience,) = re.findall(r"PATIENCE_S = (\d+)", LOOP.read_text())
    assert int(watchdog) > int(patience)
    out, _ = start(model, "--help").communicate()
    (command,) = re.findall(r"ExecStart=.*", text)
    assert set(re.findall(r"--[a-z]+", command)) <= set(re.findall(r"--[a-z]+", out.decode()))
    (defaults,) = re.findall(r"Environment=(.*)", text)
    assert set(re.findall(r"\$\{(\w+)\}", command)) == {pair.split("=")[0] for pair in defaults.split()}


@pytest.mark.parametrize("name", ["Dockerfile", "boards/Dockerfile"])
def test_hadolint_finds_no_fault(name: str, tmp_path: Path) -> None:
    hadolint = tool("hadolint")
    done = subprocess.run([hadolint, EXAMPLES / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
    bad = tmp_path / "Dockerfile"
    bad.write_text((EXAMPLES / name).read_text() + "RUN cd /tmp && sudo apt install x\n")
    assert subprocess.run([hadolint, bad], capture_output=True, check=False).returncode == 1


def test_the_container_is_built_from_what_is_there() -> None:
    text = (BOARDS / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert all((ROOT / part).exists() for part in source.split()), source
    build = re.compile(r"^FROM \S+ AS build\n(.*?)^FROM", re.MULTILINE | re.DOTALL)
    device = build.findall((EXAMPLES / "Dockerfile").read_text())
    assert device == build.findall(text), "its wheel is built as that of the device install, which a test builds"
    assert "docker build --file examples/boards/Dockerfile" in text
