"""Figures beside the baselines': of lists, of a log, of labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg.report import lengths, refits, tables
from gnnseg.report.html import (
    Cell,
    Heading,
    definitions,
    escape,
    fold,
    grid,
    name,
    number,
    percent,
    table,
)


def metrics(record: Mapping[str, Any]) -> str:
    """Show the test figures beside the baselines', and how many segments a user needs for them."""
    m = record["metrics"]
    names = lengths.headline(m)
    if not names:
        return ""
    rows = {refits.who(record): m, **tables.baselines(record, "test/")}
    text = table(
        names, [(who, [values.get(f"test/{n}") for n in names]) for who, values in rows.items()]
    )
    sharp = ""
    k = lengths.first(m)
    tops = [t for t in (f"ndcg@{k}", f"recall@{k}") if f"test/{t}/top1" in m]
    if tops:
        ways = [
            ("all segments", ""),
            ("each user's top 3", "/top3"),
            ("each user's top 1", "/top1"),
        ]
        rows_ = [(who, [m.get(f"test/{t}{suffix}") for t in tops]) for who, suffix in ways]
        sharp = (
            "<h4>Sharpness</h4><p class=soft>How much of it stands when "
            "users may only use "
            "their largest segments, renormalised. A soft alpha over many segments is little more "
            "than a low-rank "
            f"factorisation.</p>{table(tops, rows_)}"
        )
    everything = "".join(f"{key:<28} {number(value, 6)}\n" for key, value in sorted(m.items()))
    return fold(
        "Figures of the recommendations",
        f"{text}{sharp}<details><summary>All {len(m)} figures</summary>"
        f'<pre tabindex="0">{escape(everything)}</pre></details>',
        f"{escape(refits.sentence(record))} {escape(tables.protocol(record))}. Means over test "
        "users; the best of each column is bold. Posthoc is k-means on this run's own user "
        "embeddings.",
    )


ESTIMATORS = {
    "": "SNIPS", "/ips": "IPS", "/dr": "doubly robust", "/switch-dr": "Switch-DR",
    "/dm": "reward model alone",
    "/logger": "the log itself",
}  # fmt: skip


def earnings(record: Mapping[str, Any]) -> str:
    """Show what the policy would earn on the log's test part, where there was a log."""
    m = record["metrics"]
    if "test/value" not in m:
        return ""
    known = {who: m.get(f"test/value{name}") for name, who in ESTIMATORS.items()}
    rows = [(who, number(value)) for who, value in known.items() if value is not None]
    logger = record["data"].get("notes", {}).get("logger")
    simulated = "" if logger is None else f" Nobody was really shown this; logger {logger}."
    return fold(
        "What it would earn",
        definitions(rows),
        "Mean reward of one item shown by this run's policy instead of the log's, estimated on the "
        f"log's test part ({number(m['test/value/effective_rows'], 0)} effective rows)."
        f"{escape(simulated)} Intervals and segments: gnnseg evaluate RUN --offpolicy LOG.",
    )


def labels(record: Mapping[str, Any], folder: Path) -> str:
    """Show how well classes that were known of some users were predicted of the others."""
    known = record["data"].get("labels")
    if not known or "refit" in record or not (folder / "labels.parquet").exists():
        return ""
    frame = pl.read_parquet(folder / "labels.parquet")
    rows = {"this run": record["metrics"], **tables.baselines(record, "label/")}
    shown = [
        (who, [v.get(f"label/{n}") for n in ("accuracy", "macro_f1")]) for who, v in rows.items()
    ]
    summary = table(["accuracy", "macro-F1"], shown) if known["held_out"] else ""
    return fold(
        f"Labels: {known['column']}",
        f"{summary}<h4>By class</h4>{_by_class(frame, known['classes'])}",
        f"{known['labelled']:,} of {len(frame):,} users are labelled; training observed "
        f"{known['told']:,} of them, and is evaluated on the {known['held_out']:,} held out. "
        "Everybody's class stands in labels.parquet.",
    )


def _by_class(frame: pl.DataFrame, classes: list[str]) -> str:
    """Count, class by class, who was observed, who was held out, and how they were predicted."""

    def count(frame: pl.DataFrame, column: str) -> dict[str, int]:
        return dict(frame.group_by(column).len().rows())

    held = frame.filter(pl.col("label").is_not_null() & ~pl.col("told"))
    right = held.filter(pl.col("label") == pl.col("predicted"))
    among, predicted, hit = count(held, "label"), count(held, "predicted"), count(right, "label")
    observed, everyone = count(frame.filter("told"), "label"), count(frame, "predicted")
    rows = [
        [
            Cell(name(each)), Cell(f"{observed.get(each, 0):,}"), Cell(f"{among.get(each, 0):,}"),
            Cell(_part(hit.get(each, 0), among.get(each, 0))),
            Cell(_part(hit.get(each, 0), predicted.get(each, 0))),
            Cell(f"{everyone.get(each, 0):,}"),
        ]
        for each in classes
    ]  # fmt: skip
    head = ("class", "observed", "held out", "recall", "precision", "predicted of everyone")
    return grid("Labels by class", [Heading(title) for title in head], rows)


def _part(count: int, whole: int) -> str:
    """Return a share; a dash of nothing."""
    return percent(count / whole) if whole else "–"
