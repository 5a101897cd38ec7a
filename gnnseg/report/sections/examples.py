"""A few users' recommendations, each split over the segments it came through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import fonts, scores
from gnnseg.report.html import escape, fold, name, percent, segment_style
from gnnseg.report.subject import Subject

SHOWN_SHARE = 0.04  # smaller shares of a recommendation are added up as the rest
LABELLED = 0.17  # a part as wide as this has room for its share


def examples(run: Subject) -> str:
    """Show a few users' recommendations, each split over the segments it came through."""
    folder, config = run.folder, run.record["config"]
    if not (folder / "examples.parquet").exists():
        return ""
    frame = fonts.legible(pl.read_parquet(folder / "examples.parquet"))
    shares = bool(len(frame)) and all(frame["shares"])
    hybrid = frame["personal"].null_count() < len(frame)
    own = " and the user's own past" if "habit" in frame.columns else ""
    how = (
        f"A score is a sum over segments{own}, so that the split is arithmetic: each bar shows the "
        "parts' shares of it"
        if shares
        else "A score is a sum of signed contributions: to the right what speaks for the item, to "
        "the left what speaks against it, in parts of the logit"
    )
    if hybrid:
        how += "; the segment part and the personal part of the logit stand below"
    titles, mine = _titles(folder), _memberships(folder, frame["user"].unique().to_list())
    shown = []
    for at, ((user,), rows) in enumerate(frame.group_by("user", maintain_order=True), 1):
        who = f"User <bdi>{escape(user)}</bdi>" if run.people else f"Example {at}"
        lists = "".join(
            _recommendation(row, titles, scores.one(row["score"], config))
            for row in rows.sort("rank").iter_rows(named=True)
        )
        shown.append(f'<article class="card"><h4>{who}</h4>{mine.get(user, "")}{lists}</article>')
    return fold(
        "Examples: recommendations and where they come from",
        f'<div class="cards">{"".join(shown)}</div>' if shown else "",
        f"{how}.",
    )


def _titles(folder: Path) -> dict[int, str]:
    """Name each segment in a few words: what it likes most."""
    if not (folder / "cards.parquet").exists():
        return {}
    cards = fonts.legible(pl.read_parquet(folder / "cards.parquet")).sort("segment", "rank")
    grouped = cards.group_by("segment", maintain_order=True).agg(pl.col("name").head(3))
    return {k: ", ".join(names) for k, names in grouped.rows()}


def _memberships(folder: Path, users: list[str]) -> dict[str, str]:
    """Say which segments each user is in, in a line."""
    if not (folder / "segments.parquet").exists():
        return {}
    found = {}
    table = pl.scan_parquet(folder / "segments.parquet").filter(
        pl.col("user").is_in(users) & pl.col("segment").is_not_null()
    )
    for row in table.collect().iter_rows(named=True):
        alpha = [(value, int(name[6:])) for name, value in row.items() if name[:6] == "alpha_"]
        large = sorted(alpha, key=lambda part: (-part[0], part[1]))[:3]
        named = [f"{k} ({percent(value)})" for value, k in large if value >= SHOWN_SHARE]
        habit = f"; habit {percent(row['habit'])}" if row.get("habit") else ""
        found[row["user"]] = (
            f'<p class="in">in segment{"s" if len(named) > 1 else ""} {", ".join(named)}{habit}</p>'
        )
    return found


def _recommendation(row: Mapping[str, Any], titles: Mapping[int, str], score: str) -> str:
    """Return one recommendation, its score in words, with the segments it came through."""
    parts = [
        (int(key[5:]), value)
        for key, value in row.items()
        if key.startswith("part_") and value is not None
    ]
    top = f'<div class="t">{name(row["name"])}<span>{score}</span></div>'
    if row["shares"]:
        own = _habit(row.get("habit"))
        bars = _stack([(k, v) for k, v in parts if v > 0], 1.0, True, titles, first=own)
        segments = None if row["personal"] is None else row["bias"]
        below = _two(segments, "personal", row["personal"])
        return f'<div class="rec">{top}{bars}{below}</div>'
    most = max(sum(v for _, v in parts if v > 0), -sum(v for _, v in parts if v < 0), 1e-9)
    minus = _stack([(k, -v) for k, v in parts if v < 0], most, False, titles, "minus")
    plus = _stack([(k, v) for k, v in parts if v > 0], most, False, titles)
    other = "item bias" if row["personal"] is None else "personal"
    value = row["bias"] if row["personal"] is None else row["personal"]
    below = _two(None if value is None else sum(v for _, v in parts), other, value)
    return f'<div class="rec">{top}<div class="signed">{minus}{plus}</div>{below}</div>'


def _habit(share: float | None) -> str:
    """Return the cell of a recommendation's part that is the user's own past."""
    if share is None or share < SHOWN_SHARE / 10:
        return ""
    amount = percent(share)
    label = f"habit: {amount}" if share >= LABELLED else ""
    return (
        f'<span class="part habit" style="width:{share:.2%}" '
        f'title="habit, the user\'s own past: {amount}">{label}</span>'
    )


def _two(segments: float | None, other: str, value: float) -> str:
    """Return a score's part through the segments beside its other part."""
    if segments is None:
        return ""
    return f'<div class="two">segments {segments:+.2f}, {other} {value:+.2f}</div>'


def _stack(
    parts: list[tuple[int, float]],
    whole: float,
    shares: bool,
    titles: Mapping[int, str],
    kind: str = "",
    first: str = "",
) -> str:
    """Return parts side by side, the largest first; those too small to see are added up.

    ``first``: a cell that stands before them.
    """
    parts = sorted(parts, key=lambda part: -part[1])
    large = [part for part in parts if part[1] / whole >= SHOWN_SHARE]
    rest = sum(value for _, value in parts[len(large) :])
    sign = "−" if kind else "+"
    cells = [first] if first else []
    for k, value in large:
        amount = percent(value) if shares else f"{sign}{value:.2f}"
        label = f"{k}: {amount}" if value / whole >= LABELLED else str(k)
        about = f" ({titles[k]})" if k in titles else ""
        cells.append(
            f'<a class="part" href="#segment-{k}" '
            f'style="width:{value / whole:.2%};{segment_style(k)}" '
            f'title="segment {k}: {amount}{escape(about)}">'
            f"{label if value / whole >= 0.06 else ''}</a>"
        )
    if rest / whole > 0.002:
        amount = percent(rest) if shares else f"{sign}{rest:.2f}"
        cells.append(
            f'<span class="part rest" style="width:{rest / whole:.2%}" '
            f'title="other segments: {amount}"></span>'
        )
    return f'<div class="stack {kind}">{"".join(cells)}</div>'
