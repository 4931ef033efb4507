"""Read spaces from TOML files, and check them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

from sqnxt_base.toml_text import parse_toml
from sqnxt_base.user_files import UnreadableTextError, read_text, reason_of
from sqnxt_sim import PRECISIONS, Accelerator, load_accelerator
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.families import FAMILIES, SQUEEZENEXT, Family
from sqnxt_tf.exploration.space import (
    ACCELERATOR_DIMENSIONS,
    ACCURACY,
    OBJECTIVES,
    AreaProxy,
    Space,
    accelerators_of,
    figure_of,
)
from sqnxt_tf.exploration.space_values import (
    Numbers,
    Value,
    Words,
    entry_error,
    narrowed,
    read_values,
    refuse_unknown,
    short,
)
from sqnxt_tf.networks.registry import check_classes

_FRACTIONS = ("width", "squeeze_ratio", "fraction_3x3")  # numbers of networks: 1 and 1.0 are one value
_MOST_ACCELERATORS = 10_000
_LARGEST_FILE = 256 << 10  # bytes
_SPACES = Path(__file__).parent / "spaces"


_ACCELERATOR: dict[str, Numbers | Words] = {
    "base": Words(".+", "presets or .toml files"),
    "array": Words(r"[1-9]\d{0,2}x[1-9]\d{0,2}", "ROWSxCOLS, such as 16x16"),
    "buffer_kib": Numbers(1, 2**20, whole=False),
    "gigabytes_per_second": Numbers(0.001, 1e5, whole=False),
}
_TOP = ("description", "family", "objectives", "sparsity", "precision", "classes", "network", "accelerator", "area")


@cache
def list_spaces() -> tuple[str, ...]:
    """Return the names of the bundled spaces."""
    return tuple(sorted(path.stem for path in _SPACES.glob("*.toml")))


def space_text(name_or_path: str | Path) -> str:
    """Return the TOML text of a bundled space, or of a file.

    Raises:
        SqnxtError: The space or file does not exist, or is too large.
    """
    path = _path_of(name_or_path)
    try:
        return read_text(path, _LARGEST_FILE)
    except UnreadableTextError as error:
        raise SqnxtError(path, f"is not TOML ({error})", "mend the file, or start from a bundled space") from error
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        raise SqnxtError(path, f"cannot be read ({reason_of(error)})", "name a space or its .toml file") from error


def _path_of(name_or_path: str | Path) -> Path:
    """Return the file of a bundled space, or the path that is given.

    Raises:
        SqnxtError: It is neither a bundled space nor the path of a TOML file.
    """
    bundled = str(name_or_path) in list_spaces()
    path = _SPACES / f"{name_or_path}.toml" if bundled else Path(name_or_path)
    if not bundled and path.suffix != ".toml":
        raise SqnxtError(
            f"space {str(name_or_path)!r}", "is not known", f"use one of {', '.join(list_spaces())}, or a .toml file"
        )
    return path


def load_space(name_or_path: str | Path, *, only: Mapping[str, Sequence[str]] | None = None) -> Space:
    """Read a bundled space by its name, or any other by the path of its file.

    Args:
        name_or_path: A name from `list_spaces`, or a path that ends with .toml.
        only: Keeps some values of a dimension, as in `{"width": ["1.0"]}`.

    Raises:
        SqnxtError: The space or file does not exist, is not TOML, or has an entry that is missing, unknown or out of
            range.
        SimulatorError: An accelerator cannot be read.
    """
    path, text = _path_of(name_or_path), space_text(name_or_path)
    try:
        table = parse_toml(text)
    except UnreadableTextError as error:
        raise SqnxtError(path, f"is not TOML ({error})", "mend the file, or start from a bundled space") from error
    return _space(table, path, only or {})


def _space(table: Mapping[str, Any], path: Path, only: Mapping[str, Sequence[str]]) -> Space:
    refuse_unknown(table, _TOP, f"{path}: the file")
    sections = {name: _section(table, name, path) for name in ("network", "accelerator", "area")}
    family = _family(table.get("family", SQUEEZENEXT.name), f"{path}: family")
    extra = ("total_blocks",) if family.stages else ()
    refuse_unknown(sections["network"], (*family.schema, *extra), f"{path}: [network]")
    refuse_unknown(sections["accelerator"], tuple(_ACCELERATOR), f"{path}: [accelerator]")
    dimensions = _dimensions(sections["network"], family.schema, (*family.stages,), f"{path}: network")
    dimensions |= _dimensions(sections["accelerator"], _ACCELERATOR, ("base",), f"{path}: accelerator")
    dimensions |= {name: narrowed(dimensions, name, values) for name, values in only.items()}
    _check_names(family, dimensions, path)
    total = sections["network"].get("total_blocks")
    space = Space(
        name=path.stem,
        description=_text(table.get("description", ""), f"{path}: description"),
        objectives=_objectives(table.get("objectives", ["cycles", "energy", "params"]), f"{path}: objectives"),
        dimensions={name: dimensions[name] for name in (*family.schema, *ACCELERATOR_DIMENSIONS) if name in dimensions},
        accelerators=_accelerators(dimensions, path),
        total_blocks=()
        if total is None
        else tuple(map(int, read_values(total, Numbers(4, 256, whole=True), f"{path}: network.total_blocks"))),
        classes=_whole(table.get("classes", 1000), f"{path}: classes"),
        sparsity=_fraction(table.get("sparsity"), f"{path}: sparsity"),
        precision=_precision(table.get("precision"), f"{path}: precision"),
        area=_area(sections["area"], path),
        family=family.name,
    )
    if not space.size:
        raise SqnxtError(
            path, "no network has as many blocks as network.total_blocks asks for", "mend the stages or the sum"
        )
    return space


def _family(entry: object, where: str) -> Family:
    if not isinstance(entry, str) or entry not in FAMILIES:
        raise entry_error(where, f"is {short(entry)}", f"it must be one of {', '.join(FAMILIES)}")
    return FAMILIES[entry]


def _dimensions(
    section: Mapping[str, Any], schema: Mapping[str, Numbers | Words], required: tuple[str, ...], where: str
) -> dict[str, tuple[Value, ...]]:
    """Return the values of the dimensions that a section gives, or that have a default."""
    found: dict[str, tuple[Value, ...]] = {}
    for key, kind in schema.items():
        if key in section:
            values = read_values(section[key], kind, f"{where}.{key}")
            found[key] = tuple(map(float, values)) if isinstance(kind, Numbers) and key in _FRACTIONS else values
        elif key in required:
            file, _, name = where.rpartition(": ")
            raise SqnxtError(file, f"{name}.{key} is missing", "add it, as in the bundled space `paper`")
        elif kind.default:
            found[key] = kind.default
    return found


def _check_names(family: Family, dimensions: Mapping[str, tuple[Value, ...]], path: Path) -> None:
    """Refuse a value whose networks would have no name."""
    first = {name: dimensions[name][0] for name in family.schema}
    for name in family.schema:
        for value in dimensions[name]:
            family.check(family.make({**first, name: value}), f"{path}: {name} {value}")


def _accelerators(dimensions: Mapping[str, tuple[Value, ...]], path: Path) -> tuple[Accelerator, ...]:
    """Return one accelerator for each combination. Paths of accelerator files are relative to the space's file."""
    if prod(len(dimensions.get(name, (0,))) for name in ACCELERATOR_DIMENSIONS) > _MOST_ACCELERATORS:
        raise SqnxtError(
            path, f"[accelerator] makes more than {_MOST_ACCELERATORS} accelerators", "leave some values out"
        )
    files = {base: path.parent / str(base) if str(base).endswith(".toml") else str(base) for base in dimensions["base"]}
    made = tuple(accelerators_of(dimensions, {base: load_accelerator(file) for base, file in files.items()}))
    for name, uses in Counter(one.name for one in made).items():
        if uses > 1:  # ranks and ratios are by name
            raise SqnxtError(
                path, f"accelerator.base has {uses} called {short(name)}", "give each file a `name` of its own"
            )
    return made


