"""Logs of what was shown: read, checked, indexed, divided.

One row an item shown: slate, user, item, position, propensity (the probability that this item was
shown at this position), reward of the item.

Shape legend: N rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data.tables import columns as columns_
from gnnseg.data.tables import fields, numbers
from gnnseg.data.tables.formats import Sheet
from gnnseg.rng import Rng
from gnnseg.sparse.order import lexsort
from gnnseg.types import IdMap, InputError, Log, Setting

NEEDED = ("user", "item", "reward")
MEASURES = {  # columns of numbers, and what to do where one is missing
    "reward": "write 0 where nothing was earned",
    "propensity": "mend it",
    "position": "mend it",
}
COLUMNS = ("slate", "user", "item", "position", "propensity", "reward")
LEAST, LAST = 1e-9, 1_000_000  # propensity and position: beyond, somebody has mistaken the column
RATIOS = (0.8, 0.1, 0.1)  # of the slates: train, valid, test


def read(
    sheet: Sheet,
    *,
    propensity: bool,
    decimal: numbers.Decimal | None = None,
    columns: Mapping[str, str | None] | None = None,
) -> pl.DataFrame:
    """Return a table as a log by original ids.

    slate, user, item (String), position (Int64), reward and, where known, propensity (Float64).
    Without slate each row is its own; without position it is 1.

    Args:
        sheet: The table, by its own columns' names.
        propensity: Must it be there?
        decimal: The sign 'point' or 'comma', where both readings fit.
        columns: What its columns are called, where not as here; '': not there.

    Raises:
        InputError: With the line, for a row that cannot be.
    """
    names = sheet.frame.columns
    sheet = _renamed(sheet, {} if columns is None else columns)
    frame = sheet.frame
    needed = (*NEEDED, *(["propensity"] if propensity else []))
    lacking = [name for name in needed if name not in frame.columns]
    if lacking:
        raise InputError(
            where=sheet.path,
            problem=f"a log has the columns {', '.join(COLUMNS)}; {', '.join(lacking)} is "
            f"missing from it, which has {', '.join(names[:12])}",
            advice=("set ", *_joined(Setting(f"log.{name}", "COLUMN") for name in lacking)),
        )
    found = {name: fields.identifiers(frame[name]).str.strip_chars() for name in ("user", "item")}
    if "slate" in frame.columns:
        found["slate"] = fields.identifiers(frame["slate"]).str.strip_chars()
    for name, ids in found.items():
        _refuse(sheet, ids.is_null() | (ids == ""), f"the {name} is missing; mend it.")
    found |= _measures(sheet, decimal)
    place = found.get("position", pl.Series("position", np.ones(len(frame))))
    slate = found.get("slate", pl.Series("slate", np.arange(len(frame))).cast(pl.String))
    log = pl.DataFrame(
        {
            "slate": slate,
            "user": found["user"],
            "item": found["item"],
            "position": place.cast(pl.Int64),
            **({"propensity": found["propensity"]} if "propensity" in found else {}),
            "reward": found["reward"],
        }
    )
    _refuse_slates(sheet, log, placed="position" in found)
    return log


def _joined(settings: Iterable[Setting]) -> tuple[Setting | str, ...]:
    """Return settings as a sentence lists them."""
    words = [word for setting in settings for word in (", ", setting)][1:]
    return (*words[:-2], " and ", words[-1]) if len(words) > 1 else tuple(words)


def _renamed(sheet: Sheet, columns: Mapping[str, str | None]) -> Sheet:
    """Return the table with columns called as here; one that is named hides another of its name."""
    names = sheet.frame.columns
    found: dict[str, str] = {}
    for name in COLUMNS:
        told = columns.get(name)
        if told is None:
            told = name if name in names else _usual(name, names)
        if told and told not in names:
            raise InputError(
                where=sheet.path,
                problem=(f"no column {told!r} for ", Setting(f"log.{name}")),
                advice=f"it has {', '.join(names[:12])}",
            )
        if told:
            found[name] = told
    return replace(sheet, frame=sheet.frame.select(**{n: pl.col(old) for n, old in found.items()}))


def _usual(name: str, names: Sequence[str]) -> str:
    """Return the only column of a usual name of users or items, as in interactions; else ''."""
    usual = columns_.USUAL[name] if name in ("user", "item") else frozenset()
    fits = [one for one in names if columns_.simple(one) in usual]
    return fits[0] if len(fits) == 1 else ""


def _refuse_slates(sheet: Sheet, log: pl.DataFrame, *, placed: bool) -> None:
    """Refuse slates of several users, and an item or a place that stands twice in one."""
    first = log.select(pl.col("user").first().over("slate")).to_series()
    _refuse(
        sheet,
        log["user"] != first,
        "its slate is another user's; a slate is shown to one user.",
    )
    twice = log.select("slate", "position").is_duplicated()
    if not placed:
        why = "its slate has several items; name their places in a column position, from 1."
        _refuse(sheet, twice, why)
    _refuse(sheet, twice, "two items stand at one position of its slate.")
    again = log.select("slate", "item").is_duplicated()
    _refuse(sheet, again, "its item stands twice in its slate.")


def _measures(sheet: Sheet, decimal: numbers.Decimal | None) -> dict[str, pl.Series]:
    """Return reward, propensity and position as numbers, each in its range."""
    found = {}
    for name, advice in MEASURES.items():
        if name in sheet.frame.columns:
            found[name] = numbers.read(
                sheet.frame[name], str(sheet.path), name, decimal, flags=True
            )[0]
            bad = found[name].is_null() | ~found[name].is_finite().fill_null(False)
            _refuse(sheet, bad, f"the {name} is missing or no number; {advice}.")
    if "propensity" in found:
        bad = (found["propensity"] < LEAST) | (found["propensity"] > 1)
        row = bad.arg_true()
        what = found["propensity"][int(row[0])] if len(row) else 0
        _refuse(
            sheet,
            bad,
            f"the propensity is {what:g}; it is the probability that this item was shown there, "
            f"above 0 (from {LEAST:g}) and at most 1.",
        )
    if "position" in found:
        place = found["position"]
        _refuse(
            sheet,
            (place < 1) | (place != place.round()) | (place > LAST),
            f"the position is no whole number from 1 to {LAST:,}; the first place is 1.",
        )
    return found


def _refuse(sheet: Sheet, bad: pl.Series, why: str) -> None:
    rows = bad.fill_null(True).arg_true()
    if len(rows):
        raise InputError(f"{sheet.where(int(rows[0]))}: {why}")


def index(
    frame: pl.DataFrame, users: IdMap, items: IdMap, unknown: Callable[[str, str, int, int], None]
) -> tuple[Log, np.ndarray[Any, Any]]:
    """Return a log as ``read`` by index, and which rows (bool) are in it.

    Those are whose user and item are known. ``unknown(kind, id, row, count)`` is called with the
    first unknown id of a kind, its row, and how many rows have one.
    """
    number = {}
    keep = np.ones(len(frame), dtype=bool)
    for kind, ids in (("user", users), ("item", items)):
        at = ids.to_index(frame[kind], missing=-1)
        lost = at < 0
        if lost.any():
            row = int(lost.argmax())
            unknown(kind, frame[kind][row], row, int(lost.sum()))
        keep &= ~lost
        number[kind] = at
    slate = np.unique(frame["slate"].to_numpy().astype(str), return_inverse=True)[1]
    log = Log(
        slate=slate.astype(np.int64),
        user=number["user"],
        item=number["item"],
        position=frame["position"].to_numpy(),
        reward=frame["reward"].to_numpy().astype(np.float64),
        propensity=(
            frame["propensity"].to_numpy().astype(np.float64)
            if "propensity" in frame.columns
            else None
        ),
    )
    return log.rows(keep), keep


def divide(log: Log, seed: int) -> Log:
    """Return a log with its parts, 8:1:1, whole slates by chance.

    Slates are numbered by their ids, so that row order does not matter.
    """
    log = log.rows(lexsort((log.position, log.slate)))
    slates, slate = np.unique(log.slate, return_inverse=True)
    place = np.empty(len(slates), dtype=np.int64)
    place[Rng(seed).numpy("log").permutation(len(slates))] = np.arange(len(slates))
    cuts = np.round(np.cumsum(RATIOS)[:2] * len(slates))
    return replace(log, part=np.searchsorted(cuts, place, side="right").astype(np.int8)[slate])


def to_frame(log: Log, users: IdMap, items: IdMap) -> pl.DataFrame:
    """Return a log by original ids, as ``read`` takes it."""
    propensity = {} if log.propensity is None else {"propensity": log.propensity}
    return pl.DataFrame(
        {
            "slate": log.slate,
            "user": users.to_ids(log.user).tolist(),
            "item": items.to_ids(log.item).tolist(),
            "position": log.position,
            **propensity,
            "reward": log.reward,
        }
    ).with_columns(pl.col("slate").cast(pl.String))
