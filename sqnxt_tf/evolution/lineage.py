"""The generations of an evolution, and the file that keeps them, so that an evolution can be continued."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from math import inf, log10
from pathlib import Path
from typing import Any

from sqnxt_base.json_text import parse_json_object
from sqnxt_base.printable_text import one_line
from sqnxt_base.user_files import read_bytes, read_whole
from sqnxt_tf.errors import SqnxtError

FILE = "lineage.json"
_LARGEST_FILE = 16 << 20  # bytes
# The types of a member's fields in the file, by their annotations, which are never evaluated.
_KINDS: dict[Any, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (int, float), "str | None": (str, type(None)),
    "float | None": (float, type(None)),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One network of a lineage: the founder (generation 0, no parent) or an offspring.

    `bytes` are those of its weights in float32. Accuracies are fractions: parents are chosen by `validation`, and
    `top1` is that of the test part. `cycles` and `energy` (in native MACs) are simulated. `environment` is the
    environmental factor with which the offspring was drawn.
    """

    name: str
    parent: str | None
    generation: int
    environment: float | None
    filters: int
    parameters: int
    bytes: int
    macs: int
    cycles: float
    energy: float
    validation: float
    top1: float
    top1_low: float
    top1_high: float
    sha256: str

    @property
    def score(self) -> float:
        """NetScore, 20 log10(a² / sqrt(p m)), of accuracy a in per cent, and of parameters p and cycles m in millions.

        Source: Wong, arXiv 1806.05512, with simulated cycles in the place of MACs. The accuracy is that of the
        validation part.
        """
        accuracy = max(100 * self.validation, 1e-3)
        return 20 * log10(accuracy**2 / (self.parameters / 1e6 * self.cycles / 1e6) ** 0.5)

    def to_row(self) -> dict[str, Any]:
        """Return a row of the table, for JSON or CSV."""
        return {**asdict(self), "score": self.score}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """All networks of an evolution, the founder first."""

    folder: Path
    settings: Mapping[str, Any]
    members: tuple[Member, ...]

    @property
    def founder(self) -> Member:
        """The network that all others come from."""
        return self.members[0]

    def generation(self, number: int) -> list[Member]:
        """Return the networks of one generation."""
        return [member for member in self.members if member.generation == number]

    def best(self, number: int) -> Member:
        """Return the network of a generation with the highest score, the first one among equals."""
        return max(self.generation(number), key=lambda member: member.score)

    def line(self) -> list[Member]:
        """Return the line of parents: the founder, and the best network of each generation."""
        return [self.best(number) for number in range(1 + max(member.generation for member in self.members))]

    def path(self, member: Member) -> Path:
        """Return the path of an offspring's `.keras` file."""
        return self.folder / f"{member.name}.keras"

    def lost(self, member: Member) -> float:
        """Return the top-1 of the founder less that of a member, as a fraction."""
        return self.founder.top1 - member.top1

    def lost_in_line(self) -> float:
        """Return the top-1 of the first offspring in the line of parents less that of the last, as a fraction."""
        line = self.line()
        return line[1].top1 - line[-1].top1 if len(line) > 1 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the `evolve` document."""
        chosen = {member.name for member in self.line()}
        return {
            "folder": str(self.folder),
            "settings": dict(self.settings),
            "founder": self.founder.to_row(),
            "offspring": [
                {
                    **member.to_row(), "path": str(self.path(member)), "top1_lost": self.lost(member),
                    "chosen": member.name in chosen,
                }
                for member in self.members[1:]
            ],
            "top1_lost_first_to_last": self.lost_in_line(),
        }  # fmt: skip


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return sha256(read_whole(path)).hexdigest()


def write_lineage(lineage: Lineage, part: Path) -> None:
    """Write the file that `read_lineage` reads."""
    document = {"settings": dict(lineage.settings), "members": [asdict(member) for member in lineage.members]}
    part.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", "utf-8")


def read_lineage(folder: Path) -> Lineage | None:
    """Read the lineage of a folder; None if no evolution was begun there.

    Raises:
        SqnxtError: The file is damaged, or an offspring is missing or was changed.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        document = parse_json_object(read_bytes(path, _LARGEST_FILE))
        members = tuple(_member(row) for row in document["members"])
        if not isinstance(document["settings"], dict):
            raise ValueError("settings")
        _check_descent(members)
    except (KeyError, TypeError, ValueError) as error:
        raise SqnxtError(
            path, f"is damaged ({one_line(error, 80)})", "pass `force=True` to start from the founder"
        ) from None
    lineage = Lineage(folder=folder, settings=document["settings"], members=members)
    for member in members[1:]:
        kept = lineage.path(member)
        if not kept.is_file() or file_hash(kept) != member.sha256:
            raise SqnxtError(
                kept,
                "is missing or is not the offspring that was written",
                "pass `force=True` to start from the founder",
            )
    return lineage


def _member(row: Any) -> Member:
    for field in fields(Member):
        if not isinstance(row[field.name], _KINDS[field.type]) or isinstance(row[field.name], bool):
            raise ValueError(f"{field.name} of a member")
    if Path(row["name"]).name != row["name"]:
        raise ValueError("name of a member")
    member = Member(**row)
    if member.parameters < 1 or not 0 < member.cycles < inf or not 0 <= member.validation <= 1:
        raise ValueError("figures of a member")
    return member


def _check_descent(members: tuple[Member, ...]) -> None:
    """Raise a ValueError unless every member but the founder follows its parent, of the generation before."""
    generations: dict[str | None, int] = {None: -1}
    for member in members:
        if generations.get(member.parent) != member.generation - 1 or (member.parent is None) != (member is members[0]):
            raise ValueError("parent of a member")
        generations[member.name] = member.generation
    if not members:
        raise ValueError("no members")
