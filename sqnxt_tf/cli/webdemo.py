"""`sqnxt-tf webdemo`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags, limit_flags
from sqnxt_tf.cli.output import Output


@click.command("webdemo", short_help="Write a web page that runs models in the browser.")
@click.argument("models", nargs=-1, required=True, type=flags.PATH, metavar="MODEL...")
@flags.output("The folder to write.")
@click.option("--title", metavar="TEXT", help="Heading of the page; the first model's network by default.")
@flags.preprocessing
@flags.labels
@flags.force
@limit_flags.opening_limits
@flags.output_options
def command(
    models: tuple[Path, ...],
    output: Path,
    title: str | None,
    preprocessing: str | None,
    labels: Path | None,
    force: bool,
    out: Output,
) -> None:
    """Write a static site that runs each MODEL (.tflite or .onnx) on the device of whoever opens it.

    Draw, use the camera or drop an image: WebAssembly computes the answers in the browser, and no image leaves it. The
    runtimes come from npm while the site is written. The site itself contacts no other host and works from any static
    host, in any sub-folder.
    """
    from sqnxt_tf.webdemo.site import write_webdemo

    site = write_webdemo(
        models, output, title=title, preprocessing=preprocessing, labels=labels, force=force, progress=out.progress
    )
    out.document(site.to_json())
    runtimes = ", ".join(f"{runtime.name} {runtime.version}" for runtime in site.runtimes)
    out.text(
        f"{site.folder}: {len(site.files)} files, {site.bytes / 1e6:.1f} MB; {len(site.models)} models, {runtimes}"
    )
    out.text(f"open it: python -m http.server --directory {site.folder}, then http://localhost:8000")
    for note in site.notes:
        out.note(f"note: {note}")
    out.note("note: browsers allow the camera for https addresses and localhost only")
