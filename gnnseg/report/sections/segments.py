"""The segments, a row each: who they are, what they bring, what is telling of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from gnnseg.report import amounts, overview, stability
from gnnseg.report.html import Cell, Heading, dot, escape, grid, section
from gnnseg.report.sections import profiles
from gnnseg.report.subject import Subject

Row = Mapping[str, Any]
HINTS = {
    "natural": "its members come back when the model is fitted again, more than on random data",
    "reproducible": "its members come back when the model is fitted again",
    "constructive": "one way of many to cut people up: its members do not come back",
}

PRINTED = 16  # rows, as the style sheet has it


def segments(run: Subject) -> str:
    """Show the table of segments, and folded up what each likes."""
    if not len(run.summary):
        return ""
    columns = [each for each in _columns(run) if _known(run.shown, each[1])]
    head = [Heading("segment", text=True), *(column for column, _, _ in columns)]
    rows = []
    for row in run.shown.iter_rows(named=True):
        cells = [Cell(cell(row), _sorted(row[key])) for _, key, cell in columns]
        rows.append([_first(row), *cells])
    table = grid("The segments", head, rows, tools=len(rows) > 1) if rows else ""
    return section("segments", "The segments", table, _notes(run), profiles.cards(run))


def _columns(run: Subject) -> list[tuple[Heading, str, Callable[[Row], str]]]:
    """Return each column with the key of its values and what a cell of it shows."""
    currency = run.currency

    def people(row: Row) -> str:
        return f"{row['people']:,} <small>{amounts.percent(row['share'])}</small>"

    def revenue(row: Row) -> str:
        share = amounts.percent(row["revenue_share"])
        return f"{escape(amounts.money(row['revenue'], currency))} <small>{share}</small>"

    def verdict(row: Row) -> str:
        said = row["verdict"]
        return f'<span title="{escape(HINTS.get(said, ""))}">{escape(said)}</span>' if said else "–"

    return [
        (Heading("people", hint="by their first segment"), "people", people),
        (Heading("revenue", hint="what they spent, and its share"), "revenue", revenue),
        (Heading("spend a head"), "spend_head",
         lambda row: escape(amounts.money(row["spend_head"], currency))),
        (Heading("visits a head"), "visits_head", lambda row: amounts.figure(row["visits_head"])),
        (Heading("days since", hint="median days from their last event to the data's end"),
         "days_since", lambda row: amounts.count(row["days_since"])),
        (Heading("trend", hint="last quarter against the quarter before"), "trend",
         lambda row: amounts.trend(row["trend"])),
        (Heading("tells them apart", text=True), "telling", _telling),
        (Heading("verdict", text=True), "verdict", verdict),
        (Heading("sure", hint="share of refits that leave people there"), "sure",
         lambda row: amounts.percent(row["sure"])),
        (Heading("change", hint="people more or fewer than in the run before"), "change",
         lambda row: amounts.change(row["change"])),
    ]  # fmt: skip


def _first(row: Row) -> Cell:
    k = row["segment"]
    named = f"<bdi>{escape(overview.called(row))}</bdi>"
    id = f" · <bdi>{escape(row['id'])}</bdi>" if row["id"] else ""
    return Cell(
        f'<a href="#segment-{k}">{dot(k)}{named}</a><small>{k}{id}</small>', overview.called(row)
    )


def _telling(row: Row) -> str:
    return " · ".join(f"<bdi>{escape(each)}</bdi>" for each in row["telling"] or []) or "–"


def _known(rows: pl.DataFrame, key: str) -> bool:
    return rows[key].null_count() < len(rows)


def _sorted(value: Any) -> float | str | None:
    return ", ".join(value) if isinstance(value, list) else value


def _notes(run: Subject) -> str:
    """Say what the columns mean, who is in no segment, and whether segments come back."""
    said = []
    if _known(run.shown, "trend"):
        said.append(
            "Trend: the last quarter of the data's time against the quarter before it. Days since: "
            "the median from people's last event to the end of the data."
        )
    if run.hidden:
        said.append(
            f"{len(run.hidden)} segments of few people are not shown: fewer than 10, or another "
            "beside the only such one; with report.people=true (gnnseg report RUN --people) all "
            "are."
        )
    if len(run.shown) > PRINTED:
        said.append(f"In print the {PRINTED} segments with the most people; the page has all.")
    if none := stability.in_none(run.folder):
        said.append(f"{none}.")
    if run.has("stability.parquet"):
        said.append(
            "Verdict: members of natural and reproducible segments come back when the model is "
            "fitted again; a constructive segment is one way of many to cut people up."
        )
    else:
        said += stability.lines(run.folder, run.record)
    return "".join(f'<p class="soft">{escape(each)}</p>' for each in said)
