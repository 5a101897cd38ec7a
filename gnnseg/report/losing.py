"""What is said first of a run that a baseline is not below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gnnseg.report import refits

SIGNIFICANT = 0.05
REASONS = {
    "own history": ("what each user took before, counted,", "ranks"),
    "popularity": ("one list for everyone", "ranks"),
    "posthoc (own embeddings)": ("clusters made afterwards of its own embeddings", "rank"),
}


def sentence(record: Mapping[str, Any]) -> str | None:
    """Return one sentence on the baselines that a run is not better than; None: it is better.

    Below is what is below beyond noise (p < .05 over test users), or has no such test; else the run
    is no better.
    """
    found: list[Mapping[str, Any]] = record.get("losing") or []
    if not found:
        return None
    below = [row for row in found if row["p"] is None or row["p"] < SIGNIFICANT]
    level = [row for row in found if row not in below]
    first = found[0]
    name = first["metric"].partition("/")[2]
    side = "below" if first["value"] <= first["theirs"] else "above"
    smaller = " (smaller is better)" if side == "above" else ""
    said = [f"{side} {_names(below)}"] * bool(below) + [f"no better than {_names(level)}"] * bool(
        level
    )
    who, verb = REASONS.get((below or level)[0]["name"], ("what needs no such training", "ranks"))
    well = "better" if below else "as well"
    return (
        f"On {name}{smaller} {refits.who(record)} ({first['value']:.4f}) is {' and '.join(said)}: "
        f"{who} {verb} {well}."
    )


def names(record: Mapping[str, Any]) -> list[str]:
    """Return the baselines that a run is not better than."""
    return [str(row["name"]) for row in record.get("losing") or []]


def counted(records: Sequence[Mapping[str, Any]]) -> str:
    """Return the baselines that some of several runs are not better than, with how many are not."""
    count: dict[str, int] = {}
    for record in records:
        for name in names(record):
            count[name] = count.get(name, 0) + 1
    return ", ".join(
        name if n == len(records) else f"{name} ({n} of {len(records)})"
        for name, n in count.items()
    )


def _names(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return names in quotes with their figures."""
    said = [
        f"'{row['name']}' ({row['theirs']:.4f}"
        + (f"; p = {row['p']:.2f}" if row["p"] is not None and row["p"] >= SIGNIFICANT else "")
        + ")"
        for row in rows
    ]
    return " and ".join([", ".join(said[:-1])] * (len(said) > 1) + said[-1:])
