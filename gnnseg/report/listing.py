"""All figures of a run, grouped so that they can be read."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gnnseg.report.columns import render

GROUPS = {
    "test": "test: held out, asked once",
    "valid": "validation: what the best epoch was chosen by",
    "segment": "segments",
    "label": "labels",
    "habit": "habits",
}


def text(metrics: Mapping[str, float]) -> str:
    """Return figures by group, lists of several lengths in columns; NaN is a dash.

    Names stand so that ``gnnseg show RUN NAME`` prints one: NAME@K for a column of lengths.
    """
    parts = []
    groups = [*GROUPS, *sorted({name.partition("/")[0] for name in metrics} - {*GROUPS})]
    for group in groups:
        mine = {name: value for name, value in metrics.items() if name.split("/")[0] == group}
        if mine:
            parts.append(_group(GROUPS.get(group, group), mine))
    return "\n\n".join(parts)


def _group(title: str, figures: Mapping[str, float]) -> str:
    """Return one group: figures at lengths of lists as a table, the others a line each."""
    at: dict[str, dict[int, str]] = {}
    others: list[list[str]] = []
    for name, value in figures.items():
        head, mark, length = name.partition("@")
        digits, _, rest = length.partition("/")
        if mark and digits.isdigit():
            row = f"{head}@K" + (f"/{rest}" if rest else "")
            at.setdefault(row, {})[int(digits)] = _figure(value)
        else:
            others.append([name, _figure(value)])
    tables = []
    if at:
        lengths = sorted({length for row in at.values() for length in row})
        cells = [[name, *(row.get(k, "") for k in lengths)] for name, row in at.items()]
        tables.append(render(["", *(f"K={k}" for k in lengths)], cells))
    if others:
        tables.append(render(["", "value"], others))
    return "\n".join([title, *tables])


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:,.4f}" if abs(value) < 1e5 else f"{value:,.0f}"
