"""`sqnxt-tf accelerators`."""

from __future__ import annotations

from pathlib import Path

import click

from sqnxt_tf.cli import flags
from sqnxt_tf.cli.completion import complete_accelerator
from sqnxt_tf.cli.output import Output


@click.command("accelerators", short_help="List the accelerator presets, show one in full, or write a new one.")
@click.argument("name", required=False, shell_complete=complete_accelerator)
@click.option("--toml", "as_toml", is_flag=True, help="Print the file of NAME.")
@click.option("--new", "new", type=click.Path(path_type=Path), metavar="FILE.toml", help="Write a file to start from.")
@click.option(
    "--from",
    "base",
    default="squeezelerator-16x16",
    show_default=True,
    metavar="NAME|FILE.toml",
    shell_complete=complete_accelerator,
    help="The accelerator whose numbers the new file has.",
)
@flags.force
@flags.output_options
def command(name: str | None, as_toml: bool, new: Path | None, base: str, force: bool, out: Output) -> None:
    """List the accelerator presets; with NAME (a preset or a .toml file), show every number of it and its origin.

    To simulate hardware of your own: `sqnxt-tf accelerators --new my.toml`, change it, and name it with
    `--accelerator my.toml`.
    """
    if new is None:
        flags.refuse_given("goes with --new FILE.toml only", "base", "force")
        _show(name, as_toml, out)
        return
    if name is not None or as_toml:
        raise click.UsageError("--new writes a file and shows none: leave out NAME and --toml")
    written = _write_new(new, base, force=force)
    out.document({"path": str(written), "from": base})
    out.text(f"{written}: has the numbers of {base}; change them, and simulate with `--accelerator {written}`")


def _write_new(path: Path, base: str, *, force: bool) -> Path:
    """Write a new accelerator file and return its path."""
    from sqnxt_export import whole_file
    from sqnxt_export.artifact.files import check_output
    from sqnxt_sim import accelerator_template
    from sqnxt_tf.errors import SqnxtError

    if path.suffix != ".toml":
        raise SqnxtError(path, "an accelerator is a TOML file", "end its name with .toml")
    check_output(path, force=force)
    text = accelerator_template(base, name=path.stem)
    with whole_file(path, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _show(name: str | None, as_toml: bool, out: Output) -> None:
    from sqnxt_sim import accelerator_text, list_accelerators, load_accelerator
    from sqnxt_tf.reports.accelerators import accelerator_json, accelerator_table, accelerators_table

    if as_toml:
        if name is None or out.as_json:
            raise click.UsageError("--toml prints one accelerator's file: give its name, and leave out --json")
        out.file(accelerator_text(name))
        return
    accelerators = [load_accelerator(one) for one in ([name] if name else list_accelerators())]
    out.document([accelerator_json(one) for one in accelerators])
    if not out.as_json:
        out.table(accelerator_table(accelerators[0]) if name else accelerators_table(accelerators))
        if not name:
            out.text("`sqnxt-tf accelerators NAME` shows every number with its origin; `--toml` prints its file.")
