"""An audience: a run's people by the chance that they will take some items, with a control group.

Shape legend: U users, I items, Q items asked for.
"""

from __future__ import annotations

import hashlib
import logging
import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch

from gnnseg.data.values import Bools
from gnnseg.evaluation import audiences
from gnnseg.evaluation.audiences import Own
from gnnseg.report import scores
from gnnseg.runs import paces, people, selection
from gnnseg.runs.recommend import ids_listed
from gnnseg.runs.stored import StoredRun
from gnnseg.types import Floats, InputError, Ints

LOG = logging.getLogger("gnnseg")
DAYS = 30.0
CONTROL = 0.1


class Expectations:
    """What a run expects of its users: how many visits, and how many with certain items in them.

    Attributes:
        own: what they took.
        pace: how often they come.
    """

    def __init__(self, run: StoredRun) -> None:
        self._run, self.own, self.pace = run, paces.own(run), paces.of(run)

    def of(self, asked: Ints | None, days: float) -> Floats:
        """Return in how many visits of so many days each user takes any of the items, (U,).

        ``asked``: item numbers, None: all. See ``gnnseg.evaluation.audiences``.
        """
        run, visits = self._run, self.pace.expected(days)
        if asked is None:
            return visits
        again = run.config["evaluation"]["seen"] == "allow"
        share = audiences.interest(run.scorer, torch.from_numpy(asked), self.own, again=again)
        return audiences.expected(visits, self.pace.items, share)


@dataclass(frozen=True, kw_only=True)
class Audience:
    """People by the chance that they take some of the items asked for, and what that is of.

    Args:
        table: user[, name, …], rank, chance, expected[, segment, segment_name, sure], control,
            bought; a row a person.
        asked: the ids of the items asked for; None: any item.
        words: what was asked for, in words.
        eligible: how many people were ranked.
        everyone: the sum of their chances.
        days: how many days the chances are of; None: as long as the data took (no times).
        trusted: whether the chances are probabilities, not an order alone.
        control: with what probability each person was drawn into the control group.
    """

    table: pl.DataFrame
    asked: list[str] | None
    words: str
    eligible: int
    everyone: float
    days: float | None
    trusted: bool
    control: float

    @property
    def buyers(self) -> float:
        """Return how many of these people are expected to take something: the sum of chances."""
        return float(self.table["chance"].sum())


def audience(
    run: StoredRun,
    *,
    item: object = None,
    where: str | Sequence[str] | None = None,
    segment: object = None,
    size: int | None = None,
    top: float | str | None = None,
    not_bought: bool = False,
    exclude: Iterable[object] | None = None,
    exclude_by: str | None = None,
    control: float = CONTROL,
    days: float = DAYS,
    seed: int = 0,
    users: Any = None,
    users_id: str | None = None,
) -> Audience:
    """Rank people by the chance that they take any of some items; see ``Serving.audience``.

    expected_i: in how many visits of so many days i takes any of them, by i's pace of late and the
    part of i's items that is of these; chance_i = 1 - exp(-expected_i). Ties by the order of ids.
    """
    _check(control, days, size, top)
    known = None if users is None else people.given(run, users, users_id)
    everybody, catalogue = people.people(run, known), people.items(run)
    conditions = [where] if isinstance(where, str) else list(where or [])
    selected = selection.select(conditions, catalogue, everybody)
    asked = _asked(run, item, selected.items)
    if asked is None and segment is None and not conditions:
        raise InputError("audience: say of what: an item, where, or a segment.")
    if not_bought and asked is None:
        raise InputError("not_bought: say of what: an item, or where by a column of items.")
    expectations = Expectations(run)
    bought = _bought(expectations.own, asked)
    kept = selected.people.copy()
    if segment is not None:
        kept &= _members(run, segment)
    if exclude is not None:
        kept[_excluded(run, exclude, exclude_by, everybody)] = False
    if not_bought:
        kept[bought[0]] = False
    if not kept.any():
        raise InputError(f"audience: nobody of {run.name} is left; ask for less.")
    expected = expectations.of(asked, days)
    ranked = _ranked(expected, kept)
    chosen = ranked[: _count(len(ranked), size, top)]
    return Audience(
        table=_table(run, everybody, known, chosen, expected, bought, control, seed),
        asked=None if asked is None else run.items.ids[asked].tolist(),
        words=_words(run, item, conditions, segment, asked),
        eligible=len(ranked),
        everyone=float(audiences.chance(expected[ranked]).sum()),
        days=days if expectations.pace.timed else None,
        trusted=scores.trusted(run.config),
        control=control,
    )


def controls(ids: Sequence[str], control: float, seed: int) -> Bools:
    """Return who is in the control group: each person with probability ``control``.

    By a hash of the seed and their id alone: who else is on the list moves nobody, so that a
    person's lot is the same in every list of a seed, this week and next; a larger ``control`` keeps
    the people of a smaller one.
    """
    drawn = [hashlib.sha256(f"{seed}:{each}".encode()).digest()[:8] for each in ids]
    lots = np.array([int.from_bytes(each) for each in drawn], dtype=np.float64) / 2.0**64
    return np.asarray(lots < control, dtype=bool)


