"""What a run recommends: to its users, to new ones, to a segment.

Shape legend: U users, I items, B users in a chunk, T length of a list.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor

from gnnseg.data.raw import Raw
from gnnseg.data.tables import identifiers, joining
from gnnseg.evaluation import ranking, segments
from gnnseg.runs import new_users
from gnnseg.runs.lists import Seen, long_list
from gnnseg.runs.stored import StoredRun
from gnnseg.sparse import Csr
from gnnseg.types import InputError, Scorer, Strings, text_of_id

LOG = logging.getLogger("gnnseg")


def stream(
    run: StoredRun,
    who: Any = None,
    k: int = 20,
    seen: Seen | None = None,
    *,
    only: Iterable[object] | None = None,
    exclude: Iterable[object] | None = None,
    users: Any = None,
    social: Any = None,
) -> Iterator[pl.DataFrame]:
    """Yield lists in pieces of bounded memory; ``who`` None: of every user of the run.

    ``seen`` None: as the run was evaluated.
    """
    k = at_least_one(k)
    seen = run.config["evaluation"]["seen"] if seen is None else seen
    if seen not in ("mask", "allow"):
        raise InputError(f"seen={seen}: it is mask (leave out what a user has met) or allow.")
    excluded = excluded_items(run, only, exclude)
    new = users is not None or social is not None
    asked = _ids(who)
    if asked is not None or (who is None and not new):
        if new:
            raise InputError(
                "users and social tell of people who were not in training: give their histories, "
                "{'anna': []} where there are none, in place of ids of the run's users."
            )
        rows = torch.arange(len(run.users)) if asked is None else torch.from_numpy(run.rows(asked))
        mask = run.seen if seen == "mask" else None
        yield from _lists(run, run.scorer, rows, run.users.ids, k, mask, excluded)
        return
    for part in new_users.read(who, run.known, users, social).parts():
        count, pairs = len(part.ids), part.pairs
        mask = None
        if seen == "mask":
            mask = Csr.of(pairs.user, pairs.item, (count, len(run.items)))
        scorer = new_users.scorer_of(run, part)
        yield from _lists(run, scorer, torch.arange(count), part.ids, k, mask, excluded)


@torch.no_grad()
def to_segment(run: StoredRun, segment: int, k: int) -> pl.DataFrame:
    """Return what a segment (from 1) wants beyond what everyone wants; ties by item number."""
    k = at_least_one(k)
    alpha, beta = run.tensor("alpha"), run.tensor("beta")
    if segment not in range(1, len(beta) + 1):
        raise InputError(f"segment {segment}: {run.name} has segments 1 to {len(beta)}.")
    best = segments.beyond(alpha, beta)[segment - 1].sort(descending=True, stable=True)
    items, scores = best.indices[None, :k], best.values[None, :k]
    return long_list("segment", [str(segment)], items, scores, run.items)


def excluded_items(
    run: StoredRun, only: Iterable[object] | None, exclude: Iterable[object] | None
) -> Tensor | None:
    """Return the candidate filter: (I,) bool, which items may not be shown.

    Ids that the run does not know exclude nothing, and are counted in the log.
    """
    if only is None and exclude is None:
        return None
    excluded = torch.zeros(len(run.items), dtype=torch.bool)
    if only is not None:
        excluded[:] = True
        excluded[ids_listed(run, "only", only)] = False
    if exclude is not None:
        excluded[ids_listed(run, "exclude", exclude)] = True
    if bool(excluded.all()):
        raise InputError(f"only and exclude leave no item of {run.name}.")
    return excluded


def at_least_one(k: Any) -> int:
    """Return a list's length; InputError for what is none."""
    try:
        whole = operator.index(k)
    except TypeError:
        raise InputError(f"k={k!r}: must be a whole number.") from None
    if whole < 1:
        raise InputError(f"k={whole}: a list has at least 1 item.")
    return whole


def _lists(
    run: StoredRun,
    scorer: Scorer,
    rows: Tensor,
    ids: Strings,
    k: int,
    mask: Csr | None,
    excluded: Tensor | None,
) -> Iterator[pl.DataFrame]:
    size = ranking.at_once(len(run.items), rows.device)
    for part in torch.split(rows, size) if len(rows) else ():
        with torch.no_grad():
            items, scores = ranking.topk(scorer, part, min(k, len(run.items)), mask, excluded)
        yield long_list("user", ids[part.numpy()], items, scores, run.items)


def ids_listed(
    run: StoredRun, what: str, given: Iterable[object], kind: Literal["user", "item"] = "item"
) -> list[int]:
    """Return the indices of a list of ids; those not known are counted in the log.

    Raises:
        InputError: It is no list, none of it is known, or some are known in another spelling alone:
            whoever opted out as 7 is 007, and would be written to.
    """
    listed = _ids(given)
    if listed is None:
        raise InputError(f"{what}: is a {type(given).__name__}; give a list of {kind} ids.")
    index = (run.items if kind == "item" else run.users).to_index(listed, missing=-1)
    unknown = [each for each, at in zip(listed, index, strict=True) if at < 0]
    if len(unknown) == len(listed) and (listed or what == "only"):
        known = ids_of(run, kind)
        theirs, ours = joining.unlike(_texts(listed), known)
        raise InputError(
            where=what,
            problem=f"none of its {len(listed):,} {kind}s is known to {run.name} "
            f"({theirs!r} here, {ours!r} there)",
            advice="write the ids alike",
        )
    if unknown:
        _refuse_respelt(run, what, _texts(unknown), kind)
        counts = f"{len(unknown):,} of {len(listed):,} {kind}s"
        LOG.info("%s: %s are not known to %s (first: %s)", what, counts, run.name, unknown[0])
    return list(index[index >= 0])


def _refuse_respelt(
    run: StoredRun, what: str, unknown: pl.Series, kind: Literal["user", "item"]
) -> None:
    """Refuse unknown ids that are known ones in another spelling, or that a program has cut."""
    advice = "write the ids alike (a spreadsheet makes 7 of 007: have it import them as text)"
    if (pair := joining.misspelt(unknown, ids_of(run, kind))) is not None:
        problem = f"{kind} {pair[0]!r} is not known to {run.name}, and {pair[1]!r} is"
        raise InputError(where=what, problem=problem, advice=advice)
    if len(lost := identifiers.cut(unknown)):
        problem = f"{kind} {lost[0]!r} has lost digits in a spreadsheet"
        raise InputError(where=what, problem=problem, advice="export the column as text")


def _texts(ids: Iterable[object]) -> pl.Series:
    return pl.Series(map(text_of_id, ids), dtype=pl.String)


def ids_of(run: StoredRun, kind: Literal["user", "item"] = "item") -> pl.Series:
    """Return the ids of the run's items, or of its users."""
    return pl.Series((run.items if kind == "item" else run.users).ids, dtype=pl.String)


def _ids(given: Any) -> list[object] | None:
    """Return one id, or several in a row, as a list; None for something else, such as histories."""
    if isinstance(given, str | int | np.integer):
        return [given]
    table = isinstance(given, Mapping | pl.LazyFrame | Raw | new_users.NewUsers) or hasattr(
        given, "columns"
    )
    return None if table or not isinstance(given, Iterable) else list(given)
