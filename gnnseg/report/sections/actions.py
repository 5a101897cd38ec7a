"""What to do next: whom to write to, about what, and how to know that it worked."""

from __future__ import annotations

import re
import shlex

import polars as pl

from gnnseg.report import amounts, fonts
from gnnseg.report.html import Cell, Heading, dot, escape, grid, section
from gnnseg.report.subject import Subject

WANTED = 3  # items of a segment
SHOWN = 40  # segments, those with the most people
CONTROL = 0.1


def actions(run: Subject) -> str:
    """Show the commands that make audiences, and each segment's list."""
    if not len(run.shown):
        return ""
    who = shlex.quote(run.folder.name)
    control = f"--control {CONTROL:g}"
    audience = f"gnnseg audience {who}"
    general = [
        ("Who will buy one item", f"{audience} --item ID --top 10% {control} --out FILE"),
        *(
            ("Who will buy a kind of item", f"{audience} {where} --size 500 {control} --out FILE")
            for where in _where(run)
        ),
        ("Everybody's recommendations", f"gnnseg recommend {who} --all --out lists.csv"),
    ]
    lines = "".join(
        f"<dt>{escape(title)}</dt><dd><code>{escape(command)}</code></dd>"
        for title, command in general
    )
    wanted = _wanted(run)
    rows = []
    for row in run.shown.head(SHOWN).iter_rows(named=True):
        k = row["segment"]
        if not row["people"]:
            continue
        command = f"{audience} --segment {k} {control} --out segment-{k}.csv"
        held = f"{round(row['people'] * CONTROL):,}"
        beyond = " · ".join(f"<bdi>{escape(each)}</bdi>" for each in wanted.get(str(k), [])) or "–"
        rows.append([
            Cell(f"{dot(k)}<bdi>{escape(run.names[k])}</bdi>"), Cell(beyond),
            Cell(amounts.count(row["people"])), Cell(held), Cell(f"<code>{escape(command)}</code>"),
        ])  # fmt: skip
    columns = [
        Heading("segment", text=True),
        Heading("offer", text=True, hint="what they want beyond everyone"),
        Heading("people"), Heading("control, about"), Heading("list", text=True),
    ]  # fmt: skip
    lead = (
        "A random tenth (the control group) gets nothing: what the others buy more than they do is "
        "what the campaign brought. Without one nobody can tell. A click on a command selects it."
    )
    return section(
        "actions", "What to do", f'<dl class="commands">{lines}</dl>',
        f'<div class="plan">{grid("A campaign for each segment", columns, rows)}</div>', lead=lead,
    )  # fmt: skip


def _where(run: Subject) -> list[str]:
    """Return a condition on items for an example: the kind that tells segments apart most."""
    heat = run.heat
    unfit = re.compile(r"[\"$`\\!'%]")
    kinds = [] if heat is None else [k for k in heat.categories if not unfit.search(k)]
    if heat is None or not kinds or not heat.column.isidentifier():
        return []
    is_kind = f"LIKE '%{kinds[0]}%'" if heat.several else f"== '{kinds[0]}'"
    return [f'--where "{heat.column} {is_kind}"']


def _wanted(run: Subject) -> dict[str, list[str]]:
    """Return the names of what each segment wants beyond what everyone wants, equal ones once."""
    if not run.has("recommendations.parquet"):
        return {}
    frame = pl.read_parquet(run.folder / "recommendations.parquet")
    frame = fonts.legible(frame.filter(pl.col("kind") == "segment")).sort("rank")
    grouped = frame.group_by("id", maintain_order=True).agg(pl.col("name"))
    return {id: list(dict.fromkeys(names))[:WANTED] for id, names in grouped.rows()}
