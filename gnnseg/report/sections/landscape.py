"""Where people stand to each other, and what kinds of items each segment takes."""

from __future__ import annotations

from gnnseg.report.html import dot, escape, figure, section
from gnnseg.report.pictures import heat, people
from gnnseg.report.subject import Subject

NAMED = 16


def landscape(run: Subject) -> str:
    """Show the map of people, and the heat map of segment by category."""
    if not len(run.summary):
        return ""
    drawn = people.people(run.folder, run.hidden)
    key = "".join(
        f"<li>{dot(row['segment'])}{row['segment']} "
        f"<bdi>{escape(run.names[row['segment']])}</bdi></li>"
        for row in run.shown.head(NAMED).iter_rows(named=True)
        if row["people"]
    )
    caption = "" if drawn is None else f"{drawn.said}. Points are people, never named here."
    place = figure(drawn, caption)
    if place:
        place = place.replace("<figcaption>", f'<ul class="names">{key}</ul><figcaption>', 1)
    warm = ""
    if run.heat is not None:
        said = (
            "How many times more often than everyone each segment takes a kind of item: blue more, "
            "red less; 1.0 is like everyone. Columns are segments by number."
        )
        warm = figure(heat.heatmap(run.heat), said)
    return (
        section(
            "map",
            "Where people stand, and what they take",
            f'<div class="grid pair">{place}{warm}</div>',
        )
        if place or warm
        else ""
    )
