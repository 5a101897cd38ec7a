"""What each segment likes, who is in it, and what pulls towards it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import amounts, fonts, stability, words
from gnnseg.report.html import dot, escape, fold, name, percent, scroll, segment_style
from gnnseg.report.subject import Subject

CARDS = 100  # segments with a card of their own, the largest first
CARD_ITEMS = 8
WANTED = 5
WEIGHTS = 12  # attributes in a table
WEIGHT_SEGMENTS = 16  # columns of it


def cards(run: Subject) -> str:
    """Show a card for each segment: what it likes more than others do, and what beyond everyone."""
    if not run.has("cards.parquet", "groups.parquet"):
        return ""
    liked = fonts.legible(pl.read_parquet(run.folder / "cards.parquet"))
    back = stability.by_segment(run.folder)
    wanted, people = _wanted(run.folder), words.segments(run.folder)
    how = (
        "Above: its people against everyone (sd: standard deviations), where the difference is "
        "sure."
        if people
        else ""
    )
    widest = max(1.0, math.log(max([1.0, *liked["lift"].to_list()])))
    shown = []
    for row in run.shown.head(CARDS).iter_rows(named=True):
        k = row["segment"]
        items = _items(liked.filter(pl.col("segment") == k), widest)
        shown.append(
            f'<article class="card" id="segment-{k}">'
            f'<div class="seghead"><h4>{dot(k)}{_called(row)}</h4>'
            f"<span>{amounts.people(row['people'])} · {percent(row['alpha_share'])} of alpha"
            f"{_verdict(back.get(k))}</span></div>"
            f"{_who(people.get(k))}"
            f'<ol class="items">{items or "<li>no item has enough support</li>"}</ol>'
            f"{_beyond(wanted.get(str(k), []))}</article>"
        )
    left = len(run.shown) - CARDS
    more = f"<p class=soft>… and {left} smaller ones.</p>" if left > 0 else ""
    return fold(
        "What each segment likes",
        f'<div class="cards">{"".join(shown)}</div>{more}' if shown else "",
        "Lift: how many times more often than among everyone (alpha-weighted share of training "
        f"pairs / overall share; items with enough support). Largest segments first. {how}",
    )


def _verdict(row: dict[str, Any] | None) -> str:
    """Say whether a segment comes back, where that is known."""
    return "" if row is None else f" · {escape(row['verdict'])} ({row['jaccard']:.2f})"


def _wanted(folder: Path) -> dict[str, list[str]]:
    """Return the names of what each segment wants beyond what everyone wants."""
    if not (folder / "recommendations.parquet").exists():
        return {}
    frame = pl.read_parquet(folder / "recommendations.parquet").filter(pl.col("kind") == "segment")
    grouped = fonts.legible(frame).sort("rank").group_by("id", maintain_order=True)
    return dict(grouped.agg(pl.col("name").head(WANTED)).rows())


def _called(row: Mapping[str, Any]) -> str:
    """Return a segment's number, its name, and the id that stays with it."""
    named = f": {name(row['name'])}" if row["name"] else ""
    id = f" <small><bdi>{escape(row['id'])}</bdi></small>" if row["id"] else ""
    return f"Segment {row['segment']}{named}{id}"


def _items(liked: pl.DataFrame, widest: float) -> str:
    """Return a segment's items, each with a bar of its lift on a log scale up to ``widest``."""
    items = []
    for row in liked.sort("rank").head(CARD_ITEMS).iter_rows(named=True):
        width = max(0.0, math.log(max(row["lift"], 1e-9))) / widest
        hint = (
            f"{row['share']:.2%} of the segment, {row['base']:.2%} of all; "
            f"{row['support']:,} training pairs"
        )
        bar = f'<i style="width:{width:.0%};{segment_style(row["segment"])}"></i>'
        items.append(
            f'<li title="{escape(hint)}">{name(row["name"])}<span class="bar">{bar}</span>'
            f'<span class="v">{row["lift"]:.1f} ×</span></li>'
        )
    return "".join(items)


def _beyond(names: list[str]) -> str:
    """Say what a segment wants beyond what everyone wants."""
    if not names:
        return ""
    listed = " · ".join(f"<bdi>{escape(each)}</bdi>" for each in names)
    return f'<p class="beyond">Wants beyond everyone: {listed}</p>'


def _who(said: str | None) -> str:
    """Say who is in a segment; nothing where nothing is known of people."""
    faint = " soft" if said == words.NOTHING else ""
    return f'<p class="who{faint}"><bdi>{escape(said)}</bdi></p>' if said else ""


def attributes(folder: Path) -> str:
    """Show the strongest weights by attribute, where the encoder's weights can be read."""
    tables_ = []
    for kind, title in (("user", "People"), ("item", "Items")):
        frame = words.weights(folder, kind, WEIGHTS)
        if not len(frame):
            continue
        columns, shown = frame.columns[1 : 1 + WEIGHT_SEGMENTS], []
        largest = max(1e-9, *(abs(value) for row in frame.select(columns).rows() for value in row))
        for name_, *values in frame.select("attribute", *columns).rows():
            cells = "".join(_pull(value, largest) for value in values)
            called = escape(name_.replace("=", " ", 1).replace("_", " "))
            shown.append(f"<tr><th scope=row>{called}</th>{cells}</tr>")
        head = "".join(f'<th scope="col">{dot(int(c[8:]))}{c[8:]}</th>' for c in columns)
        body = (
            "<table class=weights><thead><tr><th scope=col>towards segment</th>"
            f"{head}</tr></thead><tbody>{''.join(shown)}</tbody></table>"
        )
        tables_.append(f"<div><h4>{title}</h4>{scroll(body, f'Weights of {title.lower()}')}</div>")
    if not tables_:
        return ""
    return fold(
        "Weights by attribute",
        f'<div class="grid pair">{"".join(tables_)}</div>',
        "How far one standard deviation of an attribute pulls towards a segment, beyond its pull "
        "towards the average one: what the encoder's weighted sums say. The strongest first.",
    )


def _pull(value: float, largest: float) -> str:
    """Return a cell, the stronger the deeper its colour: blue pulls towards, red away."""
    name, strength = "accent" if value > 0 else "neg", 55 * abs(value) / largest
    colour = f"color-mix(in oklab,var(--{name}) {strength:.0f}%,transparent)"
    return f'<td style="background:{colour}">{words.signed(value)}</td>'
