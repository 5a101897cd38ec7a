"""Why a user is in their segment, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from gnnseg.report.columns import render

SHOWN = 10  # interactions at each end


def placed(row: Mapping[str, Any], groups: pl.DataFrame) -> str:
    """Return in which segment a user is, or why in none.

    Args:
        row: The user's of ``Run.segments``.
        groups: As ``Run.groups`` gives them.
    """
    if row["segment"] is None:
        return f"user {row['user']}: in no segment ({row['reason']})"
    group = groups.filter(pl.col("segment") == row["segment"]).row(0, named=True)
    called = [str(group[key]) for key in ("name", "id") if group.get(key)]
    where = f"segment {row['segment']}" + (f" ({', '.join(called)})" if called else "")
    mass = float(row[f"alpha_{row['segment']}"])
    said = f"user {row['user']}: {where}, {mass:.1%} of their mass"
    if row.get("sure") is not None:
        said += f"; the same in {row['sure']:.0%} of the refits"
    return said


def text(table: pl.DataFrame) -> str:
    """Return why a user is in their segment, as ``Run.explain`` gives it without an item."""
    rows = table.to_dicts()
    trained, now = rows[0], rows[1]
    history = [row for row in rows if row["part"] == "history"]
    lines = [
        f"user {now['user']}: segment {now['segment']}, alpha {now['alpha']:.3f}, by "
        f"{len(history):,} {'interaction' if len(history) == 1 else 'interactions'} folded in as "
        "somebody new's"
    ]
    if trained["segment"] != now["segment"]:
        lines.append(f"training itself put them in segment {trained['segment']}")
    shown = history if len(history) <= 2 * SHOWN else [*history[:SHOWN], *history[-SHOWN:]]
    columns = ["without", "alpha", "change", "segment"]
    cells = [
        [_called(row), "–", "–", "none"]
        if row["segment"] is None
        else [_called(row), f"{row['alpha']:.3f}", f"{-row['change']:+.3f}", str(row["segment"])]
        for row in shown
    ]
    title = f"what leaving one out makes of alpha of segment {now['segment']}"
    if len(shown) < len(history):
        title += f": the {SHOWN} that hold them there most and least"
    return "\n".join([*lines, render(columns, cells, title), *_moves(rows)])


def _moves(rows: list[dict[str, Any]]) -> list[str]:
    move = [row for row in rows if row["part"] == "move"]
    if not move:
        return ["added or removed interactions that move them to another segment: none within five"]
    verbs = {"added": "add", "removed": "remove"}
    steps = ", ".join(f"{verbs[row['action']]} {_called(row)}" for row in move)
    what = "one change moves" if len(move) == 1 else f"{len(move)} changes, no single one, move"
    return [f"{what} them to segment {move[-1]['segment']}: {steps}"]


def _called(row: dict[str, Any]) -> str:
    same = row["name"] in (None, row["item"])
    return str(row["item"]) if same else f"{row['item']} ({row['name']})"
