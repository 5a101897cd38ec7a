"""Lines of plain text for people: small tables, and how numbers are spread."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
WIDEST = 28  # characters of a cell shown
SHOWN = 12  # columns, and names in a list, shown


def aligned(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return a small table of text, columns as wide as their widest cell, hanzi counted as two.

    Long cells are cut, and columns beyond the first twelve left out.
    """
    cells = [[_cell(cell) for cell in row[:SHOWN]] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    more = [" …"] * len(rows) if len(rows[0]) > SHOWN else [""] * len(rows)
    padded = [
        [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        for row in cells
    ]
    return ["  ".join(row).rstrip() + end for row, end in zip(padded, more, strict=True)]


def _cell(cell: Any) -> str:
    text = "" if cell is None else "".join(c if c.isprintable() else "·" for c in str(cell))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def spread(what: str, values: np.ndarray[Any, Any]) -> str:
    """Return median, quartiles and ends of some numbers."""
    low, first, middle, third, high = (f"{value:,.6g}" for value in np.quantile(values, QUARTERS))
    return f"{what}: median {middle}, half between {first} and {third}, from {low} to {high}"