def _check(control: float, days: float, size: int | None, top: float | str | None) -> None:
    if not 0 <= control < 1:
        raise InputError(f"control={control}: is a share of the people, such as 0.1; 0: none.")
    if not (days > 0 and math.isfinite(days)):
        raise InputError(f"days={days}: must be more than 0.")
    if size is not None and top is not None:
        raise InputError("size and top: both say how many people; give one of them.")
    if size is not None and operator.index(size) < 1:
        raise InputError(f"size={size}: an audience has at least 1 person.")
    if top is not None:
        _share(top)


def _count(people: int, size: int | None, top: float | str | None) -> int:
    """Return how many of the people ranked are taken; at least one."""
    if size is not None:
        return min(size, people)
    return people if top is None else max(1, round(people * _share(top)))


def _share(top: float | str) -> float:
    """Return a share, of '10%' or .1."""
    text = str(top).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise InputError(f"top={top}: is a share of the people, such as 10% or 0.1.")
    return share


def _asked(run: StoredRun, item: object, where: Bools | None) -> Ints | None:
    """Return the numbers of the items asked for, ascending; None: any."""
    if item is None and where is None:
        return None
    several = isinstance(item, Iterable) and not isinstance(item, str)
    listed = [] if item is None else list(item) if several else [item]  # type: ignore[call-overload]
    numbers = {run.find("item", each) for each in listed}
    if where is not None:
        numbers |= set(np.flatnonzero(where).tolist())
    if not numbers:
        raise InputError("item: the list is empty; name an item's id.")
    return np.array(sorted(numbers), dtype=np.int64)


def _excluded(
    run: StoredRun, exclude: Iterable[object], by: str | None, everybody: pl.DataFrame
) -> Any:
    """Return the indices of the people who are left out, by their ids or by a column of theirs.

    Of a column, letter case and blanks around do not count: e-mail addresses have neither.
    """
    if by is None:
        return ids_listed(run, "exclude", exclude, "user")
    values = _plain(people.column(everybody, by))
    listed = _plain(pl.Series([str(each) for each in exclude], dtype=pl.String)).unique()
    (met,) = values.is_in(listed.implode()).fill_null(False).to_numpy().nonzero()
    unknown = listed.filter(~listed.is_in(values.drop_nulls().implode()))
    if len(listed) and not len(met):
        raise InputError(
            f"exclude: none of its {len(listed):,} is a known {by} ({unknown[0]!r} here, "
            f"{str(values.drop_nulls().first())!r} there); name another column, or write it alike."
        )
    if len(unknown):
        LOG.info("exclude: %s of %s are no known %s", f"{len(unknown):,}", f"{len(listed):,}", by)
    return met


def _plain(values: pl.Series) -> pl.Series:
    return values.cast(pl.String).str.strip_chars().str.to_lowercase()


def _members(run: StoredRun, segment: object) -> Bools:
    number = people.segment_number(run, segment)
    members = run.frame("segments")["segment"].eq_missing(number).to_numpy()
    return np.asarray(members, dtype=bool)


def _bought(own: Own, asked: Ints | None) -> tuple[Ints, Ints]:
    """Return the pairs (user, item) of the items asked for that users took; of any item: none."""
    if asked is None:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing
    user, item = own.taken.row.numpy(), own.taken.column.numpy()
    at = np.isin(item, asked)
    return user[at], item[at]


def _ranked(expected: Floats, kept: Bools) -> Ints:
    """Return those kept, who is expected to take most first; ties by index."""
    order = np.argsort(-expected, kind="stable")
    return np.asarray(order[kept[order]], dtype=np.int64)


def _table(
    run: StoredRun, everybody: pl.DataFrame, known: pl.DataFrame | None, chosen: Ints,
    expected: Floats, bought: tuple[Ints, Ints], control: float, seed: int,
) -> pl.DataFrame:  # fmt: skip
    """Return a row a person chosen, in order: who they are, what is expected, where they belong."""
    rows = everybody[chosen]
    taken: dict[int, list[str]] = {}
    for user, item in zip(*bought, strict=True):
        taken.setdefault(int(user), []).append(str(run.items.ids[item]))
    theirs = [] if known is None else [name for name in known.columns if name != "user"]
    first = dict.fromkeys(["user", *(["name"] if "name" in rows.columns else []), *theirs])
    belongs = [n for n in ("segment", "segment_name", "sure") if n in rows.columns]
    return rows.select(
        *first,
        rank=pl.Series(np.arange(1, len(rows) + 1), dtype=pl.Int64),
        chance=pl.Series(audiences.chance(expected[chosen]), dtype=pl.Float64),
        expected=pl.Series(expected[chosen], dtype=pl.Float64),
        **{name: pl.col(name) for name in belongs},
        control=pl.Series(controls(rows["user"].to_list(), control, seed), dtype=pl.Boolean),
        bought=pl.Series([taken.get(int(u), []) for u in chosen], dtype=pl.List(pl.String)),
    )


def _words(
    run: StoredRun, item: object, where: Sequence[str], segment: object, asked: Ints | None
) -> str:
    """Return what was asked for: of which items, of whom."""
    if asked is None:
        what = "anything"
    elif len(asked) == 1:
        number = int(asked[0])
        name, id = run.items.name(number), str(run.items.ids[number])
        what = id if name in (None, id) else f"{name} ({id})"
    else:
        what = f"any of {len(asked):,} items"
    said = [*where, *([] if segment is None else [f"segment {segment}"])]
    return what + (f"; {', '.join(said)}" if said else "")
