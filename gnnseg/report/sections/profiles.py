"""What each segment likes, who is in it, and what pulls towards it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import fonts, stability, words
from gnnseg.report.html import dot, escape, name, percent, segment_style

CARDS = 100  # segments with a card of their own, the largest first
CARD_ITEMS = 8
WANTED = 5
WEIGHTS = 12  # attributes in a table
WEIGHT_SEGMENTS = 16  # columns of it


def cards(folder: Path) -> str:
    """Show a card for each segment: what it likes more than others do, and what beyond everyone."""
    if not (folder / "cards.parquet").exists() or not (folder / "groups.parquet").exists():
        return ""
    groups = pl.read_parquet(folder / "groups.parquet").sort(
        "share", "segment", descending=[True, False]
    )
    liked = fonts.legible(pl.read_parquet(folder / "cards.parquet"))
    back = stability.by_segment(folder)
    wanted, people = _wanted(folder), words.segments(folder)
    how = (
        "Above: its people against everyone (sd: standard deviations), where the difference is "
        "sure."
        if people
        else ""
    )
    widest = max(1.0, math.log(max([1.0, *liked["lift"].to_list()])))
    shown = []
    for group in groups.head(CARDS).iter_rows(named=True):
        k = group["segment"]
        items = _items(liked.filter(pl.col("segment") == k), widest)
        shown.append(
            f'<article class="card" id="segment-{k}">'
            f'<div class="seghead"><h3>{dot(k)}{_called(group)}</h3>'
            f"<span>{group['size']:,} users · {percent(group['share'])} of alpha"
            f"{_verdict(back.get(k))}</span></div>"
            f"{_who(people.get(k))}"
            f'<ol class="items">{items or "<li>no item has enough support</li>"}</ol>'
            f"{_beyond(wanted.get(str(k), []))}</article>"
        )
    more = (
        f"<p class=soft>… and {len(groups) - CARDS} smaller ones.</p>"
        if len(groups) > CARDS
        else ""
    )
    return (
        "<section><h2>What each segment likes</h2><p class=soft>Lift: how many times more often "
        "than among everyone (alpha-weighted share of training pairs / overall share; items with "
        f"enough support). Largest segments first. {how}</p>"
        f'<div class="cards">{"".join(shown)}</div>{more}</section>'
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


def _called(group: Mapping[str, Any]) -> str:
    """Return a segment's number, its name, and the id that stays with it."""
    named = f": {name(group['name'])}" if group.get("name") else ""
    id = f" <span class=soft>{escape(group['id'])}</span>" if group.get("id") else ""
    return f"Segment {group['segment']}{named}{id}"


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
            shown.append(
                f"<tr><td>{escape(name_.replace('=', ' ', 1).replace('_', ' '))}</td>{cells}</tr>"
            )
        head = "".join(f"<th>{dot(int(c[8:]))}{c[8:]}</th>" for c in columns)
        tables_.append(
            f"<div><h3>{title}</h3><div class=scroll><table class=weights><tr><th>towards "
            f"segment</th>{head}</tr>{''.join(shown)}</table>"
            "</div></div>"
        )
    if not tables_:
        return ""
    return (
        "<section><h2>Weights by attribute</h2><p class=soft>How far one standard deviation of an "
        "attribute pulls towards a "
        "segment, beyond its pull towards the average one: what the encoder's weighted sums say. "
        "The strongest first. "
        f'</p><div class="grid pair">{"".join(tables_)}</div></section>'
    )


def _pull(value: float, largest: float) -> str:
    """Return a cell, the stronger the deeper its colour: blue pulls towards, red away."""
    name, strength = "accent" if value > 0 else "neg", 55 * abs(value) / largest
    colour = f"color-mix(in oklab,var(--{name}) {strength:.0f}%,transparent)"
    return f'<td style="background:{colour}">{words.signed(value)}</td>'
