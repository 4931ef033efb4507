"""Helpers of the option objects: options from keywords, and fields that take what a user writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

Options = TypeVar("Options")


def options_from(kind: type[Options], given: Options | None, settings: Mapping[str, Any]) -> Options:
    """Return the options that a caller gave as an object, as keywords, or as an object with some fields replaced.

    Raises:
        TypeError: A keyword is not a field of `kind`.
        SqnxtError: A value is out of range, or two values contradict each other.
    """
    if given is None:
        return kind(**settings)
    return replace(given, **settings) if settings else given  # type: ignore[type-var]


def parse_data(options: Any) -> None:
    """Replace the `data` of frozen options by the `DataSource` that it names; called once, where they are made."""
    if options.data is None:
        return

    from sqnxt_tf.data.data_source import DataSource  # options without data, of a simulation, do without its imports

    object.__setattr__(options, "data", DataSource.parse(options.data))
