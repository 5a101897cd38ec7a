"""A choice of the number of segments: its reason, its table, its picture, its page.

Reads the record of a choice (``choice.json``) alone; no test figure stands in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from gnnseg.report import page as pages
from gnnseg.report import plots
from gnnseg.report.columns import render
from gnnseg.report.html import Cell, Heading, escape, figure, grid
from gnnseg.report.pictures import curves
from gnnseg.report.plots import Picture

Row = Mapping[str, Any]
CAPTION = (
    "All of validation; the test is not read. Recall ± its standard error over users. Behind: the "
    "mean difference from the best K's recall, user by user, ± the standard error of that. Soft, "
    "ARI and Jaccard: how far segments come back in refits on nine tenths of every user's events, "
    "mean over refits (Jaccard: the median segment). Price: ndcg@20 as a share of head=dot's. Top "
    "alpha: mean of people's largest membership."
)


@dataclass(frozen=True)
class _Panel:
    """One of the plots: its title, what it shows, its curves by the row's keys."""

    title: str
    caption: str
    curves: dict[str, str]
    errors: str | None = None
    level: Callable[[Mapping[str, Any]], float | None] = lambda record: None


def reason(record: Mapping[str, Any]) -> str:
    """Return why this number of segments is recommended, in one sentence."""
    rows = {row["segments"]: row for row in record["rows"]}
    chosen, best = rows[record["recommended"]], rows[record["best"]]
    least = f"{record['rule']['jaccard']:g}"
    smaller = any(row["near"] and row["segments"] < chosen["segments"] for row in record["rows"])
    if chosen is best:
        recall = f"has the best validation recall@20 ({best['recall']:.4f})"
    else:
        recall = (
            f"is within one standard error ({record['error']:.4f}) of the best validation "
            f"recall@20 ({chosen['recall']:.4f}; K = {best['segments']} has {best['recall']:.4f})"
        )
    k, jaccard = f"K = {chosen['segments']}", f"median Jaccard {chosen['jaccard']:.2f}"
    if record["stable"]:
        if chosen is min(record["rows"], key=lambda row: row["segments"]):
            last = "it is the smallest tried"
        elif smaller:
            last = "no smaller one that ranks as well comes back"
        else:
            last = "no smaller one is within one standard error of the best"
        return (
            f"{k}: it {recall}, its segments come back when the model is fitted again ({jaccard}, "
            f"at least {least}), and {last}."
        )
    return (
        f"{k}: it {recall}, but no K that ranks as well has segments that come back when the model "
        f"is fitted again (at least {least}), so this is the most stable of them ({jaccard}): read "
        "its segments as one way of many to cut people up."
    )


def notes(record: Mapping[str, Any]) -> list[str]:
    """Return what is to be known beside the reason, a sentence each."""
    found = []
    if len(record["rows"]) == 1:
        found.append("One K was tried: there was nothing to choose from.")
    elif record["best"] == max(row["segments"] for row in record["rows"]):
        found.append("Recall is best at the largest K tried: a larger one may be better still.")
    if record["dot"]["why"]:
        found.append(f"No price: {record['dot']['why']}")
    return found


