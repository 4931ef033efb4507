"""`sqnxt-tf doctor`."""

from __future__ import annotations

import click

from sqnxt_tf.cli.flags import output_options
from sqnxt_tf.cli.output import Output


@click.command("doctor", short_help="Show what is installed here, and what is missing.")
@output_options
def command(out: Output) -> None:
    """Show what is installed here: extras, runtimes, versions, processor, and Node.js with npm for `webdemo`."""
    from sqnxt_tf.reports.results import doctor_lines, doctor_table
    from sqnxt_tf.workflows.doctor import examine

    found = examine()
    out.document(found.to_json())
    out.table(doctor_table(found))
    for line in doctor_lines(found):
        out.text(line)
