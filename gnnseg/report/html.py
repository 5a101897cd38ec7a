"""Small pieces of HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from gnnseg.report.plots import hue


def escape(value: Any) -> str:
    return html.escape(str(value), quote=True)


def name(value: Any) -> str:
    """A name from the data, in its own direction of writing, cut by the style where it is too long."""
    return f'<bdi class="n" title="{escape(value)}">{escape(value)}</bdi>'


def number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def percent(value: float) -> str:
    return f"{value:.0%}" if value >= 0.0995 or value == 0 else f"{value:.1%}"


def segment_style(segment: int) -> str:
    return f"--h:{hue(segment):.0f}"


def dot(segment: int) -> str:
    return f'<i class="dot" style="{segment_style(segment)}"></i>'


def table(
    columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]], own: int = 0
) -> str:
    """Numbers by row; the best of each column is set bold; row ``own`` is the run itself."""
    finite = [
        [v if v is not None and math.isfinite(v) else -math.inf for v in values]
        for _, values in rows
    ]
    best = [max(column) for column in zip(*finite)]
    lines = ["".join(f"<th>{escape(column)}</th>" for column in ("", *columns))]
    for at, (who, values) in enumerate(rows):
        cells = "".join(
            f"<td{' class=best' if finite[at][c] == best[c] and len(rows) > 1 else ''}>{number(value)}</td>"
            for c, value in enumerate(values)
        )
        lines.append(f"<td>{escape(who)}</td>{cells}")
    body = "".join(
        f"<tr{' class=own' if at == own + 1 else ''}>{line}</tr>" for at, line in enumerate(lines)
    )
    return f'<div class="scroll{" half" if len(columns) < 4 else ""}"><table>{body}</table></div>'


def figure(title: str, plot: str, caption: str, key: Sequence[str] = (), wide: bool = False) -> str:
    """A plot with its title, what its colours are and what it says; nothing where there is no plot."""
    if not plot:
        return ""
    keys = "".join(f'<span><i class="k{n}"></i>{escape(text)}</span>' for n, text in enumerate(key))
    return (
        f"<figure{' class=wide' if wide else ''}><h3>{escape(title)}</h3>"
        + (f'<div class="key">{keys}</div>' if keys else "")
        + f"{plot}<figcaption>{escape(caption)}</figcaption></figure>"
    )


def definitions(pairs: Sequence[tuple[str, Any]]) -> str:
    rows = "".join(
        f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs if v not in (None, "")
    )
    return f"<dl>{rows}</dl>"
