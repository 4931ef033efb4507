"""The storage of a search's trials, in a file, a database or memory, and the check that it belongs to the search."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_base.printable_text import one_line
from sqnxt_base.user_files import naming
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.families import SQUEEZENEXT
from sqnxt_tf.exploration.space import Space
from sqnxt_tf.output_folder import check_parent_folder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage

_STUDY = "sqnxt-tf search"
_SQLITE_HEADER = b"SQLite format 3\x00"
_WAIT_SECONDS = 60.0  # how long a worker waits for others to finish writing


class _Connection(sqlite3.Connection):
    """A connection with a write-ahead log: trials need no flush, others read meanwhile, and a kill loses nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=NORMAL")


@contextmanager
def open_study(
    space: Space, objectives: tuple[str, ...], limits: Mapping[str, float], storage: str | None, judged_by: str = ""
) -> Iterator[Study]:
    """Open the study of a storage, and create it if there is none; `judged_by` identifies a supernet.

    Raises:
        SqnxtError: Optuna is not installed, or the storage cannot be used or holds the trials of another search.
    """
    if find_spec("optuna") is None:
        raise SqnxtError(
            "Optuna", "is not installed and is needed for sampling a space", "run `pip install 'sqnxt-tf[search]'`"
        )
    import optuna
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    opened: RDBStorage | None = None
    try:
        opened = _storage(storage)
        study = optuna.create_study(
            study_name=_STUDY,
            storage=opened,
            directions=["minimize"] * len(objectives),
            load_if_exists=True,
        )
        _check_same_search(study, describe_search(space, objectives, limits, judged_by), storage)
        yield study
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError, ImportError) as error:
        wrong_url = isinstance(error, ArgumentError)
        remedy = "give a file, or a URL such as mysql://HOST/NAME" if wrong_url else "check the database"
        reason = one_line(error.__cause__ or error, 160)
        raise SqnxtError(f"storage {storage}", f"cannot be used ({reason})", remedy) from error
    finally:
        if opened is not None:
            opened.remove_session()
            opened.engine.dispose()


def _storage(storage: str | None) -> RDBStorage | None:
    if storage is None:
        return None
    from optuna.storages import RDBStorage

    if "://" in storage:
        return RDBStorage(storage)
    path = Path(storage)
    _check_file(path)
    return RDBStorage(
        f"sqlite:///{path.absolute()}",
        engine_kwargs={"connect_args": {"timeout": _WAIT_SECONDS, "factory": _Connection}},
    )


def _check_file(path: Path) -> None:
    """Refuse a path that is not a storage before a library opens it."""
    if path.is_dir():
        raise SqnxtError(f"storage {path}", "is a folder", "give the name of a file inside it")
    check_parent_folder(path)
    if path.exists() and path.stat().st_size:
        with naming(path), path.open("rb") as file:
            if file.read(len(_SQLITE_HEADER)) != _SQLITE_HEADER:
                raise SqnxtError(f"storage {path}", "is not an SQLite file", "give another name")


def _check_same_search(study: Study, asked: Mapping[str, Any], storage: str | None) -> None:
    """Refuse a storage of another search, as nothing else would tell the trials apart."""
    begun = study.user_attrs.get("search")
    if begun is None:
        study.set_user_attr("search", asked)
    elif begun != asked:
        was = begun if isinstance(begun, dict) else {}
        differs = ", ".join(sorted(key for key in asked if was.get(key) != asked[key]))
        raise SqnxtError(
            f"storage {storage}",
            f"holds the trials of another search (its {differs} differ)",
            "give the same space, objectives and limits, or another storage",
        )


def describe_search(
    space: Space, objectives: tuple[str, ...], limits: Mapping[str, float], judged_by: str = ""
) -> dict[str, Any]:
    """Return everything that determines the figures of a trial, as JSON reads it back."""
    what: dict[str, Any] = {
        "dimensions": {name: list(values) for name, values in space.dimensions.items()},
        "total_blocks": list(space.total_blocks),
        "accelerators": [[base, space.accelerators[place].numbers] for place, base in _bases(space)],
        "assumptions": [space.classes, space.sparsity, space.precision, space.area.pe, space.area.buffer_byte],
        "objectives": list(objectives),
        "limits": dict(limits),
    }
    if space.family != SQUEEZENEXT.name:  # storages of SqueezeNexts were begun without a family
        what["family"] = space.family
    if judged_by:
        what["supernet"] = judged_by
    read_back: dict[str, Any] = json.loads(json.dumps(what))
    return read_back


def _bases(space: Space) -> Iterator[tuple[int, str]]:
    """Yield the index of the first accelerator of each base; the others follow from it and the dimensions."""
    bases = space.dimensions["base"]
    each = len(space.accelerators) // len(bases)
    for order, base in enumerate(bases):
        yield order * each, str(base)
