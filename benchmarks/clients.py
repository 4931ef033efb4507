"""What other programs make of the artifacts: whether they read them, and how far their answers are from ours.

    python benchmarks/clients.py CACHE [--only CLIENT]... [--page docs/clients.md]

Four networks with seeded random weights are exported in every precision of both formats to CACHE/artifacts. Each client
is installed from PyPI or npm in an environment of its own below CACHE and runs each file on eight images. Rows go to
clients.csv beside this script as they are found; files that have a row are not run again, so that an interrupted run is
taken up where it stopped. `--page` writes the table between the markers of a page.
"""

import argparse
import csv
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from client_environments import CLIENTS, command, own_variables, working_folder

NETWORKS = ("squeezenet_v1_1", "sqnxt23v5_w1", "mobilenet_w1", "sqnxt23g_w1")
PRECISIONS = {
    "onnx": ("float32", "float16", "int16", "int8-weights", "int8"),
    "tflite": ("float32", "float16", "int16x8", "int8-weights", "int8"),
}
INPUT_SIZE, CLASSES, IMAGES = 96, 100, 8
RESULT = Path(__file__).with_suffix(".csv")
COMPILES_ONLY = "vela"
SECONDS = 120
"""A client's process is ended after so long; a file that it had for all that time is given up."""
TOO_LONG = f"is not done in {SECONDS} seconds"


class Row(NamedTuple):
    """One file in one client; the difference is a fraction of the largest logit."""

    client: str
    version: str
    network: str
    format: str
    precision: str
    sha256: str
    accepted: bool
    largest_difference: str
    top1_agreement: str
    reason: str


def main(options):
    files = artifacts(options.cache / "artifacts")
    rows = {(row.client, row.network, row.format, row.precision): row for row in read_rows()}
    for client in CLIENTS:
        if options.only and client.name not in options.only:
            continue
        wanted = [path for path in files if path.suffix[1:] in client.formats]
        left = [path for path in wanted if getattr(rows.get(key(client, path)), "sha256", "") != identity(path)]
        for row in run_client(client, left, options.cache) if left else ():
            rows[row.client, row.network, row.format, row.precision] = row
            write_rows(rows.values())
            print(*row[:5], "accepted" if row.accepted else row.reason, row.largest_difference, flush=True)
    if options.page:
        write_page(options.page, list(rows.values()))


