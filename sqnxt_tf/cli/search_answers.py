"""What `sqnxt-tf search` does with an outcome: it builds, trains, draws and prints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_tf.cli.output import Output
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.search import arrays_table, better_table, front_table, named_table, search_lines

if TYPE_CHECKING:
    from sqnxt_tf.data.data_source import DataSource
    from sqnxt_tf.exploration.outcome import Outcome
    from sqnxt_tf.options.searching import FinalistOptions
    from sqnxt_tf.reports.tables import Table
    from sqnxt_tf.workflows.search_finalists import FinalistTraining


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a search is to answer.

    Attributes:
        against: A network whose betters are shown.
        build: Rank of the member of the Pareto set to build.
        output: The file of that member, or the folder of the finalists.
        picture: The .html file to draw.
        as_csv: Print rows instead of tables.
        everything: Include all candidates, not the Pareto set alone.
        seed: Random seed of the weights of the member that is built, unless it is cut out of a supernet.
        supernet: The supernet that judges, out of which the member is cut.
        data: The supernet's own data; those that its file names if None.
        force: Overwrite outputs.
    """

    against: str | None
    build: int | None
    output: Path | None
    picture: Path | None
    as_csv: bool
    everything: bool
    seed: int
    supernet: Path | None
    data: DataSource | None
    force: bool

    def check(self, *, trained: bool) -> None:
        """Refuse, before any work is done, what could not be answered.

        Raises:
            SqnxtError, ExportError: An unknown network, or an output that cannot be written.
        """
        if self.against is not None:
            from sqnxt_tf.networks.registry import find_network

            find_network(self.against)
        if self.build is not None and self.output is not None:
            from sqnxt_tf.workflows.model_output import check_model_output

            check_model_output(self.output, force=self.force)
        if self.picture is not None:
            from sqnxt_tf.reports.search_picture import check_search_picture

            if trained and self.picture.is_file() and not self.force:
                fault = "exists already, and `force` would train everything again"
                raise SqnxtError(self.picture, fault, "choose another name")
            check_search_picture(self.picture, force=self.force)

    def give(self, outcome: Outcome, finalists: FinalistOptions | None, out: Output) -> None:
        """Do everything that was asked for, the tables last; print one document for a program."""
        document = outcome.to_json(everything=self.everything)
        trained = self._train(outcome, finalists, document, out)
        if self.build is not None and self.output is not None:
            from sqnxt_tf.workflows.search import build_member

            built = build_member(
                outcome, self.build, self.output, seed=self.seed, force=self.force, supernet=self.supernet,
                data=self.data,
            )  # fmt: skip
            document["built"] = built
        if self.picture is not None:
            from sqnxt_tf.reports.search_picture import draw_search

            draw_search(outcome, self.picture, trained=trained, force=self.force)
        if self.as_csv:
            self._print_rows(outcome, document, out)
            return
        tables = _tables(outcome) if self.against is None else _compared(outcome, self.against, document)
        out.document(document)
        for table in tables:
            out.table(table)
            out.text()
        for line in search_lines(outcome, with_front=self.against is None):
            out.text(line)
        if self.build is not None:
            weights = "random weights" if self.supernet is None else f"weights of {self.supernet}"
            out.text(f"{document['built']['path']}: {document['built']['network']}, {weights}.")
        if trained is not None:
            _show_finalists(trained, outcome, out)

    def _train(
        self, outcome: Outcome, finalists: FinalistOptions | None, document: dict[str, Any], out: Output
    ) -> FinalistTraining | None:
        if finalists is None:
            return None
        from sqnxt_tf.workflows.search_finalists import train_finalists

        trained = train_finalists(outcome, finalists, force=self.force, progress=out.progress)
        document["trained"] = trained.to_json()
        return trained

    def _print_rows(self, outcome: Outcome, document: dict[str, Any], out: Output) -> None:
        from sqnxt_tf.exploration.candidates import unknown
        from sqnxt_tf.exploration.families import FAMILIES

        nobody = unknown(FAMILIES[outcome.space.family])
        blank = (nobody if self.supernet is None else nobody.with_accuracy(0.0)).to_json()
        if self.everything:
            out.csv(document["candidates"], like=blank)
        else:
            out.csv(document["front"], like={"rank": 0, **blank})


def _tables(outcome: Outcome) -> list[Table]:
    made = (front_table(outcome), named_table(outcome), arrays_table(outcome))
    return [table for table in made if table is not None]


def _compared(outcome: Outcome, against: str, document: dict[str, Any]) -> list[Table]:
    """Return what beats a network, one table per accelerator, and add it to the document."""
    from sqnxt_tf.workflows.search import beaten

    found = beaten(outcome, against)
    document["against"] = [
        {**reference.to_json(), "beaten_by": [one.to_json() for one in better]} for reference, better in found
    ]
    return [better_table(better, reference, outcome) for reference, better in found]


def _show_finalists(trained: FinalistTraining, outcome: Outcome, out: Output) -> None:
    from sqnxt_tf.reports.finalists import finalists_lines, finalists_table

    out.text()
    out.table(finalists_table(trained, outcome))
    for line in finalists_lines(trained):
        out.text(line)
