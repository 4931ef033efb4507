"""`sqnxt-tf accelerators`."""

from __future__ import annotations

import click

from sqnxt_tf.cli.completion import complete_accelerator
from sqnxt_tf.cli.flags import output_options
from sqnxt_tf.cli.output import Output


@click.command("accelerators", short_help="List the accelerator presets, or show one with the origin of every number.")
@click.argument("name", required=False, shell_complete=complete_accelerator)
@click.option("--toml", "as_toml", is_flag=True, help="Print the file of NAME, as a start for your own.")
@output_options
def command(name: str | None, as_toml: bool, out: Output) -> None:
    """List the accelerator presets; with NAME (a preset or a .toml file), show every number of it and its origin.

    To simulate hardware of your own: `sqnxt-tf accelerators squeezelerator-16x16 --toml > my.toml`, change it, and
    name it with `--accelerator my.toml`.
    """
    from sqnxt_sim import accelerator_text, list_accelerators, load_accelerator
    from sqnxt_tf.reports.accelerators import accelerator_json, accelerator_table, accelerators_table

    if as_toml:
        if name is None or out.as_json:
            raise click.UsageError("--toml prints one accelerator's file: give its name, and leave out --json")
        out.text(accelerator_text(name).rstrip("\n"))
        return
    accelerators = [load_accelerator(one) for one in ([name] if name else list_accelerators())]
    out.document([accelerator_json(one) for one in accelerators])
    if not out.as_json:
        out.table(accelerator_table(accelerators[0]) if name else accelerators_table(accelerators))
        if not name:
            out.text("`sqnxt-tf accelerators NAME` shows every number with its origin; `--toml` prints its file.")
