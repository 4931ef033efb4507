"""The candidates of a search as one interactive HTML file that needs nothing from outside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_base.printable_text import printable_html
from sqnxt_export import whole_file
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.space import ACCURACY, figure_of
from sqnxt_tf.reports.picture_files import check_picture_file

if TYPE_CHECKING:
    from sqnxt_tf.exploration.candidates import Candidate
    from sqnxt_tf.exploration.outcome import Outcome
    from sqnxt_tf.workflows.search_finalists import FinalistTraining

_TITLES = {
    "cycles": "cycles of one image",
    "time_ms": "ms of one image",
    "energy": "energy of one image, MACs",
    "params": "parameters",
    "macs": "MACs of one image",
    "dram_bytes": "DRAM bytes of one image",
    "area": "area proxy, PEs",
}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>html, body {{ height: 100%; margin: 0; overflow: hidden; }} body > div {{ height: 100%; }}</style>
<body>{body}</body>
</html>
"""
_ACCURACY = "top1"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito's
_MOST_GROUPS = len(_COLOURS) - 1  # accelerators of a colour of their own
_MOST_DRAWN = 5000  # points as shapes; more of them go to the graphics card, which not every browser has
_MOST_POINTS = 20_000  # beyond it a browser stutters, and they are thinned out evenly: the Pareto set for itself


def draw_search(outcome: Outcome, path: Path, *, trained: FinalistTraining | None = None, force: bool = False) -> None:
    """Draw one dot a candidate: its colour is its accelerator, the Pareto set is opaque, and hovering shows names.

    The axes are the first two objectives, or accuracy over the first objective if networks were trained. Menus put any
    figure on either axis.

    Raises:
        SqnxtError: The suffix is not .html, there is no candidate to draw, or plotly is not installed.
        ExportError: The file exists and `force` is not set, or cannot be written.
    """
    check_search_picture(path, force=force)
    if not outcome.candidates:
        raise SqnxtError(outcome.space.name, "has no candidate within the limits", "raise the limits")
    import plotly.graph_objects as go

    titles, groups = _TITLES, _groups(outcome)
    objectives = list(map(figure_of, outcome.objectives))
    if ACCURACY in objectives:
        titles = {ACCURACY: "top-1 on validation images, as a slice of the supernet", **titles}
    axes = [objectives[0], [*objectives, "params"][1]]
    if trained is not None:
        accuracy = f"top-1 on {printable_html(trained.data)}, validation part"
        titles, groups = {_ACCURACY: accuracy, **_TITLES}, _trained(outcome, trained)
        axes[1] = _ACCURACY
    figure = go.Figure([_trace(go, *group, axes) for group in groups])
    figure.update_layout(
        title={"text": _title(outcome, trained), "x": 0.02, "y": 0.98, "yanchor": "top", "font": {"size": 14}},
        template="plotly_white",
        xaxis={"title": titles[axes[0]]},
        yaxis={"title": titles[axes[1]]},
        legend={"orientation": "h", "y": -0.15},
        margin={"t": 125, "r": 100},  # on the right, the name of a network at the plot's edge has room
        updatemenus=[_menu("x", 0, axes[0], groups, titles), _menu("y", 40, axes[1], groups, titles)],
    )
    with whole_file(path, force=force) as temporary:
        body = figure.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True})
        temporary.write_text(_PAGE.format(title=_title(outcome, trained), body=body), "utf-8")


def check_search_picture(path: Path, *, force: bool) -> None:
    """Refuse a picture that cannot be drawn or written, before the search.

    Raises:
        SqnxtError: The suffix is not .html, or plotly is not installed.
        ExportError: The file exists and `force` is not set, or its folder cannot be written.
    """
    check_picture_file(path, force=force, formats=(".html", ".htm"), library="plotly")


def _title(outcome: Outcome, trained: FinalistTraining | None) -> str:
    """Return the title as markup, which plotly's texts are as much as the page's own."""
    name = printable_html(outcome.space.name)
    if trained is not None:
        return f"{name}: {len(trained.networks)} trained, {len(trained.front)} in the Pareto set with accuracy"
    return f"{name}: {len(outcome.candidates):,} candidates, {len(outcome.front):,} in the Pareto set"


