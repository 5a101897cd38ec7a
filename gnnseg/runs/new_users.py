"""Users who were not in training, as they come: histories, attributes and friends by original ids,
in any usual form.

Shape legend: B new users, U users of the run, F attribute columns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import torch

from gnnseg.data import beside, repeats, visits
from gnnseg.data import zeros as zeros_
from gnnseg.data.encoding import Encoding
from gnnseg.data.raw import Raw
from gnnseg.data.tables import attribute_tables, edges, fields, files, joining, separators
from gnnseg.data.tables import beside as tables
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.formats import Sheet
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.returns import Returns
from gnnseg.data.tables.settings import FileSettings
from gnnseg.data.zeros import Zeros
from gnnseg.runs import histories as histories_
from gnnseg.runs import reasons
from gnnseg.runs.known import Known
from gnnseg.runs.lists import segments_frame
from gnnseg.sparse import Csr
from gnnseg.types import (
    HabitScorer,
    InputError,
    Interactions,
    Pairs,
    Past,
    Scorer,
    Segmentation,
    Strings,
    Table,
)

if TYPE_CHECKING:
    from gnnseg.runs.stored import StoredRun

LOG = logging.getLogger("gnnseg")
TOGETHER = 4096  # handed on at once


@dataclass(frozen=True)
class NewUsers:
    """New users' own ids in the order they were given, and what they have met.

    ``pairs``: of a new user's number and an item's index; ``table``: their attributes as the run
    reads them; ``friends`` (B,U): ties to the run's users, with weights; ``events``: their history
    event by event, for a run with habits. None: not given.
    """

    ids: Strings
    pairs: Pairs
    table: Table | None = None
    friends: Csr | None = None
    events: Interactions | None = None

    def parts(self) -> Iterator[NewUsers]:
        """Yield some after others, so that what is made of them stays bounded."""
        for at in range(0, len(self.ids), TOGETHER):
            rows = slice(at, at + TOGETHER)
            part = self.pairs.of_users(at, at + TOGETHER)
            table = (
                None
                if self.table is None
                else Table({n: c[rows] for n, c in self.table.columns.items()})
            )
            friends = None if self.friends is None else self.friends.rows(rows)
            events = self.events
            if events is not None:
                events = events.rows((events.user >= at) & (events.user < at + TOGETHER))
                events = replace(events, user=events.user - at)
            yield NewUsers(self.ids[rows], part, table, friends, events)

    def attributes(self, encoding: Encoding, short: float = np.inf) -> torch.Tensor | None:
        """Return (B,F) in the run's columns, what is not given unknown; None where it has none.

        ``short``: events below which a history counts as only begun.
        """
        if not encoding.user:
            return None
        return torch.from_numpy(encoding.users(len(self.ids), self.pairs, self.table, short=short))

    def given(self, encoding: Encoding) -> torch.Tensor | None:
        """Return which of the run's columns were given, (F,) bool; None where it has none."""
        if not encoding.user:
            return None
        return torch.from_numpy(encoding.given(self.pairs, self.table))

    def past(self, known: Known) -> Past | None:
        """Return what they took, as a head with habits reads it; None for other heads."""
        if known.half_life is None or self.events is None:
            return None
        fades = bool(np.isfinite(known.half_life).any())
        apart = visits.of(self.events if fades else replace(self.events, time=None))
        again = None if known.again is None else repeats.of_new_users(known.again, apart)
        return visits.latest(apart, known.half_life, len(self.ids), len(known.items), again)


def read(
    histories: Any, run: Known, users: Any = None, social: Any = None, users_id: str | None = None
) -> NewUsers:
    """Return new users: who stands in ``histories``, in ``users``, or in a tie of ``social``.

    In a tie they stand first, and are no users of the run. Items, attributes and friends that the
    run does not know are counted in the log and left out.

    Args:
        histories: {id: [item ids]}, a table of user, item[, weight, time, spend], or one that
            ``gnnseg.interactions`` has read.
        run: What the run knows.
        users: A table of attributes by id.
        social: A table of user, user[, weight], a new user and a user of the run in either order.
        users_id: The column of ``users`` that holds the ids; None: found.
    """
    if isinstance(histories, NewUsers):
        return histories
    frame, everyone = histories_.tables(histories)
    given = None if users is None else _attributes(users, run, everyone, users_id)
    ties = None if social is None else _ties(social, run)
    named = [everyone]
    if given is not None:
        named.append(given["id"])
    if ties is not None:
        named.append(ties.filter(~pl.col("source").is_in(run.users.ids.tolist()))["source"])
    everyone = pl.concat([each.alias("user") for each in named]).unique(maintain_order=True)
    if everyone.is_empty():
        raise InputError("histories: nobody is in them.")
    place = pl.DataFrame({"user": everyone, "row": np.arange(len(everyone))})
    ids = everyone.to_numpy().astype(object)
    table = None
    if given is not None:
        beside = place.join(given, left_on="user", right_on="id", how="left", maintain_order="left")
        table = _table(beside, ids, run)
    friends = None if ties is None else _friends(ties, place, run)
    met = _met(frame, place, run)
    events = None if run.half_life is None else _events_of(met)
    found = NewUsers(ids, _pairs(met), table, friends, events)
    run.say_what_is_missing(
        found.pairs, found.table, ties=friends is not None, columns=frame.columns
    )
    return found


