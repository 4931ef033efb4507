"""Write the page: fill in the template with inline CSS and JavaScript, and write the file completely or not at all."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_base.printable_text import printable
from sqnxt_export import whole_file
from sqnxt_tf import __version__
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.htmlreport.model_comparison import arrays_table, time_against_energy, totals_table
from sqnxt_tf.htmlreport.study import Study
from sqnxt_tf.htmlreport.view import array_line, model_view

if TYPE_CHECKING:
    from jinja2 import Environment

_PAGE = Path(__file__).parent / "page"


def require_jinja() -> None:
    """Refuse to write a page without Jinja2. Call it before the simulations.

    Raises:
        SqnxtError: Jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError:
        raise SqnxtError(
            "jinja2", "is not installed and is needed for writing a report", "run `pip install 'sqnxt-tf[report]'`"
        ) from None


def write_page(studies: Sequence[Study], path: Path, *, title: str | None = None, force: bool = False) -> None:
    """Write the page of one or more networks. The same studies give the same bytes.

    Raises:
        SqnxtError: Jinja2 is not installed.
        ExportError: The file exists and `force` is not set, or cannot be written.
    """
    text = render(studies, title=title)
    with whole_file(path, force=force) as part:
        part.write_text(text, "utf-8", newline="\n")


def render(studies: Sequence[Study], *, title: str | None = None) -> str:
    """Return the page as text. The template escapes all names, as they come from files of unknown origin."""
    require_jinja()
    accelerator = studies[0].report.accelerator
    style, script = ((_PAGE / name).read_text("utf-8") for name in ("style.css", "report.js"))
    several = len(studies) > 1
    context: dict[str, Any] = {
        "title": title or (f"{len(studies)} networks" if several else studies[0].name) + f" on {accelerator.name}",
        "accelerator": accelerator,
        "array_line": array_line(accelerator),
        "comparison": {
            "totals": totals_table(studies),
            "arrays": arrays_table(studies),
            "chart": time_against_energy(studies),
        }
        if several
        else None,
        "models": [model_view(study) for study in studies],
        "idealisations": studies[0].report.idealisations,
        "version": __version__,
        "style": style,
        "script": script,
        "policy": _policy(style, script),
    }
    return _environment().get_template("report.html.j2").render(context) + "\n"


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.finalize = _printable
    return environment


def _printable(value: Any) -> Any:
    """Return what a placeholder of the template shows; the style and the script, which are marked as safe, stay."""
    return printable(value) if type(value) is str else value


def _policy(style: str, script: str) -> str:
    """Return a content security policy that allows this style and script, and forbids to load anything."""
    hashes = {name: _digest(text) for name, text in (("style", style), ("script", script))}
    parts = [f"{name}-src 'sha256-{digest}'" for name, digest in hashes.items()]
    return "; ".join(["default-src 'none'", *parts, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
