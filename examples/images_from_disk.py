"""A few hundred generated JPEGs, some broken on purpose: checked, packed, trained on by two workers that are killed.

python examples/images_from_disk.py [FOLDER]
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = {"brick": (180, 70, 50), "grass": (60, 150, 60), "sky": (90, 140, 220)}
COUNTS = {"train": 90, "validation": 15, "test": 15}  # images a class
SIZE = (120, 90)
TRAIN = (
    "train --network tiny_darknet --input-size 32 --data packed --recipe digits --augmentation standard --epochs 4 "
    "--local-workers 2 --checkpoint-steps 5 -o model.keras"
)


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    write_images(folder / "photos")
    break_some(folder / "photos")
    run(folder, "data check photos", expected=1)
    print("$ rm photos/train/grass/brick.jpg  # what cannot be read is left out, but who knows the right class?\n")
    (folder / "photos" / "train" / "grass" / "brick.jpg").unlink()
    run(folder, "data pack photos -o packed --shards 4")
    run(folder, "data check packed")
    kill_once_begun(folder, TRAIN)
    run(folder, TRAIN)
    run(folder, "evaluate model.keras --data photos")


def write_images(folder: Path) -> None:
    """Pictures of one colour each, more or less, with grain and a light that falls from somewhere."""
    random = np.random.default_rng(0)
    for split, count in COUNTS.items():
        for name, colour in CLASSES.items():
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                coarse = Image.fromarray(random.integers(60, 196, (4, 5), np.uint8))
                light = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), np.float32)[..., None] / 128
                grain = random.normal(0, 12, (SIZE[1], SIZE[0], 3))
                pixels = (light * (np.array(colour) + random.normal(0, 25, 3)) + grain).clip(0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / name / f"{index:03d}.jpg", quality=90)


def break_some(folder: Path) -> None:
    """One of every fault that `data check` knows."""
    brick, grass = folder / "train" / "brick", folder / "train" / "grass"
    whole = (brick / "000.jpg").read_bytes()
    (brick / "000.jpg").write_bytes(whole[: len(whole) // 2])
    (brick / "001.jpg").write_bytes(b"<html>404 not found</html>")
    Image.open(brick / "002.jpg").convert("CMYK").save(brick / "002.jpg")
    (brick / "003.jpg").replace(brick / "003.png")
    (grass / "brick.jpg").write_bytes((brick / "004.jpg").read_bytes())
    (folder / "test" / "sky" / "000.jpg").write_bytes(b"")


def kill_once_begun(folder: Path, command: str) -> None:
    """Start a run, and kill all of its processes as soon as it has saved something."""
    print(f"$ sqnxt-tf {command}", flush=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "sqnxt_tf.cli", *command.split()], cwd=folder, start_new_session=True
    )
    while not (folder / "model.train" / "checkpoint.npz").exists() and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    print("killed: all of its processes at once, by kill -9\n", flush=True)


def run(folder: Path, command: str, *, expected: int = 0) -> None:
    """Show a command and what it prints; stop where it does not end as expected."""
    print(f"$ sqnxt-tf {command}", flush=True)
    done = subprocess.run([sys.executable, "-m", "sqnxt_tf.cli", *command.split()], cwd=folder, check=False)
    if done.returncode != expected:
        sys.exit(f"`sqnxt-tf {command}` ended with {done.returncode}, not {expected}")
    print(flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "images-from-disk-example"))
