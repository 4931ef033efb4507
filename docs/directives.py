"""Directives of the documentation site: a verb by its name, and a package by its `__all__`.

Both look at what is there while the site is built, so that a module that moves or a name that is added needs no
change in a page.
"""

import inspect
import re
import sys
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

import click
from docutils import nodes
from docutils.statemachine import StringList
from pygments.lexer import RegexLexer, bygroups
from pygments.token import Generic
from sphinx.application import Sphinx
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles
from sphinx_click.ext import ClickDirective

from sqnxt_tf.cli.main import main

KINDS = {"Functions": "autofunction", "Classes": "autoclass", "Errors": "autoexception", "Constants": "py:data"}


class VerbDirective(ClickDirective):
    """Document a verb of the command line by its name, wherever its module is: `.. verb:: train`."""

    def _load_module(self, module_path: str) -> click.Command:
        command = main.get_command(click.Context(main), module_path)
        if command is None:
            raise self.error(f"sqnxt-tf has no verb {module_path!r}")
        self.options |= {"prog": f"sqnxt-tf {module_path}", "nested": "full"}
        return command


class PackageDirective(SphinxDirective):
    """Document what a package's `__all__` names, sorted by kind: `.. package:: sqnxt_sim`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a section for each kind of name."""
        package = import_module(self.arguments[0])
        return [section for kind in KINDS if (section := self._section(package, kind)) is not None]

    def _section(self, package: ModuleType, kind: str) -> nodes.section | None:
        names = [name for name in _public(package) if _kind(getattr(package, name)) == kind]
        if not names:
            return None
        lines: list[str] = []
        for name in names:
            value = getattr(package, name)
            if _is_elsewhere(package, value):
                lines += [f"- `{name}` is `{value.__module__.split('.')[0]}.{name}`.", ""]
            else:
                lines += [f".. {KINDS[kind]}:: {package.__name__}.{name}", *_details(package, name, kind), ""]
        section = nodes.section("", nodes.title(text=kind), ids=[nodes.make_id(f"{package.__name__}-{kind}")])
        section.document = self.state.document
        nested_parse_with_titles(self.state, StringList(lines, source=f"<{package.__name__}>"), section)
        return section


def _public(package: ModuleType) -> list[str]:
    return sorted(name for name in package.__all__ if not name.startswith("__"))


def _kind(value: Any) -> str:
    if inspect.isclass(value):
        return "Errors" if issubclass(value, BaseException) else "Classes"
    return "Functions" if inspect.isroutine(value) else "Constants"


def _is_elsewhere(package: ModuleType, value: Any) -> bool:
    """Whether a name only passes on what another of the three packages defines."""
    home = str(getattr(value, "__module__", "")).split(".")[0]
    return home.startswith("sqnxt_") and home != package.__name__


def _details(package: ModuleType, name: str, kind: str) -> list[str]:
    if kind == "Classes":
        return ["   :members:", "   :undoc-members:", "   :show-inheritance:"]
    if kind == "Errors":
        return ["   :show-inheritance:"]
    if kind == "Functions":
        return []
    return ["", *(f"   {line}" for line in _constant_docs(package, name))]


def _constant_docs(package: ModuleType, name: str) -> list[str]:
    """Return the text below a constant where it is assigned."""
    value = getattr(package, name)
    for home, module in sorted(sys.modules.items()):
        if home.startswith(package.__name__) and vars(module).get(name) is value:
            try:
                docs = ModuleAnalyzer.for_module(home).find_attr_docs()
            except PycodeError:
                continue
            if ("", name) in docs:
                return docs["", name]
    return [f"A {type(value).__name__}."]


CODE = r"(``.+?``|`[^`]+`)"


def tidy_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Have reStructuredText read docstrings as they are meant: code that a letter follows, names that end in `_`."""
    text = re.sub(rf"{CODE}(?=(\w?))", lambda code: code[1] + ("\\ " if code[2] else ""), "\n".join(lines))
    lines[:] = re.sub(r"(?<![`\w])(\w+)_(?=[\s,.;:)])", r"\1\\_", text).split("\n")


def tidy_help(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Have reStructuredText read help texts as they are meant, in which `stage1_*` is a pattern."""
    for place, line in enumerate(lines):
        parts = re.split(CODE, line)
        parts[::2] = [_escaped(text) for text in parts[::2]]
        lines[place] = "".join(parts)


def _escaped(text: str) -> str:
    if text.startswith(".. "):
        return text
    text = re.sub(r"\*(?=\S)|(?<=\w)_(?!\w)", lambda sign: "\\" + sign[0], text)
    return re.sub(r"(?<![\w-])--[a-z][a-z-]*", lambda option: f"``{option[0]}``", text)


class SessionLexer(RegexLexer):
    """Colour the commands of a terminal session and nothing else: output is no shell script."""

    name = "Session"
    flags = re.MULTILINE
    tokens: ClassVar = {
        "root": [
            (r"^([$>] ?)(.*\n)", bygroups(Generic.Prompt, Generic.Strong)),
            (r".*\n", Generic.Output),
        ]
    }


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_lexer("console", SessionLexer)
    app.add_directive("verb", VerbDirective)
    app.add_directive("package", PackageDirective)
    app.connect("autodoc-process-docstring", tidy_docstring)
    for part in ("description", "options", "arguments", "epilog"):
        app.connect(f"sphinx-click-process-{part}", tidy_help)
    return {"parallel_read_safe": True}
