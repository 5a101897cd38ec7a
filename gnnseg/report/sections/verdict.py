"""What stands first: one sentence, the figures that count, and the one picture to show."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from gnnseg.report import amounts, lengths, refits
from gnnseg.report.html import escape, figure
from gnnseg.report.pictures import segments
from gnnseg.report.sections import head
from gnnseg.report.subject import Subject

BACK = ("natural", "reproducible")  # verdicts of segments that come back
NOTABLE = 0.02  # share of people of a segment that the sentence may name


def verdict(run: Subject) -> str:
    """Show what the run says of its people in one sentence, and the picture."""
    state = run.record["state"]
    unfinished = "" if state in ("finished", "running") else f"This run is {state}. "
    name = escape(run.record["data"]["name"])
    picture = figure(segments.shares(run.shown), _caption(run), heading="h2")
    return (
        f'<header><p class="eyebrow">gnnseg · {escape(run.record["name"])}</p>'
        f'<h1><bdi>{name}</bdi></h1><p class="verdict">{escape(unfinished)}{sentence(run)}</p>'
        f'</header><div class="boss">{picture}{_tiles(run)}</div>'
    )


def sentence(run: Subject) -> str:
    """Return the verdict as HTML: how many people and segments, who counts most, what to trust."""
    d = run.record["data"]
    if not len(run.summary):
        return (
            f"Recommendations for {d['users']:,} people from {d['items']:,} items, without "
            f"segments ({escape(head.model_name(run.record))})."
        )
    people = int(run.summary["people"].sum())
    many = len(run.summary.filter(pl.col("people") > 0))
    parts = [f"{people:,} people fall into {many} segment{'s' * (many != 1)}"]
    if said := _who_counts(run):
        parts.append(said)
    parts.append(_trust(run, many))
    return f"{'; '.join(parts)}."


def _who_counts(run: Subject) -> str:
    """Name the segment that brings the most for its people; without money the largest."""
    rows = run.shown.filter(pl.col("share") >= NOTABLE)
    money = rows.filter(pl.col("revenue_share").is_not_null())
    if len(money) > 1:
        row = money.sort("revenue_share", "segment", descending=[True, False]).row(0, named=True)
        brings = f"brings {amounts.percent(row['revenue_share'])} of revenue"
    elif len(rows) > 1:
        row, brings = rows.row(0, named=True), "is the largest"
    else:
        return ""
    called = f"<b><bdi>{escape(run.names[row['segment']])}</bdi></b>"
    if brings == "is the largest":
        return f"{called} is the largest ({amounts.percent(row['share'])} of people)"
    return f"{called} ({amounts.percent(row['share'])} of people) {brings}"


def _trust(run: Subject, many: int) -> str:
    """Say how many segments come back when the model is fitted again."""
    known = run.summary.filter(pl.col("verdict").is_not_null())
    if not len(known):
        return "whether they come back when the model is fitted again has not been tested"
    back = len(known.filter(pl.col("verdict").is_in(BACK)))
    return f"{back if back < many else 'all'} of {many} come back when the model is fitted again"


def _caption(run: Subject) -> str:
    hidden = len(run.hidden)
    said = "People by their first segment."
    if hidden:
        said += f" {hidden} segment{'s' * (hidden != 1)} of few people not shown."
    return said


def _tiles(run: Subject) -> str:
    cells = "".join(
        f'<div class="kpi"><b>{escape(v)}</b>{escape(t)}<span>{escape(s)}</span></div>'
        for v, t, s in _figures(run)
    )
    return f'<div class="kpis">{cells}</div>'


def _figures(run: Subject) -> Iterator[tuple[str, str, str]]:
    """Yield the figures that count: figure, what it is, a note."""
    d = run.record["data"]
    yield f"{d['users']:,}", "people", f"{d['items']:,} items"
    rows = run.summary
    if rows["revenue"].null_count() < len(rows):
        total = float(rows["revenue"].sum())
        head_ = amounts.money(total / max(1, d["users"]), run.currency)
        yield amounts.money(total, run.currency), "revenue", f"{head_} a head"
    if rows["trend"].null_count() < len(rows) and (overall := _trend(run)) is not None:
        yield amounts.trend(overall), "last quarter", "against the quarter before"
    record = run.evaluated
    k = lengths.first(record["metrics"])
    value = record["metrics"].get(f"test/recall@{k}")
    popular = record["baselines"].get("popularity", {}).get(f"test/recall@{k}")
    if value is not None:
        of = " of the evaluated run" if "refit" in run.record else ""
        note = f"of what people took next is in {k} recommendations{of}"
        note += f"; {value / popular:.2f} × one list for everyone" if popular else ""
        yield amounts.percent(value), "found", note
    if run.has("stability.parquet"):
        back = run.record["metrics"].get("segment/stability_soft")
        said = "memberships when fitted again: 1 the same, 0 by chance"
        if back is not None:
            yield f"{back:.2f}", "stability", said


def _trend(run: Subject) -> float | None:
    """Return the change of all people together, from each one's two quarters."""
    path = run.folder / "customers.parquet"
    if not path.exists():
        return None
    recent, former = pl.read_parquet(path, columns=["recent", "former"]).sum().row(0)
    return recent / former - 1 if former else None


def refit(run: Subject) -> str:
    """Say whose the figures of a refit are."""
    if "refit" not in run.record:
        return ""
    said = refits.sentence(run.record)
    d, epochs = run.record["data"], run.record["refit"]["epoch"]
    return (
        f'<p class="lead"><b>{escape(said)}</b> Trained on all {d["train"]:,} pairs for {epochs} '
        "epochs, the evaluated run's best. Nothing is held out: of the refit itself there are no "
        "test figures.</p>"
    )