def _section(table: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    section = table.get(name, {})
    if not isinstance(section, dict):
        raise SqnxtError(
            path, f"{name} is {short(section)}", f"it must be a section [{name}], as in the bundled space `paper`"
        )
    return section


def _objectives(entry: object, where: str) -> tuple[str, ...]:
    if not isinstance(entry, list) or not all(isinstance(name, str) for name in entry):
        raise entry_error(where, f"is {short(entry)}", f"give a list of {', '.join(OBJECTIVES)}")
    return check_objectives(entry, where)


def check_objectives(names: list[str], where: str, *, judged: bool = False) -> tuple[str, ...]:
    """Check the names of objectives; accuracy is one where a supernet has `judged` the networks.

    Raises:
        SqnxtError: A name is unknown or given twice, or there is none.
    """
    figures = set(map(figure_of, names))
    known = (*OBJECTIVES, ACCURACY) if judged else tuple(OBJECTIVES)
    if not names or len(figures) < len(names) or not figures <= set(known):
        remedy = f"give some of {', '.join(known)}, each once, with a + before what is maximised"
        raise entry_error(where, f"{short(names)} are not objectives", remedy)
    return tuple(names)


def _area(section: Mapping[str, Any], path: Path) -> AreaProxy:
    refuse_unknown(section, ("pe", "buffer_byte"), f"{path}: [area]")
    number = Numbers(0, 1e9, whole=False)
    for key, value in section.items():
        if not number.accepts(value):
            raise SqnxtError(path, f"area.{key} is {short(value)}", f"it must be one of the {number}")
    area = AreaProxy(**{key: float(value) for key, value in section.items()})
    if not area.pe + area.buffer_byte:
        raise SqnxtError(path, "area.pe and area.buffer_byte are both 0", "set one of them above 0")
    return area


def _whole(entry: object, where: str) -> int:
    if not isinstance(entry, int) or isinstance(entry, bool):
        raise entry_error(where, f"is {short(entry)}", "it must be a whole number")
    check_classes(entry)
    return entry


def _fraction(entry: object, where: str) -> float | None:
    if entry is not None and not Numbers(0, 1, whole=False).accepts(entry):
        raise entry_error(where, f"is {short(entry)}", "it must be a fraction in 0..1")
    return None if entry is None else float(entry)  # type: ignore[arg-type]


def _precision(entry: object, where: str) -> str | None:
    if entry is not None and entry not in PRECISIONS:
        raise entry_error(where, f"is {short(entry)}", f"it must be one of {', '.join(PRECISIONS)}")
    return None if entry is None else str(entry)


def _text(entry: object, where: str) -> str:
    if not isinstance(entry, str):
        raise entry_error(where, f"is {short(entry)}", "it must be a string")
    return entry
