"""Simulate graphs on every array and write one HTML page about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqnxt_export.artifact.files import check_output
from sqnxt_sim import Accelerator, list_accelerators, load_accelerator, read_model
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.htmlreport.study import Study, study_networks
from sqnxt_tf.htmlreport.writing import require_jinja, write_page
from sqnxt_tf.options.artifacts import ReportOptions
from sqnxt_tf.options.given import options_from
from sqnxt_tf.progress import Progress, silent

ACCELERATOR = "squeezelerator-16x16"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """The HTML page that was written, and the studies that it shows."""

    path: Path
    studies: tuple[Study, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the `report` document."""
        return {
            "path": str(self.path),
            "bytes": self.path.stat().st_size,
            "accelerator": self.studies[0].report.accelerator.name,
            "models": [study.to_json() for study in self.studies],
        }


def write_report(
    models: Sequence[str | Path],
    output: str | Path,
    options: ReportOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> ReportPage:
    """Simulate ONNX graphs and write one self-contained HTML page about them.

    Args:
        models: The `.onnx` files.
        output: The `.html` file.
        options: What the page shows.
        force: Overwrite the output.
        progress: Called after every simulation.
        settings: Fields of `ReportOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError: No model, one given twice, an output that is not an `.html` file, or no Jinja2.
        SimulatorError: A graph cannot be read or costed.
        ExportError: The output cannot be written, or exists and `force` is not set.
    """
    options, output = options_from(ReportOptions, options, settings), Path(output)
    if output.suffix.lower() not in (".html", ".htm"):
        raise SqnxtError(output, "a report is an HTML file", "end its name with .html")
    check_output(output, force=force)
    require_jinja()
    arrays = _arrays(options.accelerators)
    names = _names([Path(model) for model in models])
    sizes: dict[str, Any] = {"batch": options.batch, "input_size": options.input_size, "dims": options.dims}
    workloads = [(name, read_model(path, **sizes)) for path, name in names.items()]
    studies = tuple(study_networks(workloads, arrays, sparsity=options.sparsity, progress=progress))
    write_page(studies, output, title=options.title, force=force)
    return ReportPage(path=output, studies=studies)


def _arrays(wanted: Sequence[str | Path]) -> list[Accelerator]:
    """Return the requested accelerators first, each once, then the other presets."""
    arrays = [load_accelerator(name) for name in [*(wanted or [ACCELERATOR]), *list_accelerators()]]
    return list(dict.fromkeys(arrays))


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the name of each file on the page: its own, with its folder (or whole path) where two share a name."""
    if not paths:
        raise SqnxtError("no model", "give at least one .onnx file")
    twice = [path for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if twice:
        raise SqnxtError(str(twice[0]), "is given twice", "give every model once")
    names = Counter(path.name for path in paths)
    nested = Counter(f"{path.parent.name}/{path.name}" for path in paths)
    return {
        path: path.name
        if names[path.name] == 1
        else (f"{path.parent.name}/{path.name}" if nested[f"{path.parent.name}/{path.name}"] == 1 else str(path))
        for path in paths
    }
