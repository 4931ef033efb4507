"""All faults of an accelerator file, gathered while it is read and reported in one error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.machine.accelerator_schema import GONE

_MOST_LISTED = 50  # faults that the error names; a file of thousands is no accelerator
_LONGEST = 1000  # characters of a fault


@dataclass(slots=True)
class Faults:
    """The faults of one file, each with its remedy, in the order in which they were found."""

    path: Path
    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, fault: str, remedy: str) -> None:
        """Add a fault."""
        self.found.append((_cut(fault), _cut(remedy)))

    def raise_if_any(self) -> None:
        """Raise one error about all faults; its line counts them if there are several.

        Raises:
            SimulatorError: There is a fault.
        """
        if len(self.found) == 1:
            raise SimulatorError(self.path, *self.found[0])
        if self.found:
            first = enumerate(self.found[:_MOST_LISTED], 1)
            listed = "; ".join(f"({number}) {fault}: {remedy}" for number, (fault, remedy) in first)
            more = "; …" if len(self.found) > _MOST_LISTED else ""
            raise SimulatorError(self.path, f"has {len(self.found)} faults: {listed}{more}")

    def known_entries(self, table: Mapping[str, Any], known: Iterable[str], where: str) -> dict[str, Any]:
        """Return the entries of a table by their known keys, and add a fault for each unknown key.

        An unknown key that is close to one that is missing is taken for it, so that what it holds is checked too.
        """
        names = list(known)
        entries = {key: value for key, value in table.items() if key in names}
        for key in (key for key in table if key not in names):
            if key in GONE:
                self.add(f"{where} has {key!r}, which went away with model 2 of the accelerator", "delete it")
                continue
            if len(self.found) >= _MOST_LISTED:
                self.add(f"{where} has an unknown key {key!r}", "delete it")
                continue
            meant = _meant(key, names, table)
            remedy = f"did you mean {meant}?" if meant else f"known are {', '.join(sorted(names))}"
            self.add(f"{where} has an unknown key {key!r}", remedy)
            if meant and meant not in entries:
                entries[meant] = table[key]
        return entries


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _meant(key: str, known: Sequence[str], table: Mapping[str, Any]) -> str | None:
    """Return the known key that an unknown one is likely to stand for, above all one that is missing in the table."""
    from difflib import get_close_matches  # a file without faults does without it

    missing = [name for name in known if name not in table]
    meant = get_close_matches(key, missing, n=1, cutoff=0.5) or get_close_matches(key, known, n=1)
    return meant[0] if meant else None
