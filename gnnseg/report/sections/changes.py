"""What became of the segments of the run that this one started from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import changes as told
from gnnseg.report.html import escape

LARGEST = 24  # segments then or now up to which the whole matrix is shown


def changes(record: Mapping[str, Any], folder: Path) -> str:
    """Show who kept their segment, what was born or dissolved, and the matrix of moves."""
    if "since" not in record or not (folder / "moves.parquet").exists():
        return ""
    called = told.names(folder)
    said = "".join(f"<li>{escape(each)}</li>" for each in told.events(record, called))
    found = told.moves(folder)
    large = "".join(
        f"<li>{users:,} people from {escape(called.get(was, was))} to "
        f"{escape(called.get(now, now))} (by a refit alone {expected:.0f})</li>"
        for was, now, users, expected in found.head(told.LINES)
        .select("was_id", "now_id", "users", "expected")
        .rows()
    )
    lists = "".join(
        f"<h3 style='margin-top:1.2em'>{title}</h3><ul>{items}</ul>"
        for title, items in (
            ("Segments that are not simply kept", said),
            ("Moves that refits alone do not make", large),
        )
        if items
    )
    return (
        f"<section><h2>What changed</h2><p class=soft>{escape(told.summary(record))}.</p>"
        f"{lists}{_matrix(folder)}</section>"
    )


def _matrix(folder: Path) -> str:
    """Show people by segment then (rows) and now (columns), the expected moves beside them."""
    frame = pl.read_parquet(folder / "moves.parquet")
    was, now = (sorted(frame[key].unique()) for key in ("was", "now"))
    if max(len(was), len(now)) > LARGEST:
        return "<p class=soft>The matrix of moves stands in moves.parquet.</p>"
    cells = {(row["was"], row["now"]): row for row in frame.iter_rows(named=True)}
    head = "".join(f"<th>{k}</th>" for k in now)
    rows = "".join(
        f"<tr><td>then {a}</td>{''.join(_cell(cells[a, b]) for b in now)}</tr>" for a in was
    )
    return (
        "<details><summary>Matrix of moves</summary><p class=soft>People by segment then (rows) "
        "and now (columns); in brackets the mean over refits of the earlier events, bold what is "
        f"kept or beyond them.</p><div class=scroll><table><tr><th></th>{head}</tr>{rows}</table>"
        "</div></details>"
    )


def _cell(row: Mapping[str, Any]) -> str:
    expected = row["expected"]
    floor = "" if expected is None else f" ({expected:.0f})"
    if not row["users"] and not (expected or 0) >= 0.5:
        return "<td></td>"
    return (
        f"<td{' class=best' if row['kept'] or row['beyond'] else ''}>{row['users']:,}{floor}</td>"
    )