def table(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the titles of the columns and the cells, a row a K."""
    titles = [
        "K", "recall@20", "behind ± se", "ndcg@20", "price", "soft", "ARI", "Jaccard", "top alpha",
        "segments a user", "effective K", "largest", "s",
    ]  # fmt: skip
    cells = []
    for row in record["rows"]:
        mark = " *" if row["segments"] == record["recommended"] else ""
        behind = f"{_figure(row['behind'], 4)} ± {_figure(row['behind_se'], 4)}"
        behind = "best" if row["segments"] == record["best"] else behind
        figures = [_figure(row["ndcg"], 4), _figure(row["price"], 3)]
        figures += [_figure(row[name]) for name in ("soft", "ari", "jaccard", "largest_alpha")]
        sizes = [_figure(row[name], 1) for name in ("segments_per_user", "effective_k")]
        recall = f"{_figure(row['recall'], 4)} ± {_figure(row['recall_se'], 4)}"
        first = [f"{row['segments']}{mark}", recall]
        last = [_figure(row["largest_share"]), _figure(row["seconds"], 1)]
        cells.append([*first, behind, *figures, *sizes, *last])
    return titles, cells


def text(record: Mapping[str, Any]) -> str:
    """Return the table, and below it the number of segments with its reason."""
    titles, cells = table(record)
    count = record["asked"]["refits"]
    refits = f"{count} refit{'s' * (count != 1)}"
    head = (
        f"validation of {record['data']['name']}, {record['users']:,} users; {refits}; "
        "* recommended; no test figure was read"
    )
    lines = [render(titles, cells, title=head, width=150), record["reason"], *record["notes"]]
    return "\n".join(lines)


def picture(record: Mapping[str, Any]) -> str:
    """Return all charts as one SVG that stands alone, light or dark."""
    wide, high, top = 400.0, 250.0, 34.0
    sheet = Picture(_title(record), record["reason"], 2 * wide, top + 2 * high)
    whole = sheet.plot_area(0, 0, 0, 0, bare=True)
    whole.set_xlim(0, 2 * wide)
    whole.set_ylim(top + 2 * high, 0)
    ink = plots.COLOURS["ink"]
    plots.text(whole, 14, 18, _title(record), fontsize=15, weight="bold", color=ink)
    for number, panel in enumerate(_panels(record)):
        x, y = number % 2 * wide, top + number // 2 * high
        plots.text(whole, x + 14, y + 14, panel.title, fontsize=13, weight="bold", color=ink)
        at = x + 14
        for n, name in enumerate(panel.curves):
            colour = plots.COLOURS[plots.SERIES[n]]
            whole.plot([at, at + 18], [y + 32, y + 32], color=colour, linewidth=2,
                       dashes=curves.dashes(n))  # fmt: skip
            plots.text(whole, at + 24, y + 32.5, name)
            at += 40 + 6.4 * len(name)
        left, right, above, below = curves.MARGINS
        axes = sheet.plot_area(
            x + left, 2 * wide - x - wide + right, y + 34 + above, top + 2 * high - y - high + below
        )
        _plotted(axes, panel, record)
    return sheet.svg(alone=True)


def page(record: Mapping[str, Any]) -> str:
    """Return the page of a choice as HTML: the reason, the charts, the table; no network."""
    titles, cells = table(record)
    rows = [
        [Cell(f"<b>{escape(cell)}</b>" if best else escape(cell)) for cell in line]
        for row, line in zip(record["rows"], cells, strict=True)
        for best in (row["segments"] == record["recommended"],)
    ]
    said = "".join(f'<p class="soft">{escape(each)}</p>' for each in record["notes"])
    head = [Heading(title) for title in titles]
    return pages.document(
        _title(record),
        [
            f'<p class="eyebrow">{escape(record["name"])}</p><h1>{escape(_title(record))}</h1>'
            f'<p class="verdict">{escape(record["reason"])}</p>{said}',
            f'<div class="grid">{charts(record)}</div>',
            f"<h2>By K</h2>{grid('By K', head, rows)}",
            f'<p class="soft">{escape(CAPTION)}</p>',
        ],
        script=False,
    )


def charts(record: Mapping[str, Any]) -> str:
    """Return the charts of a choice as HTML."""
    return "".join(_figure_of(panel, record) for panel in _panels(record))


def _figure_of(panel: _Panel, record: Mapping[str, Any]) -> str:
    drawn = Picture(panel.title, panel.caption)
    _plotted(drawn.plot_area(*curves.MARGINS), panel, record)
    return figure(drawn, panel.caption, list(panel.curves), heading="h2")


def _title(record: Mapping[str, Any]) -> str:
    return f"{record['data']['name']}: {record['recommended']} segments"


def _panels(record: Mapping[str, Any]) -> list[_Panel]:
    """Return the plots; of the price the absolute figures where head=dot was not trained."""
    priced = record["dot"]["ndcg"] is not None

    def enough(record: Mapping[str, Any]) -> float:
        return max(float(row["recall"]) for row in record["rows"]) - float(record["error"])

    ndcg = _Panel("Ranking", "Validation ndcg@20: whole, and through each user's first segment.",
                  {"ndcg@20": "ndcg", "through the first segment": "ndcg_top1"})  # fmt: skip
    price = _Panel("Price", "Validation ndcg@20 as a share of the same encoder's under head=dot.",
                   {"share of dot's ndcg@20": "price"},
                   level=lambda record: 1.0)  # fmt: skip
    return [
        _Panel("Recall", "Validation recall@20 ± its standard error over users; the dotted line "
               "lies one standard error below the best.",
               {"recall@20": "recall"}, errors="recall_se", level=enough),
        _Panel("Stability", "How far segments come back when the model is fitted again; the "
               "median Jaccard is to be at least the dotted line.",
               {"median Jaccard": "jaccard", "soft": "soft", "ARI": "ari"},
               level=lambda record: float(record["rule"]["jaccard"])),
        _Panel("Sharpness", "Segments that are in use, and how many of them one person is in.",
               {"effective K": "effective_k", "segments a user": "segments_per_user"}),
        price if priced else ndcg,
    ]  # fmt: skip


def _plotted(axes: Axes, panel: _Panel, record: Mapping[str, Any]) -> None:
    rows = record["rows"]
    numbers = [row["segments"] for row in rows]
    curves.plotted(
        axes,
        [str(k) for k in numbers],
        {name: [row[key] for row in rows] for name, key in panel.curves.items()},
        x="segments (K)",
        errors=[row[panel.errors] for row in rows] if panel.errors else (),
        level=panel.level(record),
        mark=numbers.index(record["recommended"]),
    )


def _figure(value: float | None, digits: int = 2) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"
