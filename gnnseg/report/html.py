"""Small pieces of HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gnnseg.report.amounts import percent
from gnnseg.report.style import hue

if TYPE_CHECKING:
    from gnnseg.report.plots import Picture

__all__ = [
    "Cell", "Heading", "definitions", "dot", "escape", "figure", "fold", "grid", "name", "number",
    "percent", "scroll", "section", "segment_style", "table",
]  # fmt: skip


@dataclass(frozen=True)
class Heading:
    """A column of a ``grid``: its title, whether texts stand in it, and what it means."""

    title: str
    text: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell of a ``grid``: HTML, and what its column is sorted by (null: last)."""

    html: str
    value: float | str | None = None


def escape(value: Any) -> str:
    """Return a value as text that means nothing to HTML."""
    return html.escape(str(value), quote=True)


def name(value: Any) -> str:
    """Return a name from the data, in its own direction of writing; the style cuts a long one."""
    return f'<bdi class="n" title="{escape(value)}">{escape(value)}</bdi>'


def number(value: float | None, digits: int = 4) -> str:
    """Return a figure; a dash for one that is not there or not finite."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def segment_style(segment: int) -> str:
    """Return the style that gives an element a segment's colour."""
    return f"--h:{hue(segment):.0f}"


def dot(segment: int) -> str:
    """Return a dot of a segment's colour."""
    return f'<i class="dot" style="{segment_style(segment)}"></i>'


def section(id: str, title: str, *parts: str, lead: str = "") -> str:
    """Return a part of the page under its heading; nothing where all of it is empty.

    Args:
        id: What links lead to.
        title: The heading.
        parts: HTML.
        lead: What is said first, HTML.
    """
    body = "".join(parts)
    if not body:
        return ""
    said = f'<p class="soft">{lead}</p>' if lead else ""
    return (
        f'<section aria-labelledby="{id}"><h2 id="{id}">{escape(title)}</h2>{said}{body}</section>'
    )


def fold(title: str, body: str, lead: str = "") -> str:
    """Return a part that is folded up until somebody asks for it; nothing where it is empty."""
    if not body:
        return ""
    said = f'<p class="soft">{lead}</p>' if lead else ""
    return f"<details><summary><h3>{escape(title)}</h3></summary>{said}{body}</details>"


def scroll(content: str, label: str, kind: str = "") -> str:
    """Return a wide piece in a frame that scrolls, by keyboard too."""
    return (
        f'<div class="scroll{" " * bool(kind)}{kind}" role="group" tabindex="0" '
        f'aria-label="{escape(label)}">{content}</div>'
    )


def grid(
    caption: str, columns: Sequence[Heading], rows: Sequence[Sequence[Cell]], *, tools: bool = False
) -> str:
    """Return a table whose rows are cards on a phone; the first cell heads its row.

    Args:
        caption: What it is.
        columns: Of its cells.
        rows: Its cells.
        tools: Whether the page's script may sort and filter it.
    """
    head = "".join(
        f'<th scope="col" role="columnheader"{" class=t" * column.text}'
        f"{_titled(column.hint)}>{escape(column.title)}</th>"
        for column in columns
    )
    lines = []
    for row in rows:
        cells = []
        for at, (column, cell) in enumerate(zip(columns, row, strict=True)):
            value = "" if cell.value is None else f' data-v="{escape(cell.value)}"'
            kind = " class=t" * column.text
            tag, scope, role = ("td", "", "cell") if at else ("th", ' scope="row"', "rowheader")
            label = f' data-l="{escape(column.title)}"' if at else ""
            cells.append(f'<{tag}{scope} role="{role}"{kind}{label}{value}>{cell.html}</{tag}>')
        lines.append(f'<tr role="row">{"".join(cells)}</tr>')
    body = (
        f'<table class="stack{" tools" * tools}" role="table"><caption>{escape(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(lines)}</tbody></table>'
    )
    return scroll(body, caption)


def _titled(hint: str) -> str:
    return f' title="{escape(hint)}"' if hint else ""


def table(
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[float | None]]],
    own: int = 0,
    caption: str = "Figures",
) -> str:
    """Return numbers by row, the best of each column bold; row ``own`` is the run itself."""
    finite = [
        [v if v is not None and math.isfinite(v) else -math.inf for v in values]
        for _, values in rows
    ]
    best = [max(column) for column in zip(*finite)]
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = []
    for at, (who, values) in enumerate(rows):
        marks = [
            " class=best" * (finite[at][c] == best[c] and len(rows) > 1) for c in range(len(best))
        ]
        cells = "".join(
            f"<td{mark}>{number(value)}</td>" for mark, value in zip(marks, values, strict=True)
        )
        kind = " class=own" if at == own else ""
        lines.append(f'<tr{kind}><th scope="row">{escape(who)}</th>{cells}</tr>')
    return scroll(
        f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>",
        caption, "half" if len(columns) < 4 else "",
    )  # fmt: skip


def figure(
    picture: Picture | None, caption: str, key: Sequence[str] = (), *, wide: bool = False,
    heading: str = "h3",
) -> str:  # fmt: skip
    """Return a chart with its title, its colours' names and what it shows; nothing without one."""
    if picture is None:
        return ""
    keys = "".join(f'<span><i class="k{n}"></i>{escape(text)}</span>' for n, text in enumerate(key))
    drawn = picture.svg()
    width = float(picture.get_size_inches()[0]) * 72
    if width > 430:
        drawn = scroll(
            f'<div style="min-width:{width:.0f}px">{drawn}</div>', picture.heading, "bare"
        )
    return (
        f"<figure{' class=wide' if wide else ''}><{heading}>{escape(picture.heading)}</{heading}>"
        + (f'<div class="key">{keys}</div>' if keys else "")
        + f"{drawn}<figcaption>{escape(caption)}</figcaption></figure>"
    )


def definitions(pairs: Sequence[tuple[str, Any]]) -> str:
    """Return names with their values, empty ones left out."""
    rows = "".join(
        f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs if v not in (None, "")
    )
    return f"<dl>{rows}</dl>"
