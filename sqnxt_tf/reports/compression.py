"""A container in tables and sentences: where its bytes are, and why there are fewer of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_tf.reports.results import accuracy_line
from sqnxt_tf.reports.tables import Table, percent

if TYPE_CHECKING:
    from sqnxt_export import Compressed, Restored
    from sqnxt_tf.workflows.compress import CompressionResult, WeightSharing

_NAMES_SHOWN = 4
_PARTS = {
    "words": "coded weights",
    "tables": "frequency tables",
    "codebooks": "codebooks (clustered values)",
    "rest": "rest of the file (graph, biases, metadata), by LZMA",
    "header": "header with checksum",
}


def tensors_table(result: Compressed) -> Table:
    """Return one row for each coded tensor: its bytes in the artifact, by its entropy, and in the container."""
    table = Table(
        ["<tensor", "<type", "weights", "non-zero %", "values", "raw bytes", "entropy bytes", "coded bytes",
         "bits/weight"],
        title="Coded weights",
        least_important=["type", "values", "entropy bytes", "raw bytes"],
    )  # fmt: skip
    for size in result.tensors:
        values = f"{size.values:,}" + (f" x 2^{size.low_bits}" if size.low_bits else "")
        table.add(
            size.name, size.type, size.weights, percent(size.nonzero / size.weights), values, size.raw_bytes,
            round(size.entropy_bytes), round(size.coded_bytes), f"{8 * size.coded_bytes / size.weights:.2f}",
        )  # fmt: skip
    raw = sum(size.raw_bytes for size in result.tensors)
    if result.weights:
        table.add_total(
            "total", None, result.weights, percent(result.nonzero_fraction), None, raw, round(result.entropy_bytes),
            result.sections.words, f"{8 * result.sections.words / result.weights:.2f}",
        )  # fmt: skip
    return table


def sizes_table(result: Compressed) -> Table:
    """Return the bytes of the artifact, zipped, and in the container, and of each part of the container."""
    table = Table(["<content", "bytes", "times smaller"], title="Sizes")
    table.add(f"raw .{result.format}", result.raw_bytes, "1.0")
    table.add("zipped", result.zipped_bytes, f"{result.raw_bytes / result.zipped_bytes:.1f}")
    table.add("container", result.bytes, f"{result.raw_bytes / result.bytes:.1f}")
    for part, name in _PARTS.items():
        table.add(f"  {name}", getattr(result.sections, part), None)
    return table


def compression_lines(result: CompressionResult) -> list[str]:
    """Return what was written, what it was made from, and why it has that size."""
    compressed = result.compressed
    lines = [
        f"{compressed.path}: {compressed.bytes:,} bytes from which the {compressed.raw_bytes:,} bytes of "
        f"the .{compressed.format} file are restored bit for bit; it is {compressed.raw_bytes / compressed.bytes:.1f} "
        "times smaller"
    ]
    if result.sharing is not None:
        lines += _sharing_lines(compressed, result.sharing)
    return lines + explanation(compressed)


def _sharing_lines(compressed: Compressed, sharing: WeightSharing) -> list[str]:
    pruned = "" if sharing.density is None else f"{percent(sharing.density)} % of each kernel kept, "
    parity = sharing.parity
    lines = [
        f"made from {compressed.source}: {_folded(sharing)}, {pruned}weights clustered to {sharing.bits} bits; the "
        f"artifact equals that model on {parity.samples} images (largest difference {parity.max_rel_diff:.3g} of the "
        "largest logit)"
    ]
    if sharing.loss_before is not None:
        lines.append(
            f"fine-tuning of the clustered values: loss {sharing.loss_before:.4g} before, {sharing.loss_after:.4g} "
            f"after {len(sharing.history)} epochs at a rate of {sharing.rate:g}"
        )
    if sharing.before is not None and sharing.after is not None:
        lines.append(f"{accuracy_line(sharing.after)}; {percent(sharing.before.top1)} % before compression")
    return [*lines, *(f"note: {note}" for note in sharing.notes)]


def _folded(sharing: WeightSharing) -> str:
    left = sharing.unfolded
    if not left:
        return "batch norm folded"
    more = f" and {len(left) - _NAMES_SHOWN} more" if len(left) > _NAMES_SHOWN else ""
    return f"batch norm folded except {', '.join(left[:_NAMES_SHOWN])}{more}, which no layer can take in"


def explanation(result: Compressed) -> list[str]:
    """Return why zeros alone do not shrink an artifact, with the figures of this one."""
    if not result.weights:
        return ["no tensor becomes smaller by entropy coding: LZMA compresses the whole file"]
    zeros = 1 - result.nonzero_fraction
    width = 8 * sum(size.raw_bytes for size in result.tensors) / result.weights
    lines = []
    if zeros > 0:
        lines.append(
            f"zeros alone do not shrink a .{result.format}: it stores every weight in {width:.0f} bits, zero or not, "
            f"so its {percent(zeros)} % of zeros take {zeros * width * result.weights / 8:,.0f} bytes; in the "
            f"container a zero takes {result.zero_bits:.2f} bits and any other weight {result.nonzero_bits:.2f}"
        )
        lines.append(
            f"zipped, it takes {result.zipped_bytes:,} bytes: zip codes repeated strings of bytes, not weights"
        )
    lines.append(
        f"the entropy of the weights is {result.entropy_bytes:,.0f} bytes; coded, with their frequency tables, they "
        f"take {result.coded_bytes:,}, which is {percent(result.overhead, 2)} % more"
    )
    return lines


def restored_line(result: Restored) -> str:
    """Return what was written, and the proof that it is what was compressed."""
    return (
        f"{result.path}: {result.bytes:,} bytes of .{result.format} from {result.container_bytes:,}, "
        f"the exact artifact (SHA-256 {result.sha256})"
    )
