"""Classify what a camera sees, a stated number of times a second.

python camera_loop.py MODEL --fps 5 [--device /dev/video0 | --gstreamer SOURCE | --pipe | --folder FOLDER]

MODEL is a .tflite or .onnx artifact. A live source gives its newest frame: what is older when the model is ready is
dropped. Images of a folder come one after the other. The loop ends with the source, after --frames, or by SIGTERM.
"""

import argparse
import os
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from sqnxt_export import open_model, read_metadata

PATIENCE_S = 20  # for a frame of a live source, less than the WatchdogSec of the unit


class Newest:
    """The newest frame of a stream of raw RGB, read by a thread that never waits for the model."""

    def __init__(self, stream, width, height):
        self.shape, self.stream = (height, width, 3), stream
        self.frame, self.ended, self.dropped = None, False, 0
        self.changed = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """Keep the newest frame until the stream ends."""
        size = int(np.prod(self.shape))
        while len(data := self.stream.read(size)) == size:
            with self.changed:
                self.dropped += self.frame is not None
                self.frame = np.frombuffer(data, np.uint8).reshape(self.shape)
                self.changed.notify()
        with self.changed:
            self.ended = True
            self.changed.notify()

    def __iter__(self):
        while True:
            with self.changed:
                if not self.changed.wait_for(lambda: self.frame is not None or self.ended, PATIENCE_S):
                    sys.exit(f"camera: no frame came in {PATIENCE_S} s; is another program using it?")
                frame, self.frame = self.frame, None
            if frame is None:
                return
            yield frame


class Folder:
    """The images of a folder, sorted by their names."""

    dropped = 0

    def __init__(self, folder):
        self.paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg"))

    def __iter__(self):
        for path in self.paths:
            yield np.asarray(Image.open(path).convert("RGB"))


def gstreamer(source, width, height, fps):
    """Start GStreamer, which converts, scales and paces whatever the source gives."""
    caps = f"video/x-raw,format=RGB,width={width},height={height},framerate={round(1000 * fps)}/1000"
    steps = [*shlex.split(source), "!", "videoconvert", "!", "videoscale", "!", "videorate", "!", caps, "!", "fdsink"]
    try:
        return subprocess.Popen(["gst-launch-1.0", "--quiet", *steps], stdout=subprocess.PIPE).stdout
    except FileNotFoundError:
        sys.exit("GStreamer: is not installed; run `sudo apt install gstreamer1.0-tools gstreamer1.0-plugins-good`")


def open_source(options):
    width, height = map(int, options.size.split("x"))
    if options.folder:
        return Folder(options.folder)
    if width % 4:
        sys.exit(f"--size {options.size}: GStreamer fills rows of RGB up to 4 bytes; give a width that 4 divides")
    if options.pipe:
        return Newest(sys.stdin.buffer, width, height)
    camera = options.gstreamer or f"v4l2src device={options.device}"
    return Newest(gstreamer(camera, width, height, options.fps), width, height)


def tell_systemd(state):
    """Send a state to systemd, which restarts a loop that has been silent for WatchdogSec."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(state.encode(), address.replace("@", "\0", 1))


def probabilities(scores):
    exact = scores.astype(np.float64)
    if exact.min() >= 0 and exact.max() <= 1 and abs(exact.sum() - 1) <= 0.5:  # it ends in a softmax of its own
        return exact
    raised = np.exp(exact - exact.max())
    return raised / raised.sum()


def printable(label):
    """Return a label without the control characters with which a file could steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in label)


def run(model, source, fps, most, stop):
    """Classify a frame each tick; a tick that passed while the model was busy is skipped. Return the times in ms."""
    runner, metadata = open_model(model, threads=1), read_metadata(model)
    if metadata is None or metadata.preprocessing is None:
        sys.exit(f"{model}: does not say how images are prepared; export it with `sqnxt-tf export`")
    runner.run(runner.noise(1))  # the first run is slower than the others
    tell_systemd("READY=1")
    times, tick = [], time.monotonic()
    for frame in source:
        began = time.perf_counter()
        chances = probabilities(runner.run(metadata.preprocessing.apply([frame]))[0])
        times.append(1e3 * (time.perf_counter() - began))
        best = int(chances.argmax())
        label = printable(metadata.labels[best]) if metadata.labels else f"class {best}"
        print(f"{100 * chances[best]:6.2f} %  {times[-1]:7.1f} ms  {label}", flush=True)
        tell_systemd("WATCHDOG=1")
        if stop.is_set() or len(times) == most:
            break
        tick = max(tick + 1 / fps, time.monotonic())
        if stop.wait(tick - time.monotonic()):
            break
    return times


def main():
    parser = argparse.ArgumentParser(description="Classify what a camera sees, a stated number of times a second.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--fps", type=float, default=5, help="Frames a second.")
    parser.add_argument("--size", default="640x480", help="Width and height of the frames.")
    parser.add_argument("--frames", type=int, default=0, help="Stop after this many frames.")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--device", default="/dev/video0", help="A V4L2 camera, read by GStreamer.")
    source.add_argument("--gstreamer", help='Any source of GStreamer, such as "libcamerasrc" or "videotestsrc".')
    source.add_argument("--pipe", action="store_true", help="Raw RGB frames on the standard input.")
    source.add_argument("--folder", type=Path, help="Images in a folder.")
    options = parser.parse_args()
    if not 0 < options.fps <= 1000:
        sys.exit(f"--fps {options.fps:g}: give a number above 0 and up to 1000")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    frames, began = open_source(options), time.monotonic()
    times = run(options.model, frames, options.fps, options.frames, stop)
    seconds = time.monotonic() - began
    if not times:
        sys.exit("camera: gave no frame; check the device and that no other program uses it")
    print(
        f"{len(times)} frames in {seconds:.1f} s; {frames.dropped} older ones dropped; "
        f"{statistics.median(times):.1f} ms a frame in the median",
        file=sys.stderr,
    )
    if not stop.is_set() and not options.frames and options.folder is None:
        sys.exit("camera: the stream has ended")  # systemd starts the loop again


if __name__ == "__main__":
    main()
