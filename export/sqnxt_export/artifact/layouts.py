"""Which tensors of an ONNX graph hold their channels first; a converter records it, since shapes do not tell."""

from __future__ import annotations

import json
from collections.abc import Mapping

import onnx

from sqnxt_base.json_text import parse_json
from sqnxt_base.user_files import UnreadableTextError

MEMBER = "sqnxt.layouts"
"""Name of the metadata property: a JSON object from the name of an input or output to its layout."""
_LAYOUTS = {4: "NCHW", 5: "NCDHW"}
"""Rank with the batch -> layout whose channels come first."""


def write_layouts(model: onnx.ModelProto, names: Mapping[str, int]) -> None:
    """Record that the named inputs and outputs hold channels first; `names` has the rank of each."""
    kept = [entry for entry in model.metadata_props if entry.key != MEMBER]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    layouts = {name: _LAYOUTS[rank] for name, rank in names.items() if rank in _LAYOUTS}
    model.metadata_props.add(key=MEMBER, value=json.dumps(layouts, sort_keys=True))


def parse_layouts(text: str | None) -> Mapping[str, str] | None:
    """Return the layout of each tensor with channels first; None for a file that does not say, or not in this way."""
    try:
        layouts = parse_json(text or "")
    except UnreadableTextError:
        return None
    if not isinstance(layouts, dict) or not all(value in _LAYOUTS.values() for value in layouts.values()):
        return None
    return layouts


def layouts_of(model: onnx.ModelProto) -> Mapping[str, str] | None:
    """Return what `parse_layouts` reads from a graph's metadata."""
    return parse_layouts({entry.key: entry.value for entry in model.metadata_props}.get(MEMBER))
