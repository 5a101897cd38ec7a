"""From a raw table to an indexed set: minimum weight, k-core, ids to indices, what was dropped said
and stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data import logs
from gnnseg.data.raw import Raw, RawRelation
from gnnseg.types import (
    Dataset,
    Edges,
    IdMap,
    InputError,
    Interactions,
    Log,
    Relation,
    Strings,
    Table,
    Truth,
)

Say = Callable[[str], None]


def build(raw: Raw, *, min_weight: float | None, k_core: int, say: Say) -> Dataset:
    """Clean and index. Events below ``min_weight`` go; then users and items with fewer than
    ``k_core`` partners, until none is left.

    An id's index is its rank (numeric if all ids of its kind are integers, else by UTF-8 bytes), so
    that row order never matters. InputError where nothing, one user or one item is left.
    """
    events, dropped = raw.events, dict(raw.rejected)
    if min_weight is not None:
        if "weight" not in events.columns:
            raise InputError(
                f"data.min_weight={min_weight}: {raw.name} has no weights; set data.weight to a "
                "column or min_weight to null."
            )
        kept = events.filter(pl.col("weight") >= min_weight)
        _count(dropped, f"weight below {min_weight:g}", len(events) - len(kept))
        events = kept
        if events.is_empty():
            raise InputError(
                f"data.min_weight={min_weight:g} filters everything away: lower it (the weights go "
                f"up to {raw.events['weight'].max()!r})."
            )
    if events.is_empty():
        raise InputError(
            f"data {raw.name}: no interaction is left after cleaning; see the reasons counted "
            "above."
        )
    events, users, items = _index(events)
    if k_core > 0:
        keep = core(
            events["user"].to_numpy(), events["item"].to_numpy(), len(users), len(items), k_core
        )
        _count(dropped, f"outside the {k_core}-core", int(len(keep) - keep.sum()))
        if not keep.any():
            raise InputError(
                f"data.k_core={k_core} empties the set: no user and item have {k_core} partners "
                "each; lower it."
            )
        events = events.filter(pl.Series(keep)).with_columns(
            user=pl.Series(users)[events.filter(pl.Series(keep))["user"]],
            item=pl.Series(items)[events.filter(pl.Series(keep))["item"]],
        )
        events, users, items = _index(events)
    for kind, ids in (("user", users), ("item", items)):
        if len(ids) == 1:
            raise InputError(
                f"data {raw.name}: only one {kind} is left ({ids[0]}); nothing can be compared, "
                "give more data or filter less."
            )
    for reason, count in dropped.items():
        example = raw.rejected_examples.get(reason)
        say(f"left out {count:,} rows: {reason}" + (f" (first: {example})" if example else ""))
    beside: dict[str, int] = {}
    user_table, user_names = _table(raw.users, users, "user", beside)
    item_table, item_names = _table(raw.items, items, "item", beside)
    user_map, item_map = IdMap(users, user_names), IdMap(items, item_names)
    _refuse_adrift(raw)
    entities = _entities(raw)
    kinds = {"user": user_map, "item": item_map, **entities}
    social = None if raw.social is None else _social(raw.social, user_map, beside)
    relations = tuple(_relation(r, kinds, beside) for r in raw.relations)
    log = None if raw.log is None else _log(raw.log, user_map, item_map, beside)
    for reason, count in beside.items():
        say(f"left out {count:,}: {reason}")

    def column(name: str) -> np.ndarray[Any, Any] | None:
        return events[name].to_numpy().astype(np.float64) if name in events.columns else None

    return Dataset(
        raw.name, user_map, item_map,
        Interactions(events["user"].to_numpy(), events["item"].to_numpy(), column("weight"), column("time"), column("spend")),
        user_table, item_table, social, relations, entities, _truth(raw, users, items),
        events["part"].to_numpy().astype(np.int8) if "part" in events.columns else None,
        {**raw.notes, "rows": len(raw.events) + sum(raw.rejected.values()), "kept": len(events), "dropped": dropped, "left out": beside},
        log,
    )  # fmt: skip


def core(
    user: np.ndarray[Any, Any], item: np.ndarray[Any, Any], users: int, items: int, k: int
) -> np.ndarray[Any, Any]:
    """Which events lie in the k-core: every user and item there has at least k distinct partners
    there. (E,) bool."""
    pair, inverse = np.unique(user * items + item, return_inverse=True)
    u, i = pair // items, pair % items
    keep = np.ones(len(pair), dtype=bool)
    while True:
        few_u = np.bincount(u[keep], minlength=users) < k
        few_i = np.bincount(i[keep], minlength=items) < k
        lose = keep & (few_u[u] | few_i[i])
        if not lose.any():
            return keep[inverse]
        keep &= ~lose


def ranked(values: pl.Series) -> Strings:
    """Distinct ids by rank: numeric if all are integers (ties such as 1 and 01 by bytes), else by
    UTF-8 bytes."""
    distinct = values.unique()
    if bool(distinct.str.contains(r"^-?\d{1,18}$").all()):
        order = pl.DataFrame({"id": distinct, "n": distinct.cast(pl.Int64)}).sort("n", "id")["id"]
    else:
        order = distinct.sort()
    return order.to_numpy().astype(object)


def _index(events: pl.DataFrame) -> tuple[pl.DataFrame, Strings, Strings]:
    users, items = ranked(events["user"]), ranked(events["item"])
    for kind, ids in (("user", users), ("item", items)):
        place = pl.DataFrame({kind: pl.Series(ids, dtype=pl.String), "index": np.arange(len(ids))})
        events = events.with_columns(
            events.select(kind)
            .join(place, on=kind, how="left", maintain_order="left")["index"]
            .alias(kind)
        )
    return events, users, items


def _count(counts: dict[str, int], reason: str, number: int) -> None:
    if number:
        counts[reason] = counts.get(reason, 0) + number


def _table(
    frame: pl.DataFrame | None, ids: Strings, kind: str, beside: dict[str, int]
) -> tuple[Table | None, Strings | None]:
    """Attributes in index order, and names. Ids known only here are counted and left out; an id
    that stands twice is refused."""
    if frame is None:
        return None, None
    twice = frame.filter(frame["id"].is_duplicated())
    if len(twice):
        raise InputError(
            f"{kind} attributes: id {twice['id'][0]} stands "
            f"{int((twice['id'] == twice['id'][0]).sum())} times; keep one row an id."
        )
    place = pl.DataFrame({"id": pl.Series(ids, dtype=pl.String)})
    _count(
        beside,
        f"{kind}s known only from their attributes",
        len(frame.join(place, on="id", how="anti")),
    )
    aligned = place.join(frame, on="id", how="left", maintain_order="left").drop("id")
    names = aligned["name"].to_numpy().astype(object) if "name" in aligned.columns else None
    return Table(columns(aligned.drop("name", strict=False), f"{kind} attributes", ids)), names


def columns(frame: pl.DataFrame, where: str, ids: Strings) -> dict[str, np.ndarray[Any, Any]]:
    """Attributes as a ``Table`` holds them: numbers, text (of lists of text, parts joined by '|'),
    and vectors.

    Lists of fractional numbers are vectors; InputError, with the id, where they are not all of one
    length or not finite.
    """
    found: dict[str, np.ndarray[Any, Any]] = {}
    for series in frame.iter_columns():
        kind = series.dtype
        if isinstance(kind, pl.Array):
            series = series.arr.to_list()
        if isinstance(kind, pl.List | pl.Array) and kind.inner.is_float():
            found[series.name] = _vectors(series, f"{where}: {series.name}", ids)
        elif isinstance(kind, pl.List | pl.Array):
            text = series.list.eval(pl.element().cast(pl.String)).list.join("|", ignore_nulls=True)
            found[series.name] = text.to_numpy().astype(object)
        elif kind.is_numeric():
            found[series.name] = series.cast(pl.Float64).to_numpy()
        else:
            found[series.name] = series.cast(pl.String).to_numpy().astype(object)
    return found


def _vectors(series: pl.Series, where: str, ids: Strings) -> np.ndarray[Any, Any]:
    """(n,D) float64, rows of NaN where there is none."""
    lengths = series.list.len()
    width = int(lengths.drop_nulls()[0]) if lengths.null_count() < len(lengths) else 0
    cells = series.list.eval(pl.element().cast(pl.Float64).is_finite().fill_null(False)).list.all()
    for bad, what in (
        (lengths != width, f"a list of {{}} numbers, others have {width}"),
        (~cells, "no list of finite numbers"),
    ):
        rows = bad.fill_null(False).arg_true()
        if len(rows):
            row = int(rows[0])
            raise InputError(
                f"{where}: of {ids[row]} is {what.format(lengths[row])}; give one vector of equal "
                "length an id."
            )
    matrix = np.full((len(series), width), np.nan)
    known = lengths.is_not_null().to_numpy()
    matrix[known] = np.array(series.drop_nulls().to_list(), dtype=np.float64).reshape(-1, width)
    return matrix


def _refuse_adrift(raw: Raw) -> None:
    """Relations between kinds that no relation joins to users or items say nothing of anybody: a
    kind is misspelt."""
    reached, grown = {"user", "item"}, True
    while grown:
        found = {
            k
            for r in raw.relations
            for k in (r.source_kind, r.target_kind)
            if {r.source_kind, r.target_kind} & reached
        }
        grown, reached = not found <= reached, reached | found
    for r in raw.relations:
        if r.source_kind not in reached:
            raise InputError(
                f"data.relations: {r.name!r} joins {r.source_kind} and {r.target_kind}, which no "
                "relation joins to user or item; "
                "write user and item where these are meant."
            )


def _entities(raw: Raw) -> dict[str, IdMap]:
    """Ids of the entity kinds that typed edges speak of."""
    found: dict[str, list[pl.Series]] = {}
    for relation in raw.relations:
        for kind, side in ((relation.source_kind, "source"), (relation.target_kind, "target")):
            if kind not in ("user", "item"):
                found.setdefault(kind, []).append(relation.edges[side])
    return {kind: IdMap(ranked(pl.concat(series))) for kind, series in sorted(found.items())}


def _edges(
    edges: pl.DataFrame, ends: Mapping[str, IdMap], name: str, beside: dict[str, int]
) -> dict[str, np.ndarray[Any, Any]]:
    """Typed edges by index, equal ones merged (weights added), those to unknown ids counted and
    left out. ``ends``: ids of source and target."""
    known = edges
    for side, ids in ends.items():
        known = (
            known.join(_places(side, ids), on=side, how="inner")
            .drop(side)
            .rename({f"{side}_at": side})
        )
    _count(beside, f"{name} edges to ids without an interaction", len(edges) - len(known))
    told = [column for column in known.columns if column != "weight"]
    merged = (
        known.group_by(told).agg(pl.col("weight").sum()).sort(*ends, *sorted(set(told) - set(ends)))
    )
    floats = ("weight", "time")
    return {
        c: merged[c].to_numpy().astype(np.float64 if c in floats else np.int64)
        for c in merged.columns
    }


def _places(side: str, ids: IdMap) -> pl.DataFrame:
    return pl.DataFrame(
        {side: pl.Series(ids.ids, dtype=pl.String), f"{side}_at": np.arange(len(ids))}
    )


def _relation(raw: RawRelation, kinds: Mapping[str, IdMap], beside: dict[str, int]) -> Relation:
    edges = raw.edges
    for side in ("user", "item"):
        if side in edges.columns:
            joined = edges.join(
                _places(side, kinds[side]), on=side, how="left", maintain_order="left"
            ).drop(side)
            edges = joined.rename({f"{side}_at": side}).with_columns(pl.col(side).fill_null(-1))
    ends = {"source": kinds[raw.source_kind], "target": kinds[raw.target_kind]}
    found = Relation(
        raw.name, raw.source_kind, raw.target_kind, **_edges(edges, ends, raw.name, beside)
    )
    if not len(found) and len(raw.edges):
        source, target, *_ = raw.edges.row(0)
        raise InputError(
            f"data.relations: {raw.name!r}: no edge joins a known {raw.source_kind} to a known "
            f"{raw.target_kind} (the first joins "
            f"{source} to {target}); check that ids are written as in the interactions, and "
            "source_kind and target_kind."
        )
    return found


def _social(frame: pl.DataFrame, users: IdMap, beside: dict[str, int]) -> Edges:
    """User-user edges as given (a tie named in both directions stands in both); ties to oneself are
    counted and left out."""
    others = frame.filter(pl.col("source") != pl.col("target"))
    _count(beside, "social ties of a user to themselves", len(frame) - len(others))
    return Edges(**_edges(others, {"source": users, "target": users}, "social", beside))


def _truth(raw: Raw, users: Strings, items: Strings) -> Truth | None:
    """The planted truth in index order; items never drawn leave beta, whose rows are scaled to 1
    again."""
    if raw.truth is None:
        return None
    assert raw.users is not None
    assert raw.items is not None
    u, i = (
        IdMap(raw.users["id"].to_numpy().astype(object)),
        IdMap(raw.items["id"].to_numpy().astype(object)),
    )
    alpha = raw.truth.alpha[[u.index(x) for x in users]]
    beta = raw.truth.beta[:, [i.index(x) for x in items]]
    value = None if raw.truth.value is None else raw.truth.value[[i.index(x) for x in items]]
    return Truth(alpha, beta / beta.sum(1, keepdims=True), value)


def _log(frame: pl.DataFrame, users: IdMap, items: IdMap, beside: dict[str, int]) -> Log:
    """What was shown, by index; rows of users or items without an interaction are counted and left
    out."""
    found, keep = logs.index(frame, users, items, lambda kind, id, row, count: None)
    _count(beside, "rows of the log whose user or item has no interaction", int((~keep).sum()))
    if not len(found):
        raise InputError(
            "data.log: no row is of a user and an item of the interactions; check that the ids are "
            "written alike."
        )
    return found
