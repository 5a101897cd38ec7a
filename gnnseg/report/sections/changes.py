"""What became of the segments of the run that this one started from, and who moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from gnnseg.report import changes as told
from gnnseg.report.amounts import people
from gnnseg.report.html import Cell, Heading, escape, figure, fold, grid, section
from gnnseg.report.pictures import flow
from gnnseg.report.plots import Picture
from gnnseg.report.sharing import SMALLEST
from gnnseg.report.subject import Subject

LARGEST = 24  # segments then or now up to which the whole matrix is shown
MOVED = 10  # people named, where people are


def changes(run: Subject) -> str:
    """Show who kept their segment, what was born or dissolved, and the moves."""
    if "since" not in run.record or not run.has("moves.parquet"):
        return ""
    if "withheld" in run.record:
        return _shared(run)
    called = told.names(run.folder)
    frame = _shown(run)
    said = "".join(f"<li>{escape(each)}</li>" for each in told.events(_allowed(run), called))
    large = "".join(
        f"<li>{people(users)} from {escape(called.get(was, was))} to "
        f"{escape(called.get(now, now))} (by a refit alone {expected:.0f})</li>"
        for was, now, users, expected in told.moves(run.folder)
        .filter(pl.lit(run.people) | (pl.col("users") >= SMALLEST))
        .head(told.LINES)
        .select("was_id", "now_id", "users", "expected")
        .rows()
    )
    lists = "".join(
        f"<div><h3>{title}</h3><ul>{items}</ul></div>"
        for title, items in (
            ("Segments that are not simply kept", said),
            ("Moves that refits alone do not make", large),
        )
        if items
    )
    drawn = figure(_flow(run, frame), "Bands are people, as wide as they are many.")
    return section(
        "changes", "What changed, and who moved",
        f'<div class="grid pair">{drawn}<div>{lists}{_who(run)}</div></div>', _matrix(frame),
        lead=f"{escape(told.summary(run.record))}.",
    )  # fmt: skip


def _shared(run: Subject) -> str:
    """Show the moves that others may see, without totals by which further ones could be told."""
    frame = pl.read_parquet(run.folder / "moves.parquet")
    drawn = figure(_flow(run, frame), "Bands are people, as wide as they are many.")
    said = (
        "Of people who were there before: those whose moves may be shown. Moves of fewer than "
        f"{SMALLEST} people are left out, and others by which these could be worked out."
    )
    none = (
        f"<p class=soft>No move may be shown: each is of fewer than {SMALLEST} people, or would "
        "give such a one away.</p>"
    )
    return section("changes", "What changed, and who moved", drawn or none, lead=said)


def _allowed(run: Subject) -> Mapping[str, Any]:
    """Return the record without events of few people, where people may not be shown."""
    since = run.record["since"]
    events = [e for e in since["events"] if run.people or not 0 < e["users"] < SMALLEST]
    return {"since": {**since, "events": events}}


def _shown(run: Subject) -> pl.DataFrame:
    """Return the moves, those of few people as none where people may not be shown."""
    frame = pl.read_parquet(run.folder / "moves.parquet")
    if run.people:
        return frame
    few = pl.col("users") < SMALLEST
    return frame.with_columns(pl.when(few).then(0).otherwise("users").alias("users"))


def _flow(run: Subject, frame: pl.DataFrame) -> Picture | None:
    same = dict(frame.filter("kept").select("was", "now").rows())
    then = {
        was: run.names[same[was]] if same.get(was) in run.names else id
        for was, id in frame.select("was", "was_id").unique().rows()
    }
    return flow.flow(frame.select("was", "now", "users"), then, run.names, same)


def _who(run: Subject) -> str:
    """Say how many moved beyond what refits do; name some where people may be shown."""
    if not run.has("moved.parquet"):
        return ""
    moved = pl.read_parquet(run.folder / "moved.parquet")
    surely = moved.filter(pl.col("beyond")) if "beyond" in moved.columns else moved.head(0)
    are = "is" if len(moved) == 1 else "are"
    said = f"{people(len(moved))} {are} in another segment than before"
    if len(moved) < SMALLEST and not run.people:
        said = f"Fewer than {SMALLEST} people are in another segment than before"
    elif len(surely) >= SMALLEST or run.people:
        said += f", {len(surely):,} of them whom every refit of the earlier events leaves in place"
    said += ". Who they are stands in moved.parquet."
    rows = [
        [
            Cell(f"<bdi>{escape(row['user'])}</bdi>"), Cell(f"<bdi>{escape(row['was_id'])}</bdi>"),
            Cell(f"<bdi>{escape(run.names.get(row['now'], row['now_id']))}</bdi>"),
        ]
        for row in (surely if run.people else surely.head(0)).head(MOVED).iter_rows(named=True)
    ]  # fmt: skip
    columns = [Heading(each, text=True) for each in ("who", "then", "now")]
    table = grid("Some who surely moved", columns, rows) if rows else ""
    return f"<h3>Who moved</h3><p>{said}</p>{table}"


def _matrix(frame: pl.DataFrame) -> str:
    """Show people by segment then (rows) and now (columns), the expected moves beside them."""
    was, now = (sorted(frame[key].unique()) for key in ("was", "now"))
    if max(len(was), len(now)) > LARGEST:
        return "<p class=soft>The matrix of moves stands in moves.parquet.</p>"
    cells = {(row["was"], row["now"]): row for row in frame.iter_rows(named=True)}
    rows = [[Cell(f"then {a}"), *(Cell(_cell(cells[a, b])) for b in now)] for a in was]
    columns = [Heading("then", text=True), *(Heading(f"now {k}") for k in now)]
    return fold(
        "Matrix of moves",
        grid("Matrix of moves", columns, rows),
        "People by segment then (rows) and now (columns); in brackets the mean over refits of the "
        "earlier events, bold what is kept or beyond them.",
    )


def _cell(row: Mapping[str, Any]) -> str:
    expected, users = row["expected"], row["users"]
    if not users:
        return ""
    floor = "" if expected is None else f" ({expected:.0f})"
    text = f"{users:,}{floor}"
    return f"<b>{text}</b>" if row["kept"] or row["beyond"] else text