def artifacts(folder):
    """Return the artifacts, exported where they are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [
        folder / f"{network}-{precision}.{suffix}"
        for network in NETWORKS
        for suffix, precisions in PRECISIONS.items()
        for precision in precisions
    ]
    for path in wanted:
        if not path.exists():
            from sqnxt_tf import export

            network, precision = path.stem.split("-", 1)
            export(network, path, precision=precision, classes=CLASSES, input_size=INPUT_SIZE)
    return wanted


def run_client(client, files, cache):
    """Yield a row for each file; a client that ends the process is started again behind the file."""
    try:
        start = command(client, cache)
    except subprocess.CalledProcessError as error:
        yield from (refused(client, path, f"cannot be installed: {error}") for path in files)
        return
    images = samples(files[0])
    with tempfile.TemporaryDirectory() as folder:
        given = write_samples(images, Path(folder), as_json=client.npm)
        while files:
            answers, fault = answers_of([*start, str(given), *map(str, files)], working_folder(client, cache))
            for path, answer in zip(files, answers, strict=False):
                yield judged(client, path, answer, images)
            files = files[len(answers) :]
            if files and not (
                answers and fault == TOO_LONG
            ):  # a process that was busy with others is no fault of a file
                yield refused(client, files[0], fault)
                files = files[1:]


def samples(path):
    """Return seeded noise of all scales as the network takes images, float32 [n, height, width, channels]."""
    from sqnxt_export import read_metadata
    from sqnxt_tf.networks.noise_statistics import noise_pixels

    prepared = read_metadata(path).preprocessing
    pixels = noise_pixels(*read_metadata(path).input_size, 3, seed=1)[:IMAGES]
    return ((pixels - np.array(prepared.mean)) / np.array(prepared.scale)).astype(np.float32)


def write_samples(images, folder, *, as_json):
    if not as_json:
        np.save(folder / "samples.npy", images)
        return folder / "samples.npy"
    first = images.transpose(0, 3, 1, 2)
    document = {"shape": [1, *first.shape[1:]], "images": first.reshape(len(first), -1).tolist()}
    (folder / "samples.json").write_text(json.dumps(document), encoding="utf-8")
    return folder / "samples.json"


def answers_of(arguments, folder):
    """Return the lines that a client printed, and why it printed no more."""
    try:
        done = subprocess.run(
            arguments,
            cwd=folder,
            env=own_variables(arguments[0]),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        output, fault = done.stdout, f"ends the process with code {done.returncode}"
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        fault += f" ({last[0][:100]})" if last else ""
    except subprocess.TimeoutExpired as error:
        output, fault = (error.stdout or b"").decode(), TOO_LONG
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")], fault


def judged(client, path, answer, images):
    """Compare a client's answers with those of this package's runtime for the same file."""
    from sqnxt_export import open_model

    if "reason" in answer:
        return refused(client, path, answer["reason"], answer["version"])
    found = np.array(answer["outputs"])
    if client.run == COMPILES_ONLY:
        return refused(client, path, "", answer["version"])._replace(accepted=True)
    if not found.size or not np.isfinite(found).all():
        return refused(client, path, "returns no numbers", answer["version"])
    expected = open_model(path, threads=1).run(images).reshape(len(images), -1)
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    agreement = float((found.argmax(axis=1) == expected.argmax(axis=1)).mean())
    return refused(client, path, "", answer["version"])._replace(
        accepted=True, largest_difference=f"{difference:.2g}", top1_agreement=f"{agreement:.3f}"
    )


def refused(client, path, reason, version=""):
    network, precision = path.stem.split("-", 1)
    without_folder = reason.replace(f"{path.resolve().parent}/", "")
    return Row(client.name, version, network, path.suffix[1:], precision, identity(path), False, "", "", without_folder)


def key(client, path):
    network, precision = path.stem.split("-", 1)
    return client.name, network, path.suffix[1:], precision


def identity(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_rows():
    if not RESULT.exists():
        return []
    with RESULT.open(encoding="utf-8", newline="") as file:
        return [Row(**{**line, "accepted": line["accepted"] == "True"}) for line in csv.DictReader(file)]


def write_rows(rows):
    order = {client.name: number for number, client in enumerate(CLIENTS)}
    with RESULT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows(sorted(rows, key=lambda row: (order[row.client], row[2:5])))


def write_page(page, rows):
    """Write a table of each format between the markers of a page."""
    text = page.read_text("utf-8")
    for suffix, precisions in PRECISIONS.items():
        begin, end = f"<!-- {suffix}: written by benchmarks/clients.py -->\n", f"<!-- end of {suffix} -->"
        before, _, rest = text.partition(begin)
        text = before + begin + "\n".join(table(rows, suffix, precisions)) + "\n" + end + rest.partition(end)[2]
    page.write_text(text, encoding="utf-8")


def table(rows, suffix, precisions):
    yield "| client | " + " | ".join(f"`{precision}`" for precision in precisions) + " |"
    yield "|---" * (len(precisions) + 1) + "|"
    for client in CLIENTS:
        own = [row for row in rows if (row.client, row.format) == (client.name, suffix)]
        if own:
            version = next((row.version for row in own if row.version), "")
            name = client.name.removesuffix(f" {version}")
            yield f"| {name} {version} | " + " | ".join(cell(own, precision) for precision in precisions) + " |"


def cell(rows, precision):
    found = [row for row in rows if row.precision == precision]
    if not found:
        return "not run"
    read = [row for row in found if row.accepted]
    if not read:
        return f"0 of {len(found)}"
    text = f"{len(read)} of {len(found)}"
    differences = [float(row.largest_difference) for row in read if row.largest_difference]
    if not differences:
        return text
    worst = float(np.max(differences))
    lost = min(float(row.top1_agreement) for row in read)
    return f"{text}, {worst:.1g}" + (f", top-1 {100 * lost:.0f} %" if lost < 1 else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--only", action="append", choices=[client.name for client in CLIENTS], metavar="CLIENT")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    given.cache = given.cache.resolve()
    sys.exit(main(given))
