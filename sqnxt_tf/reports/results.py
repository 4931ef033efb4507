"""Training, evaluation, pruning, export, inspection and the installation, in tables and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqnxt_export import ACCURACY_IMAGES, ARTIFACT_TOP1, EMBEDDED, MeasuredTop1
from sqnxt_tf.reports.tables import Table, percent, shape

if TYPE_CHECKING:
    from sqnxt_export import ExportResult, Metadata, Parity, Preprocessing
    from sqnxt_tf.accuracy import Evaluation
    from sqnxt_tf.device.inspection import Inspection
    from sqnxt_tf.workflows.doctor import Examination, Program


_SHOWN_ELSEWHERE = (ACCURACY_IMAGES, ARTIFACT_TOP1, EMBEDDED)
"""Keys of `Metadata.extra` that stand in the line of another fact."""


def accuracy_line(result: Evaluation) -> str:
    """Return accuracy with its interval, in one line."""
    low, high = result.top1_interval
    left_out = f"; {len(result.left_out)} unreadable images left out" if result.left_out else ""
    return (
        f"top-1 {percent(result.top1)} % (95 % interval {percent(low)} to {percent(high)}), "
        f"top-5 {percent(result.top5)} % of {result.samples} images of {result.data}{left_out}"
    )


def confusion_table(result: Evaluation) -> Table:
    """Return how many images of each class (rows) were classified as each class (columns)."""
    counts = result.confusion()
    names = [
        result.class_names[index] if index < len(result.class_names) else str(index) for index in range(len(counts))
    ]
    table = Table(["<true \\ predicted", *names, "top-1 %"], title="Confusion matrix (images)")
    for index, row in enumerate(counts):
        right = f"{100 * row[index] / row.sum():.1f}" if row.sum() else None
        table.add(names[index], *(int(count) or "·" for count in row), right)
    return table


def zeros_table(layers: Mapping[str, tuple[int, int]]) -> Table:
    """Return the zeros in each layer's kernel and in all of them, from name -> (zeros, weights)."""
    table = Table(["<layer", "weights", "zeros", "sparsity %"], title="Zeros in the kernels")
    for name, (zeros, weights) in layers.items():
        table.add(name, weights, zeros, percent(zeros / weights))
    zeros, weights = (sum(counts[index] for counts in layers.values()) for index in (0, 1))
    table.add_total("total", weights, zeros, percent(zeros / weights) if weights else None)
    return table


def export_lines(result: ExportResult) -> list[str]:
    """Return where the artifact is, how large it is, and how near to the model."""
    parity = result.parity
    return [
        f"{result.path}: {result.format} {result.precision}, {result.bytes:,} bytes "
        f"({result.compressed_bytes:,} compressed), {percent(result.nonzero_fraction)} % of the weights are not zero",
        f"parity with {result.source} on {parity.samples} images: {parity_line(parity)}",
        *output_lines(parity),
    ]


def parity_line(parity: Parity) -> str:
    """Return the figures of the worst output; top-1 only where there are classes."""
    if parity.top1_agreement is None:
        return (
            f"largest difference {parity.max_abs_diff:.3g} ({parity.max_rel_diff:.3g} of the largest value), "
            f"signal-to-noise ratio {decibels(parity.sqnr_db)}"
        )
    share, kind = percent(parity.top1_agreement), "" if _classifies(parity) else " of the pixels"
    return (
        f"largest difference {parity.max_abs_diff:.3g} ({parity.max_rel_diff:.3g} of the largest logit), "
        f"same top-1 on {share} %{kind}"
    )


def output_lines(parity: Parity) -> list[str]:
    """Return a line for each output of a model that has several."""
    if len(parity.outputs) < 2:
        return []
    return [
        f"  {output.name} ({output.task}): largest difference {output.max_rel_diff:.3g} of the largest value, "
        f"signal-to-noise ratio {decibels(output.sqnr_db)}"
        + (f", same top-1 on {percent(output.top1_agreement)} %" if output.top1_agreement is not None else "")
        for output in parity.outputs
    ]


def decibels(ratio: float) -> str:
    """Return a ratio in decibels with its unit."""
    return "infinite" if ratio == float("inf") else f"{ratio:.1f} dB"


def _classifies(parity: Parity) -> bool:
    return all(output.task != "map" for output in parity.outputs if output.top1_agreement is not None)