Group = tuple[str, list["Candidate"], str, bool]
"""The name in the legend, the candidates, their colour, and whether they are drawn opaque."""


def _groups(outcome: Outcome) -> list[Group]:
    """Group candidates by accelerator and by whether they are in the Pareto set.

    With more accelerators than colours, all of them form one group.
    """
    front = set(map(id, outcome.front))
    names = list(dict.fromkeys(one.accelerator for one in outcome.candidates))
    named = names if len(names) <= _MOST_GROUPS else []
    step = -(-len(outcome.candidates) // _MOST_POINTS)
    groups: list[Group] = []
    for order, name in enumerate(named or ["all accelerators"]):
        mine = [one for one in outcome.candidates if not named or one.accelerator == name]
        rest = [one for one in mine if id(one) not in front][::step]
        best = [one for one in mine if id(one) in front]
        best = best[:: -(-len(best) // _MOST_POINTS) or 1]
        groups += [(name, rest, _COLOURS[order], False), (f"{name}, Pareto set", best, _COLOURS[order], True)]
    listed = [standing.candidate for standing in outcome.named()]
    return [group for group in [*groups, ("listed networks", listed, _COLOURS[-1], True)] if group[1]]


def _trained(outcome: Outcome, trained: FinalistTraining) -> list[Group]:
    """Group the networks that were trained by whether they are in the Pareto set with accuracy.

    Accuracy is added to their figures, so that it can be put on an axis.
    """
    front = {(one.network, one.input_size, one.accelerator) for one, _ in trained.front}
    known = {(one.network.name, one.network.input_size): one.validation for one in trained.networks}
    pairs = [
        replace(one, figures={**one.figures, _ACCURACY: known[one.network, one.input_size]})
        for one in outcome.candidates
        if (one.network, one.input_size) in known
    ]
    best = [one for one in pairs if (one.network, one.input_size, one.accelerator) in front]
    rest = [one for one in pairs if (one.network, one.input_size, one.accelerator) not in front]
    groups: list[Group] = [
        ("trained", rest, _COLOURS[0], False),
        ("trained longest, Pareto set with accuracy", best, _COLOURS[1], True),
    ]
    return [group for group in groups if group[1]]


def _trace(go: Any, name: str, candidates: list[Candidate], colour: str, strong: bool, axes: list[str]) -> Any:
    listed = name == "listed networks"
    kind = go.Scattergl if len(candidates) > _MOST_DRAWN else go.Scatter
    return kind(
        name=printable_html(name),
        mode="markers+text" if listed else "markers",
        x=[one.figures[axes[0]] for one in candidates],
        y=[one.figures[axes[1]] for one in candidates],
        text=[printable_html(one.network) for one in candidates] if listed else None,
        textposition="middle right",
        hovertext=[_hover_text(one) for one in candidates],
        hoverinfo="text",
        cliponaxis=None if kind is go.Scattergl else False,
        marker={
            "color": colour,
            "opacity": 0.9 if strong else 0.25,
            "size": 10 if listed else 8 if strong else 5,
            "symbol": "star" if listed else "circle",
        },
    )


def _hover_text(one: Candidate) -> str:
    figures = "<br>".join(f"{name} {value:,.4g}" for name, value in one.figures.items())
    network, accelerator = printable_html(one.network), printable_html(one.accelerator)
    return f"<b>{network}</b><br>{accelerator}, input {one.input_size}<br>{figures}"


def _menu(axis: str, above: int, chosen: str, groups: list[Group], titles: dict[str, str]) -> dict[str, Any]:
    """Return a menu that puts any figure on one axis.

    The menus stand one above the other, `above` pixels over the plot, as a phone has no room for both in one line.
    """
    return {
        "x": 0,
        "pad": {"b": above},
        "y": 1.02,
        "xanchor": "left",
        "yanchor": "bottom",
        "active": list(titles).index(chosen),
        "buttons": [
            {
                "label": f"{axis}: {name}",
                "method": "update",
                "args": [
                    {axis: [[one.figures[name] for one in group[1]] for group in groups]},
                    {f"{axis}axis.title.text": title},
                ],
            }
            for name, title in titles.items()
        ],
    }
