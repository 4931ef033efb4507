"""A model card: one Markdown page that says what a file is, how good, how large, how fast, and how it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqnxt_export import EMBEDDED, LICENCE, PARITY, MeasuredTop1, Metadata
from sqnxt_tf.reports.loading import loading_code
from sqnxt_tf.reports.markdown import escaped, fenced, table
from sqnxt_tf.reports.tables import percent, shape

if TYPE_CHECKING:
    from sqnxt_tf.workflows.model_card import ModelFacts

_NOT_STATED = "not stated"
_MANY_LABELS = 20


def model_card(facts: ModelFacts) -> str:
    """Return the card as Markdown. All text from the file is escaped."""
    found, metadata = facts.inspection, facts.inspection.metadata or Metadata(precision="")
    format = found.path.suffix.lower().removeprefix(".")
    kind = " ".join(part for part in (metadata.precision, format) if part)
    sections = {
        "What it is": _what_it_is(facts, metadata),
        "Data and accuracy": _accuracy(facts, metadata),
        "Parity": _parity(metadata.extra.get(PARITY)),
        "Size": _size(facts),
        "Latency": _latency(facts),
        "Cycles and energy": _costs(facts),
        "Licence": [f"The file states: {escaped(metadata.extra.get(LICENCE) or 'none')}."],
        "How to load it": _loading(facts, format, metadata),
        "How it was made": _origin(metadata),
    }
    lines = [f"# {escaped(metadata.network or found.path.stem)} ({escaped(kind)})"]
    for heading, body in sections.items():
        lines += ["", f"## {heading}", "", *body]
    return "\n".join(lines) + "\n"


def _what_it_is(facts: ModelFacts, metadata: Metadata) -> list[str]:
    names = metadata.labels[:_MANY_LABELS]
    more = f" and {len(metadata.labels) - len(names)} more" if len(metadata.labels) > len(names) else ""
    rows = {
        "file": facts.inspection.path.name,
        "network": metadata.network or _NOT_STATED,
        "precision": metadata.precision or _NOT_STATED,
        "input": shape(metadata.input_size) if metadata.input_size else _NOT_STATED,
        "preprocessing": _preprocessing(metadata),
        "classes": f"{len(metadata.labels)}: {', '.join(names)}{more}" if names else _NOT_STATED,
    }
    return table(["", ""], rows.items())


def _preprocessing(metadata: Metadata) -> str:
    known = metadata.preprocessing
    if known is None:
        return _NOT_STATED
    colours = "RGB" if known.channels == 3 else "grey"
    if EMBEDDED in metadata.extra:
        return f"{known.resize}, {colours}, uint8 pixels unchanged; the file does the arithmetic"
    return f"{known.resize}, {colours}, (value - {known.mean}) / {known.scale} for values of 0 to 255"


def _accuracy(facts: ModelFacts, metadata: Metadata) -> list[str]:
    if metadata.accuracy is None:
        return ["The file states no accuracy."]
    line = f"Top-1 is {percent(metadata.accuracy)} % on {escaped(metadata.data or 'data that are not named')}"
    if facts.accuracy_interval is not None:
        low, high = facts.accuracy_interval
        line += f" (95 % interval {percent(low)} to {percent(high)} %, {facts.accuracy_images:,} images)"
    of = " of the model that the file was made from" if PARITY in metadata.extra else ""
    lines = [f"{line}. It is the accuracy{of} when its metadata were written." if of else f"{line}."]
    if own := MeasuredTop1.of(metadata.extra):
        low, high = own.interval
        lines += [
            "",
            f"Top-1 of the file itself is {percent(own.top1)} % (95 % interval {percent(low)} to {percent(high)} %), "
            f"measured on {own.samples:,} images of {escaped(own.data)} when it was exported; its model has "
            f"{percent(own.model_top1)} % on these.",
        ]
    return lines


def _parity(found: Any) -> list[str]:
    """Return the comparison with the model; it comes from the file, so it may be anything."""
    if not isinstance(found, Mapping):
        return ["The file holds no comparison with the model that it was made from."]
    names = {
        "samples": "samples compared",
        "max_abs_diff": "largest difference",
        "max_rel_diff": "largest difference over the largest value",
        "sqnr_db": "signal-to-noise ratio in dB",
        "top1_agreement": "fraction with the same top-1",
    }
    rows = [(text, f"{found[name]:.6g}") for name, text in names.items() if type(found.get(name)) in (int, float)]
    return ["Compared with the model that it was made from, when it was exported:", "", *table(["figure", ""], rows)]


def _size(facts: ModelFacts) -> list[str]:
    found = facts.inspection
    rows = [
        ("bytes", f"{found.bytes:,}"),
        ("bytes, deflated", f"{found.compressed_bytes:,}"),
        ("weights that are not zero", f"{percent(found.nonzero_fraction)} %"),
    ]
    return table(["", ""], rows)


def _latency(facts: ModelFacts) -> list[str]:
    timing = facts.timing
    if timing is None:
        return ["It was not measured for this card: `sqnxt-tf benchmark` measures it on the device at hand."]
    found = timing.to_json()
    row = [f"{timing.runtime} {timing.version}", timing.provider, timing.threads]
    row += [f"{found['latency_ms'][name]:.2f}" for name in ("p50", "p90")]
    return [
        "Measured on the machine that wrote this card, one sample a run:",
        "",
        *table(["runtime", "executed by", "threads", "median, ms", "p90, ms"], [row]),
    ]


def _costs(facts: ModelFacts) -> list[str]:
    if not facts.simulations:
        return [f"Nothing was simulated: {escaped(facts.why_not_simulated)}."]
    rows = [
        (
            report.accelerator.name,
            f"{report.cycles:,.0f}",
            f"{report.time_ms:.3f}",
            f"{report.energy.total:,.0f}",
        )
        for report in facts.simulations
    ]
    return [
        "Simulated from the file itself by `sqnxt-tf simulate`: estimates. One unit of energy is a 16-bit MAC.",
        "",
        *table(["accelerator", "cycles", "ms", "energy"], rows),
    ]


def _loading(facts: ModelFacts, format: str, metadata: Metadata) -> list[str]:
    lines: list[str] = []
    for runtime, language, code in loading_code(facts.inspection.path.name, format, pixels=EMBEDDED in metadata.extra):
        lines += [*([""] if lines else []), f"**{runtime}**", "", *fenced(language, code)]
    return lines


def _origin(metadata: Metadata) -> list[str]:
    made = ", ".join(f"{name} {version}" for name, version in metadata.versions.items())
    rows = {"made by": made, "SHA-256 of the model": metadata.source_hash}
    kept = [(name, value) for name, value in rows.items() if value]
    return table(["", ""], kept) if kept else ["The file does not say how it was made."]