def inspection_lines(found: Inspection) -> list[str]:
    """Return one line for each fact."""
    facts: dict[str, object] = {
        "bytes": f"{found.bytes:,} ({found.compressed_bytes:,} compressed)",
        "non-zero weights": f"{percent(found.nonzero_fraction)} %",
        "asks for": found.opset and f"operator set {found.opset}, IR version {found.ir_version}",
    }
    if found.metadata is None:
        facts["metadata"] = "none: labels and preprocessing are not known"
    else:
        facts |= _metadata_facts(found.metadata)
    width = max(map(len, facts))
    return [str(found.path), *(f"  {name:<{width}}  {value}" for name, value in facts.items() if value)]


def _metadata_facts(metadata: Metadata) -> dict[str, object]:
    preprocessing = metadata.preprocessing
    names = [*metadata.labels[:10], *(["..."] if len(metadata.labels) > 10 else [])]
    return {
        "network": metadata.network,
        "precision": metadata.precision,
        "input": metadata.input_size and shape(metadata.input_size),
        "preprocessing": preprocessing and _preprocessing_line(metadata, preprocessing),
        "labels": f"{len(metadata.labels)}: {', '.join(names)}" if names else None,
        **_accuracies(metadata),
        "made from (SHA-256)": metadata.source_hash,
        "made by": ", ".join(f"{name} {version}" for name, version in metadata.versions.items()),
        **{name: _flat(value) for name, value in metadata.extra.items() if name not in _SHOWN_ELSEWHERE},
    }


def _accuracies(metadata: Metadata) -> dict[str, object]:
    """Return the model's accuracy, and the artifact's own as it was counted at its export."""
    of_model = None if metadata.accuracy is None else _accuracy_line(metadata, metadata.accuracy)
    own = MeasuredTop1.of(metadata.extra)
    if own is None:
        return {"top-1": of_model}
    low, high = own.interval
    counted = (
        f"{percent(own.top1)} % (95 % interval {percent(low)} to {percent(high)}), measured on {own.samples} images of "
        f"{own.data} when it was exported; its model: {percent(own.model_top1)} % of these"
    )
    return {"top-1 of the model": of_model, "top-1 of this file": counted}


def _accuracy_line(metadata: Metadata, accuracy: float) -> str:
    images = metadata.extra.get(ACCURACY_IMAGES)
    count = f", {images:,} images" if type(images) is int else ""
    return f"{percent(accuracy)} % on {metadata.data}{count}"


def _preprocessing_line(metadata: Metadata, preprocessing: Preprocessing) -> str:
    """Return what the caller must do to an image, and what the file does itself."""
    colours = "RGB" if preprocessing.channels == 3 else "grey"
    if EMBEDDED in metadata.extra:
        done = metadata.extra[EMBEDDED]
        return f"{preprocessing.resize}, uint8 pixels as they are, {colours}; inside the file: {_flat(done)}"
    return f"{preprocessing.resize}, (value - {preprocessing.mean}) / {preprocessing.scale}, {colours}"


def _flat(value: object) -> str:
    """Return nested settings in one line: `data digits, recipe (epochs 20, batch 32)`."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if not isinstance(value, dict):
        return str(value)
    parts = (
        f"{name} ({_flat(inner)})" if isinstance(inner, dict) else f"{name} {_flat(inner)}"
        for name, inner in value.items()
    )
    return ", ".join(parts)


def doctor_table(found: Examination) -> Table:
    """Return one row for each package."""
    table = Table(["<extra", "<package", "<version"], title=f"sqnxt-tf {found.version}, Python {found.python}")
    for package in found.packages:
        table.add(package.extra, package.name, package.installed or "missing")
    return table


def doctor_lines(found: Examination) -> list[str]:
    """Return the machine, what each extra is for and whether it is ready, and the programs from outside Python."""
    from sqnxt_tf.workflows.doctor import EXTRAS

    lines = [f"{found.system}, {found.processor}, {found.cores} cores"]
    for extra, purpose in EXTRAS.items():
        missing = found.missing(extra)
        state = "ready" if not missing else f"missing {', '.join(missing)}: pip install 'sqnxt-tf[{extra}]'"
        lines.append(f"{extra} ({purpose}): {state}")
    lines.append(f"webdemo (a site that runs models in a browser): {_programs_state(found.programs)}")
    return lines


def _programs_state(programs: tuple[Program, ...]) -> str:
    missing = [program.name for program in programs if program.path is None]
    if missing:
        return f"missing {', '.join(missing)}: install Node.js with npm (`sudo apt install npm` or https://nodejs.org)"
    silent = [program.path for program in programs if program.version is None]
    if silent:
        return f"{', '.join(map(str, silent))} gives no version: reinstall Node.js with npm"
    return "ready, " + ", ".join(f"{program.name} {program.version}" for program in programs)
