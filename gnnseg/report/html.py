"""Small pieces of HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from gnnseg.report.plots import hue


def escape(value: Any) -> str:
    """Return a value as text that means nothing to HTML."""
    return html.escape(str(value), quote=True)


def name(value: Any) -> str:
    """Return a name from the data, in its own direction of writing; the style cuts a long one."""
    return f'<bdi class="n" title="{escape(value)}">{escape(value)}</bdi>'


def number(value: float | None, digits: int = 4) -> str:
    """Return a figure; a dash for one that is not there or not finite."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float) -> str:
    """Return a share in per cent, with a decimal where it is small."""
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


def segment_style(segment: int) -> str:
    """Return the style that gives an element a segment's colour."""
    return f"--h:{hue(segment):.0f}"


def dot(segment: int) -> str:
    """Return a dot of a segment's colour."""
    return f'<i class="dot" style="{segment_style(segment)}"></i>'


def table(
    columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]], own: int = 0
) -> str:
    """Return numbers by row, the best of each column bold; row ``own`` is the run itself."""
    finite = [
        [v if v is not None and math.isfinite(v) else -math.inf for v in values]
        for _, values in rows
    ]
    best = [max(column) for column in zip(*finite)]
    lines = ["".join(f"<th>{escape(column)}</th>" for column in ("", *columns))]
    for at, (who, values) in enumerate(rows):
        marks = [
            " class=best" * (finite[at][c] == best[c] and len(rows) > 1) for c in range(len(best))
        ]
        cells = "".join(
            f"<td{mark}>{number(value)}</td>" for mark, value in zip(marks, values, strict=True)
        )
        lines.append(f"<td>{escape(who)}</td>{cells}")
    body = "".join(
        f"<tr{' class=own' if at == own + 1 else ''}>{line}</tr>" for at, line in enumerate(lines)
    )
    return f'<div class="scroll{" half" if len(columns) < 4 else ""}"><table>{body}</table></div>'


def figure(title: str, plot: str, caption: str, key: Sequence[str] = (), wide: bool = False) -> str:
    """Return a plot with its title, its colours' names and what it shows; nothing without one."""
    if not plot:
        return ""
    keys = "".join(f'<span><i class="k{n}"></i>{escape(text)}</span>' for n, text in enumerate(key))
    return (
        f"<figure{' class=wide' if wide else ''}><h3>{escape(title)}</h3>"
        + (f'<div class="key">{keys}</div>' if keys else "")
        + f"{plot}<figcaption>{escape(caption)}</figcaption></figure>"
    )


def definitions(pairs: Sequence[tuple[str, Any]]) -> str:
    """Return names with their values, empty ones left out."""
    rows = "".join(
        f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs if v not in (None, "")
    )
    return f"<dl>{rows}</dl>"