def scorer_of(run: StoredRun, part: NewUsers) -> Scorer:
    """Return the run's items before new users."""
    known = run.known
    return run.fold_in.scorer(
        part.pairs, len(part.ids), part.attributes(known.encoding, known.short), part.friends,
        part.given(known.encoding), part.past(known),
    )  # fmt: skip


def assign(
    run: StoredRun, histories: Any, users: Any = None, social: Any = None,
    users_id: str | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Return new users' segments; see ``Run.assign``."""
    found = []
    for part in read(histories, run.known, users, social, users_id).parts():
        scorer = scorer_of(run, part)
        if not isinstance(scorer, Segmentation):
            raise InputError(f"{run.name}: its head has no segments; train with head=segments.")
        known = run.known
        ties = None if part.friends is None else part.friends.degrees()[0]
        why = reasons.of_new_users(
            len(part.ids), part.pairs, part.attributes(known.encoding), ties, known.encoding,
            known.reads,
        )  # fmt: skip
        with torch.no_grad():
            habits = scorer.habits if isinstance(scorer, HabitScorer) else None
            found.append(segments_frame(part.ids, scorer.memberships(None), why, habits))
    return pl.concat(found)


def _met(frame: pl.DataFrame, place: pl.DataFrame, run: Known) -> pl.DataFrame:
    """Return row, index, weight[, time, spend, order]; unknown items are only counted."""
    given = [n for n in ("weight", "time", "spend", "order") if n in frame.columns]
    columns = {name: pl.col(name) for name in given}
    columns.setdefault("weight", pl.lit(run.weight).alias("weight"))
    met = frame.select("user", "item", *columns.values()).join(place, on="user")
    index = pl.Series(run.items.to_index(met["item"], missing=-1))
    unknown = int((index < 0).sum())
    met = met.with_columns(index=index)
    if unknown:
        first = met.filter(pl.col("index") < 0)["item"][0]
        text = "%d of %d rows name items that %s does not know (first: %s); left out"
        LOG.info(text, unknown, len(met), run.name, first)
    return met.filter(pl.col("index") >= 0)


def _events_of(met: pl.DataFrame) -> Interactions:
    """Return histories event by event."""
    time = met["time"].to_numpy().astype(np.float64) if "time" in met.columns else None
    user, item = (met[name].to_numpy().astype(np.int64) for name in ("row", "index"))
    return Interactions(user, item, time=time)


def _pairs(met: pl.DataFrame) -> Pairs:
    """Merge histories by new user and item."""
    if visit := next((name for name in ("order", "time") if name in met.columns), None):
        met = met.with_columns(visits=1 / pl.len().over("row", visit))
    sums = [pl.col(name).sum() for name in ("weight", "spend", "visits") if name in met.columns]
    times = (
        [pl.col("time").min().alias("first"), pl.col("time").max().alias("last")]
        if "time" in met.columns
        else []
    )
    merged = met.group_by("row", "index").agg(*sums, *times, pl.len()).sort("row", "index")
    merged = merged.rename({"row": "user", "index": "item", "len": "count"}).cast(
        {"count": pl.Int64}
    )
    return Pairs(**{column.name: column.to_numpy(writable=True) for column in merged})


def _attributes(users: Any, run: Known, everyone: pl.Series, users_id: str | None) -> pl.DataFrame:
    """Return attributes by id, of the columns the run reads; ``everyone`` has a history.

    Of a run that reads none: the ids alone, which is said.
    """
    known = {each.source for each in run.encoding.user} if "features" in run.reads else set()
    sheet, met = tables.sheet_of(users, "users"), everyone if len(everyone) else None
    read = attribute_tables.read(sheet, "user", met, key=users_id, attributes=known, strangers=True)
    frame = read.frame
    if met is not None:
        LOG.info("%s", read.note)
        joining.refuse_misspelt(sheet.path, "user", frame["id"], met)
    if not known:
        LOG.info(
            "users: %s reads no attributes of users: of %d people in the table it knows what they "
            "have met, and nothing else; encoder=linear, dnn or two_tower would read them, or "
            "encoder.attributes=beside with encoder=lightgcn, sage, pinsage, rgcn or pyg",
            run.name, len(frame),
        )  # fmt: skip
        return frame.select("id")
    extra = [column for column in frame.columns if column not in known | {"id", "name"}]
    given = [column for column in frame.columns if column in known]
    if extra:
        LOG.info("users: %s does not read %s; left out", run.name, ", ".join(extra))
    return frame.select("id", *given)


def _table(frame: pl.DataFrame, ids: Strings, run: Known) -> Table:
    """Return values as the run's encoding reads them; InputError where they are of another type."""
    columns = beside.columns(frame.drop("user", "row"), "users", ids)
    sources = {each.source: each for each in run.encoding.user}
    return Table({name: sources[name].cast(values, ids) for name, values in columns.items()})


def _ties(social: Any, run: Known) -> pl.DataFrame:
    """Return source, target, weight."""
    if "social" not in run.reads:
        raise InputError(
            f"social: {run.name} reads no social ties; train with encoder=social, encoder=lightgcn "
            "encoder.social=1, or encoder=rgcn encoder.ties=true."
        )
    return edges.edge_table(tables.sheet_of(social, "social"), "social ties")


def _friends(ties: pl.DataFrame, place: pl.DataFrame, run: Known) -> Csr:
    """Return (B,U): each new user's ties to the run's users.

    A tie named twice, or from both ends, weighs as the heaviest of these.
    """
    ends = [
        ties.select(user=a, friend=b, weight="weight")
        for a, b in (("source", "target"), ("target", "source"))
    ]
    both = pl.concat([end.join(place, on="user") for end in ends])
    both = both.with_columns(index=pl.Series(run.users.to_index(both["friend"], missing=-1)))
    known = (
        both.filter(pl.col("index") >= 0)
        .group_by("row", "index")
        .agg(pl.col("weight").max())
        .sort("row", "index")
    )
    lost = both.filter(pl.col("index") < 0)
    if len(lost):
        text = "social: ties to people %s does not know are left out: %d (first: %s)"
        LOG.info(text, run.name, len(lost), lost["friend"][0])
    shape = (len(place), len(run.users))
    return Csr.of(
        known["row"].to_numpy(),
        known["index"].to_numpy(),
        shape,
        torch.tensor(known["weight"].to_list(), dtype=torch.float32),
    )


def read_file(
    path: Path,
    columns: Mapping[str, str | None],
    say: Callable[[str], None],
    *,
    how: FileSettings = separators.DETECTED,
    decimal: Decimal | None = None,
    returns: Returns | None = None,
    keep: str | None = None,
    dates: Order | None = None,
    time_as: str | None = None,
    zeros: Zeros | None = None,
    on_error: Literal["fail", "drop"] = "fail",
) -> Raw:
    """Return histories from a file of any form ``data=file`` reads; what was seen in it is said.

    ``columns``: names of the columns user, item[, weight, time, spend …]; ``how``: the form of the
    file; the rest as the settings of ``data=file`` of the same name.
    """
    mapping = {**dict.fromkeys(fields.ROLES), "time": "", "spend": "", **columns}
    found = separators.read(path, mapping, how)
    roles = {
        role: pl.col(name)
        for role, name in found.columns.items()
        if name is not None and role in mapping
    }
    raw = files.assemble(
        path.name, replace(found.sheet, frame=found.sheet.frame.select(**roles)), [found.note], say,
        on_error=on_error, decimal=decimal, dates=dates, returns=returns, time_as=time_as,
        zeros=zeros, keep=keep, guests=False,
    )  # fmt: skip
    events, gone = zeros_.settle(raw.events, zeros, str(path))
    raw = replace(raw, events=events, rejected={**raw.rejected, **gone}, zeros="keep")
    for reason, count in raw.rejected.items():
        say(f"left out {count:,} {'row' if count == 1 else 'rows'}: {reason}")
    return raw


def table_of(path: Path, how: FileSettings = separators.DETECTED) -> Sheet:
    """Return attributes or ties from a file of any form that data.users and data.social read."""
    return tables.table(path, how)
