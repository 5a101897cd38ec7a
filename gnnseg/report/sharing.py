"""What of a run may be shown to others: aggregates of at least ten people, and nobody's id.

A group of fewer than ``SMALLEST`` people is withheld, and with it as many of the next smallest as
keep totals from giving it away (primary and complementary suppression, Hundepool et al. 2012).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg import records
from gnnseg.report import categories, suppression, tables
from gnnseg.report.suppression import BESIDE, FEW, SMALLEST, withheld

__all__ = ["BESIDE", "FEW", "SMALLEST", "withheld"]
WHOLE = ("metrics.jsonl",)  # of nobody in particular
OF_SEGMENTS = (
    "summary", "groups", "cards", "profiles", "evidence", "associations", "attributes",
    "stability", "recommendations",
)  # fmt: skip  # tables that are shared, as ``table`` leaves them; no other file is


def hidden(folder: Path) -> dict[int, str]:
    """Return the segments of a run that are withheld, and why."""
    path = folder / "groups.parquet"
    if not path.exists():
        return {}
    groups = pl.read_parquet(path, columns=["segment", "size"])
    why = withheld(groups["size"].to_list())
    return {k: said for k, said in zip(groups["segment"], why, strict=True) if said is not None}


def sizes(folder: Path) -> dict[int, int]:
    """Return the people of each segment that is shown."""
    groups = pl.read_parquet(folder / "groups.parquet", columns=["segment", "size"])
    apart = hidden(folder)
    return {k: count for k, count in groups.rows() if k not in apart}


def table(name: str, frame: pl.DataFrame, apart: Mapping[int, str]) -> pl.DataFrame:
    """Return a table of a run's folder as others may see it; see ``OF_SEGMENTS``.

    Args:
        name: The table's, without .parquet.
        frame: As the folder has it.
        apart: The segments that are withheld, ``hidden``.
    """
    if "segment" in frame.columns:
        frame = frame.filter(~pl.col("segment").is_in(list(apart)))
    if name == "summary":
        return frame.with_columns(change=_large("change"))
    if name == "cards":
        return frame.filter(pl.col("support") >= SMALLEST)
    if name == "profiles":
        return _levels(frame)
    if name == "evidence":
        few, known = pl.col("n") < SMALLEST, [c for c in frame.columns if c != "segment"]
        structure = ("modularity", "conductance", "cohesion", "separation")
        shown = [c for c in known if c not in structure]
        return frame.with_columns(pl.when(~few).then(pl.col(c)).alias(c) for c in shown)
    if name == "associations":
        return frame.filter(pl.col("users") >= SMALLEST)
    if name == "attributes":
        return frame.drop([f"segment_{k}" for k in apart], strict=False)
    if name == "recommendations":
        of = pl.col("id").is_in([str(k) for k in apart])
        return frame.filter((pl.col("kind") == "segment") & ~of)
    return frame


def segments(folder: Path) -> pl.DataFrame:
    """Return the table of segments for others: all of them, those withheld without figures.

    ``note`` says of those why.
    """
    frame, apart = pl.read_parquet(folder / "summary.parquet"), hidden(folder)
    kept = table("summary", frame, apart)
    bare = frame.filter(pl.col("segment").is_in(list(apart))).select("segment", "id")
    note = pl.col("segment").replace_strict(apart, default=None, return_dtype=pl.String)
    both = pl.concat([kept, bare], how="diagonal").sort("segment")
    return both.select("segment", "id", note.alias("note"), *frame.columns[2:])


def people(record: Mapping[str, Any]) -> bool:
    """Return whether a run's settings say that single people may be shown (report.people)."""
    return bool((record["config"].get("report") or {}).get("people", False))


def for_tracking(folder: Path, name: str, frame: pl.DataFrame, people: bool) -> pl.DataFrame | None:
    """Return a run's table as a tracker may have it; None: it may not.

    Args:
        folder: The run's.
        name: The table's.
        frame: As the folder has it.
        people: Whether single people may be shown (report.people).
    """
    if people:
        return frame
    if name not in OF_SEGMENTS:
        return None if "user" in frame.columns else frame
    return segments(folder) if name == "summary" else table(name, frame, hidden(folder))


