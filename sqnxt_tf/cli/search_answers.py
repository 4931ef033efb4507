"""What `sqnxt-tf search` does with an outcome: builds, trains, draws, prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_tf.cli.output import Output
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports import search as report

if TYPE_CHECKING:
    from sqnxt_tf.exploration.outcome import Outcome
    from sqnxt_tf.reports.tables import Table
    from sqnxt_tf.workflows.search_finalists import FinalistTraining


def check(
    *, trained: bool, against: str | None, build: int | None, output: Path | None, picture: Path | None, force: bool
) -> None:
    """Refuse, before any work is done, what could not be answered.

    Raises:
        SqnxtError, ExportError: An unknown network, or an output that cannot be written.
    """
    if against is not None:
        from sqnxt_tf.networks.registry import find_network

        find_network(against)
    if build is not None and output is not None:
        from sqnxt_tf.workflows.train import check_model_output

        check_model_output(output, force=force)
    if picture is not None:
        from sqnxt_tf.reports.search_picture import check_search_picture

        if trained and picture.is_file() and not force:
            raise SqnxtError(picture, "exists already", "choose another name, as --force would train everything anew")
        check_search_picture(picture, force=force)


def answer(
    outcome: Outcome,
    out: Output,
    *,
    seed: int,
    schooling: dict[str, Any],
    against: str | None,
    build: int | None,
    output: Path | None,
    picture: Path | None,
    as_csv: bool,
    everything: bool,
    force: bool,
) -> None:
    """Everything that was asked for, the tables last; one document for a program."""
    document = outcome.to_json(everything=everything)
    trained = None
    if build is not None and output is not None:
        from sqnxt_tf.workflows.search import build_member

        document["built"] = build_member(outcome, build, output, seed=seed, force=force)
    elif output is not None:
        trained = _school(outcome, output, schooling, seed, force, out)
        document["trained"] = trained.to_json()
    if picture is not None:
        from sqnxt_tf.reports.search_picture import draw_search

        draw_search(outcome, picture, trained=trained, force=force)
    if as_csv:
        from sqnxt_tf.exploration.candidates import unknown

        blank = unknown().to_json()
        out.csv(document["candidates" if everything else "front"], like=blank if everything else {"rank": 0, **blank})
        return
    tables = _tables(outcome) if against is None else _compared(outcome, against, document)
    out.document(document)
    for table in tables:
        out.table(table)
        out.text()
    for line in report.search_lines(outcome, with_front=against is None):
        out.text(line)
    if build is not None:
        out.text(f"{document['built']['path']}: {document['built']['network']}, random weights.")
    if trained is not None:
        _show_finalists(trained, outcome, out)


def _tables(outcome: Outcome) -> list[Table]:
    made = (report.front_table(outcome), report.named_table(outcome), report.arrays_table(outcome))
    return [table for table in made if table is not None]


def _compared(outcome: Outcome, against: str, document: dict[str, Any]) -> list[Table]:
    """What beats a network, a table an accelerator; added to the document."""
    from sqnxt_tf.workflows.search import beaten

    found = beaten(outcome, against)
    document["against"] = [
        {**reference.to_json(), "beaten_by": [one.to_json() for one in better]} for reference, better in found
    ]
    return [report.better_table(better, reference, outcome) for reference, better in found]


def _school(
    outcome: Outcome, folder: Path, how: dict[str, Any], seed: int, force: bool, out: Output
) -> FinalistTraining:
    from sqnxt_tf.workflows.search_finalists import FinalistOptions, train_finalists

    return train_finalists(
        outcome, FinalistOptions(folder=folder, seed=seed, force=force, **how), progress=out.progress
    )


def _show_finalists(trained: FinalistTraining, outcome: Outcome, out: Output) -> None:
    from sqnxt_tf.reports.finalists import finalists_lines, finalists_table

    out.text()
    out.table(finalists_table(trained, outcome))
    for line in finalists_lines(trained):
        out.text(line)
