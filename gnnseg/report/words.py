"""Segments in words: who is in them by what is known of people, and how strongly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

NAMED = (
    0.2  # standard deviations: smaller differences tell nobody apart (Cohen 1988: a small effect)
)
SURE = 3.0  # standard errors of the segment's mean, 1/sqrt(support) standard deviations each
PHRASES = 5  # of a segment
NOTHING = "no attribute tells it apart"
HABITS = {  # derived numbers by what a high and a low value say; money is spent where people buy
    "frequency": ("often active", "seldom active"),
    "recency": ("not seen for long", "seen lately"),
    "interval": ("long pauses between visits", "short pauses between visits"),
}


def segments(folder: Path) -> dict[int, str]:
    """Return a sentence for each segment (from 1); none where nothing is known of people.

    Only attributes that differ from everyone's by at least ``NAMED`` standard deviations and
    ``SURE`` standard errors are named, the strongest first, each attribute once: numbers with their
    difference in standard deviations, classes with their share in the segment against the share
    among all.
    """
    path = folder / "profiles.parquet"
    if not path.exists():
        return {}
    profiles = pl.read_parquet(path).sort("segment", "rank")
    buys = any(name.startswith("spend") for name in profiles["attribute"].unique())
    habits = HABITS | ({"frequency": ("buys often", "buys rarely")} if buys else {})
    found = {}
    for (segment,), rows in profiles.group_by("segment", maintain_order=True):
        telling = [row for row in rows.iter_rows(named=True) if _telling(row)]
        assert isinstance(segment, int)
        found[segment] = ", ".join(_phrases(telling, habits)[:PHRASES]) or NOTHING
    return found


def short(row: dict[str, Any]) -> str:
    """Return what a row of profiles.parquet says in a word or two; empty where it says little."""
    name = str(row["attribute"]).removeprefix("log ")
    if not _telling(row) or name.endswith(" unknown"):
        return ""
    if name.startswith("share of ") or "=" in name:
        kind, mark, value = name.removeprefix("share of ").partition("=")
        said = f"{kind} {value}" if mark else kind
        return said.replace("_", " ") if row["difference"] > 0 else ""
    high, low = HABITS.get(name, (f"high {name}", f"low {name}"))
    return (high if row["difference"] > 0 else low).replace("_", " ")


def _telling(row: dict[str, Any]) -> bool:
    return bool(abs(row["difference"]) >= max(NAMED, SURE / math.sqrt(max(row["support"], 1.0))))


def _phrases(rows: Sequence[dict[str, Any]], habits: dict[str, tuple[str, str]]) -> list[str]:
    """Return the rows in words, in their order.

    Of one attribute's classes, the strongest that the segment has more of.
    """
    unknown = [row for row in rows if row["attribute"].endswith(" unknown")]
    more = {_attribute(row) for row in rows if row["difference"] > 0}
    said: set[str] = set()
    phrases = []
    for row in rows:
        name, attribute = (
            row["attribute"].removeprefix("log "),
            _attribute(row),
        )  # its direction says it, log or not
        if name.endswith(" unknown"):
            if row is unknown[0]:
                phrases.append(_unknown(unknown))
        elif name.startswith("share of "):
            more_or_less = "more" if row["difference"] > 0 else "less"
            phrases.append(
                f"{more_or_less} {name[9:].replace('=', ' ', 1).replace('_', ' ')} {_strength(row)}"
            )
        elif "=" in name:
            if attribute in said or (row["difference"] < 0 and attribute in more):
                continue
            said.add(attribute)
            rarely = "" if row["difference"] > 0 else "rarely "
            shares = f"({_percent(row['mean'])} against {_percent(row['base'])})"
            phrases.append(
                f"{rarely}{attribute.replace('_', ' ')} {name.split('=', 1)[1]} {shares}"
            )
        else:
            high, low = habits.get(name, (f"{name} high", f"{name} low"))
            phrases.append(
                f"{(high if row['difference'] > 0 else low).replace('_', ' ')} {_strength(row)}"
            )
    return phrases


def _attribute(row: dict[str, Any]) -> str:
    return str(row["attribute"]).split("=", 1)[0]


def _unknown(rows: Sequence[dict[str, Any]]) -> str:
    """Say once what is not known: it is mostly not known of the same people."""
    first = rows[0]
    name = first["attribute"].removesuffix(" unknown").replace("_", " ")
    alike = sum((row["difference"] > 0) == (first["difference"] > 0) for row in rows) - 1
    also = f" and {alike} more" if alike else ""
    if first["difference"] > 0:
        return f"{name}{also} unknown ({_percent(first['mean'])} against {_percent(first['base'])})"
    return (
        f"{name}{also} known ({_percent(1 - first['mean'])} against {_percent(1 - first['base'])})"
    )


def _strength(row: dict[str, Any]) -> str:
    return f"({row['difference']:+.1f} sd)".replace("-", "−")


def signed(value: float) -> str:
    """Return two decimals with a sign; 0.00 has none."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"


def weights(folder: Path, kind: str, count: int) -> pl.DataFrame:
    """Return the attributes that tell segments apart most: attribute, segment_1..K.

    Cells are pull times deviation, what one standard deviation of the attribute adds to a segment's
    pull; ranked by the largest of a row. Empty where the encoder's weights cannot be read, or the
    head has no segments.

    Args:
        folder: The run's.
        kind: user or item.
        count: How many.
    """
    path = folder / "attributes.parquet"
    frame = pl.read_parquet(path) if path.exists() else pl.DataFrame()
    pulls = [column for column in frame.columns if column.startswith("segment_")]
    if not pulls:
        return pl.DataFrame()
    scaled = frame.filter(pl.col("kind") == kind).select(
        "attribute", *(pl.col(pull) * pl.col("deviation") for pull in pulls)
    )
    strongest = pl.max_horizontal(pl.col(pull).abs() for pull in pulls)
    return scaled.sort(strongest, descending=True, maintain_order=True).head(count)