def view(folder: Path, at: Path) -> Path:
    """Make a run's folder as others may see it, of which its page can be made; return its path.

    It holds tables of segments alone. Nothing of single people is there: no ids, no memberships, no
    lists. Of moves and of segments by category those cells that tell of no few.

    Args:
        folder: The run's.
        at: An empty folder to make it in, under the run's name.
    """
    shared, apart = at / folder.name, hidden(folder)
    shared.mkdir()
    for name in WHOLE:
        if (folder / name).exists():
            shutil.copyfile(folder / name, shared / name)
    for name in OF_SEGMENTS:
        if (folder / f"{name}.parquet").exists():
            frame = table(name, pl.read_parquet(folder / f"{name}.parquet"), apart)
            if len(frame):
                frame.write_parquet(shared / f"{name}.parquet")
    for name, found in (("heat", heat(folder, apart)), ("moves", moves(folder, apart))):
        if found is not None and (len(found) or name == "moves"):  # none: the page says so
            found.write_parquet(shared / f"{name}.parquet")
    record = _record(tables.read(folder), apart)
    (shared / "run.json").write_text(records.text(record, indent=1), "utf-8")
    return shared


def heat(folder: Path, apart: Mapping[int, str]) -> pl.DataFrame | None:
    """Return the heat map of segment by category (``categories.stored``) as others may see it.

    A cell of fewer than ten people is blank, and so are others of its category by which it could be
    worked out: the lifts of a category, by segments' events, average to one.
    """
    found = categories.heat(folder, None, frozenset(apart))
    people = categories.people(folder, found)
    if found is None or people is None:
        return None
    hidden_ = [k - 1 for k in apart]
    for row, counts in enumerate(people):
        why = suppression.withheld(counts.tolist(), hidden_)
        for column, k in enumerate(found.segments):
            if why[k - 1] is not None:
                found.lift[row, column] = float("nan")
    return categories.table(found)


def moves(folder: Path, apart: Mapping[int, str]) -> pl.DataFrame | None:
    """Return the moves between segments that others may see; see ``suppression.shown``.

    Totals (people by segment then and now) are taken to be known.
    """
    path = folder / "moves.parquet"
    if not path.exists():
        return None
    frame = pl.read_parquet(path).sort("was", "now")
    counts = frame["users"].to_numpy().reshape(frame["was"].n_unique(), -1)
    now = frame["now"].unique().sort().to_list()
    kept = suppression.shown(counts, [n for n, k in enumerate(now) if k in apart])
    return frame.filter(pl.Series(kept.ravel(), dtype=pl.Boolean))


def _record(record: dict[str, Any], apart: Mapping[int, str]) -> dict[str, Any]:
    """Return run.json without what tells of few: events, notes on rows, figures of few people."""
    of = re.compile(rf"segment[ /]({'|'.join(map(str, apart)) or 'none'})\b")
    notes = record["data"].get("notes", {})
    found = {key: value for key, value in record.items() if key != "since"}
    if "since" in record:
        found["since"] = {"run": record["since"]["run"]}
    found["data"] = {
        **record["data"], "notes": {k: v for k, v in notes.items() if k == "split"}
    }  # fmt: skip
    for holder in (found, *([found["evaluated"]] if "evaluated" in found else [])):  # of a refit
        holder["metrics"] = {k: v for k, v in holder["metrics"].items() if not of.search(k)}
    found["alarms"] = [each for each in record["alarms"] if not of.search(each)]
    return {**found, "withheld": {str(k): why for k, why in apart.items()}}


def _large(column: str) -> pl.Expr:
    """Return a difference of people, null where it is of few."""
    return pl.when((pl.col(column) == 0) | (pl.col(column).abs() >= SMALLEST)).then(column)


def _levels(profiles: pl.DataFrame) -> pl.DataFrame:
    """Return profiles without figures of few people: of a number, and of a class in a segment.

    The classes of an attribute that a table does not list are one more group of its people.
    """
    rows = profiles.filter(pl.col("support") >= SMALLEST).with_row_index("at").to_dicts()
    levels: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for row in rows:
        name = str(row["attribute"])
        if name.startswith("share of "):
            continue
        if "=" in name or name.endswith(" unknown"):
            attribute = name.split("=", 1)[0]
            levels.setdefault((row["segment"], attribute), []).append(row)
    few: set[int] = set()
    for group in levels.values():
        counts = [row["mean"] * row["support"] for row in group]
        rest = max(row["support"] for row in group) - sum(counts)
        counts.append(rest if rest > 0.5 else 0.0)  # rounding is nobody
        why = withheld(counts)
        lonely = [(1 - row["mean"]) * row["support"] for row in group]
        few |= {
            row["at"] for row, reason, others in zip(group, why, lonely)
            if reason is not None or 0.5 < others < SMALLEST
        }  # fmt: skip
    kept = [row["at"] for row in rows if row["at"] not in few]
    some = profiles.filter(pl.col("support") >= SMALLEST)
    return some[kept] if kept else some.clear()
