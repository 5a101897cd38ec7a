"""What a notebook shows of a run: its segments first, a picture of them, its figures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from gnnseg.report import losing, overview, refits, summary, tables
from gnnseg.report.html import escape

STYLE = (
    "<style>.gnnseg table{border-collapse:collapse;margin:.4em 0 1em}"
    ".gnnseg th,.gnnseg td{padding:.2em .7em;text-align:right;vertical-align:top}"
    ".gnnseg th{border-bottom:1px solid;font-weight:600}"
    ".gnnseg .t{text-align:left;max-width:22em}</style>"
)
MOST = 50  # segments shown


def cell(folder: Path) -> str:
    """Return the segments of a run, with names and money, and its figures, as HTML.

    The table of segments is the one that ``gnnseg segments`` prints and the page shows.
    """
    record = tables.read(folder)
    evaluated = refits.evaluated(record)
    parts = [STYLE, f"<strong>{escape(folder.name)}</strong>", segments(folder), picture(folder)]
    parts += [f"<p>{escape(said)}</p>"] if (said := refits.sentence(record)) else []
    if (sentence := losing.sentence(evaluated)) is not None:
        parts.append(f"<p>{escape(sentence)}</p>")
    parts += [_figures(folder), *(f"<p>warning: {escape(each)}</p>" for each in record["alarms"])]
    return f"<div class=gnnseg>{''.join(parts)}</div>"


def segments(folder: Path) -> str:
    """Return the table of segments as HTML; empty where the folder has none."""
    frame = summary.read(folder)
    if frame is None:
        return ""
    shown = summary.columns(frame, tables.currency(folder))
    rows = [[column.cell(row) for column in shown] for row in frame.head(MOST).to_dicts()]
    more = len(frame) - len(rows)
    note = f"<p>… and {more} more: run.groups()</p>" if more else ""
    text = [column.text for column in shown]
    return table([column.title for column in shown], rows, text) + note


def picture(folder: Path) -> str:
    """Return the segments' people and revenue as a picture, apart from the notebook's styles."""
    from gnnseg.report.pictures.segments import shares  # matplotlib takes its time

    drawn = shares(overview.read(folder))
    if drawn is None:
        return ""
    data = base64.b64encode(drawn.svg(alone=True).encode()).decode("ascii")
    alt = escape(f"{drawn.heading}. {drawn.said}")
    return f'<p><img alt="{alt}" src="data:image/svg+xml;base64,{data}"></p>'


def _figures(folder: Path) -> str:
    columns, rows = tables.figures(refits.evaluated(tables.read(folder)))
    return table(columns, rows, [True, *[False] * (len(columns) - 1)]) if rows else ""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], text: Sequence[bool]) -> str:
    """Return a table as HTML; columns of text are set on the left, each cell in its direction."""

    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=t' if left else ''}><bdi>{escape(each)}</bdi></{tag}>"
            for each, left in zip(cells, text, strict=True)
        )

    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{line('th', columns)}</tr></thead><tbody>{body}</tbody></table>"
