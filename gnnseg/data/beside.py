"""What is known beside the interactions, by index: attributes, ties, typed edges, a log, the truth.

What names ids without an interaction is counted and left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data import logs
from gnnseg.data.raw import Raw, RawRelation
from gnnseg.types import Edges, IdMap, InputError, Log, Relation, Setting, Strings, Table, Truth

Counts = dict[str, int]


def known(raw: Raw, users: IdMap, items: IdMap, left_out: Counts) -> dict[str, Any]:
    """Return the fields of a ``Dataset`` that stand beside its events, by name.

    Args:
        raw: The set as read.
        users: Ids of those who have an interaction, without names.
        items: The same of items.
        left_out: What is left out is counted here, by reason.
    """
    user_table, user_names = _table(raw.users, users, "user", left_out)
    item_table, item_names = _table(raw.items, items, "item", left_out)
    users, items = IdMap(users.ids, user_names), IdMap(items.ids, item_names)
    _refuse_adrift(raw)
    entities = _entities(raw)
    kinds = {"user": users, "item": items, **entities}
    return {
        "users": users,
        "items": items,
        "user_table": user_table,
        "item_table": item_table,
        "social": None if raw.social is None else _social(raw.social, users, left_out),
        "relations": tuple(_relation(each, kinds, left_out) for each in raw.relations),
        "entities": entities,
        "truth": _truth(raw, users, items),
        "log": None if raw.log is None else _log(raw.log, users, items, left_out),
    }


def count(counts: Counts, reason: str, number: int) -> None:
    """Add to what is counted by reason; nothing is no reason."""
    if number:
        counts[reason] = counts.get(reason, 0) + number


def ranked(values: pl.Series) -> Strings:
    """Return the distinct ids by rank.

    Numeric if all are integers (ties such as 1 and 01 by bytes), else by UTF-8 bytes.
    """
    distinct = values.unique()
    if bool(distinct.str.contains(r"^-?\d{1,18}$").all()):
        order = pl.DataFrame({"id": distinct, "n": distinct.cast(pl.Int64)}).sort("n", "id")["id"]
    else:
        order = distinct.sort()
    return order.to_numpy().astype(object)


def columns(frame: pl.DataFrame, where: str, ids: Strings) -> dict[str, np.ndarray[Any, Any]]:
    """Return attributes as a ``Table`` holds them.

    Numbers, text (of lists of text, parts joined by '|'), and vectors: lists of fractional numbers.

    Raises:
        InputError: With the id, where vectors are not all of one length or not finite.
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
    """Return (n,D) float64, rows of NaN where there is none."""
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


def _table(
    frame: pl.DataFrame | None, ids: IdMap, kind: str, left_out: Counts
) -> tuple[Table | None, Strings | None]:
    """Return attributes in index order, and names; an id that stands twice is refused."""
    if frame is None:
        return None, None
    twice = frame.filter(frame["id"].is_duplicated())
    if len(twice):
        raise InputError(
            f"{kind} attributes: id {twice['id'][0]} stands "
            f"{int((twice['id'] == twice['id'][0]).sum())} times; keep one row an id."
        )
    place = pl.DataFrame({"id": pl.Series(ids.ids, dtype=pl.String)})
    aligned = place.join(frame, on="id", how="left", maintain_order="left").drop("id")
    strangers = ids.to_index(frame["id"], missing=-1) < 0
    count(left_out, f"{kind}s known only from their attributes", int(strangers.sum()))
    names = aligned["name"].to_numpy().astype(object) if "name" in aligned.columns else None
    values = columns(aligned.drop("name", strict=False), f"{kind} attributes", ids.ids)
    return Table(values), names


def _refuse_adrift(raw: Raw) -> None:
    """Refuse relations between kinds that none joins to users or items: a kind is misspelt."""
    reached, grown = {"user", "item"}, True
    while grown:
        joined = ({r.source_kind, r.target_kind} for r in raw.relations)
        found = {kind for kinds in joined if kinds & reached for kind in kinds}
        grown, reached = not found <= reached, reached | found
    for r in raw.relations:
        if r.source_kind not in reached:
            raise InputError(
                f"data.relations: {r.name!r} joins {r.source_kind} and {r.target_kind}, which no "
                "relation joins to user or item; write user and item where these are meant."
            )


def _entities(raw: Raw) -> dict[str, IdMap]:
    """Return the ids of the entity kinds that typed edges speak of."""
    found: dict[str, list[pl.Series]] = {}
    for relation in raw.relations:
        for kind, side in ((relation.source_kind, "source"), (relation.target_kind, "target")):
            if kind not in ("user", "item"):
                found.setdefault(kind, []).append(relation.edges[side])
    return {kind: IdMap(ranked(pl.concat(series))) for kind, series in sorted(found.items())}


def _edges(
    edges: pl.DataFrame, ends: Mapping[str, IdMap], name: str, left_out: Counts
) -> dict[str, np.ndarray[Any, Any]]:
    """Return edges by index, equal ones merged (weights added). ``ends``: ids of source, target."""
    numbered = _numbered(edges, ends)
    found = numbered.filter(*(pl.col(side) >= 0 for side in ends))
    count(left_out, f"{name} edges to ids without an interaction", len(edges) - len(found))
    keys = [column for column in found.columns if column != "weight"]
    merged = (
        found.group_by(keys).agg(pl.col("weight").sum()).sort(*ends, *sorted(set(keys) - set(ends)))
    )
    floats = ("weight", "time")
    return {
        c: merged[c].to_numpy().astype(np.float64 if c in floats else np.int64)
        for c in merged.columns
    }


def _numbered(edges: pl.DataFrame, ids: Mapping[str, IdMap]) -> pl.DataFrame:
    """Return a frame whose columns of ids hold indices, -1 for an id that is not known."""
    found = {side: which.to_index(edges[side], missing=-1) for side, which in ids.items()}
    return edges.with_columns(pl.Series(side, index) for side, index in found.items())


def _relation(raw: RawRelation, kinds: Mapping[str, IdMap], left_out: Counts) -> Relation:
    interaction = {side: kinds[side] for side in raw.edges.columns if side in ("user", "item")}
    ends = {"source": kinds[raw.source_kind], "target": kinds[raw.target_kind]}
    found = _edges(_numbered(raw.edges, interaction), ends, raw.name, left_out)
    if not len(found["source"]) and len(raw.edges):
        source, target, *_ = raw.edges.row(0)
        raise InputError(
            f"data.relations: {raw.name!r}: no edge joins a known {raw.source_kind} to a known "
            f"{raw.target_kind} (the first joins {source} to {target}, the interactions have "
            f"{_first(ends)}); check that ids are written as in the interactions, and source_kind "
            "and target_kind."
        )
    return Relation(
        name=raw.name, source_kind=raw.source_kind, target_kind=raw.target_kind, **found
    )


def _first(ends: Mapping[str, IdMap]) -> str:
    """Return the first id of each end."""
    return " and ".join(str(each.ids[0]) for each in ends.values() if len(each))


def _social(frame: pl.DataFrame, users: IdMap, left_out: Counts) -> Edges:
    """Return ties as given (one named in both directions stands in both), none to oneself."""
    others = frame.filter(pl.col("source") != pl.col("target"))
    count(left_out, "social ties of a user to themselves", len(frame) - len(others))
    return Edges(**_edges(others, {"source": users, "target": users}, "social", left_out))


def _truth(raw: Raw, users: IdMap, items: IdMap) -> Truth | None:
    """Return the truth in index order; items never drawn leave beta, whose rows then sum to 1."""
    if raw.truth is None:
        return None
    assert raw.users is not None
    assert raw.items is not None
    u = IdMap(raw.users["id"].to_numpy().astype(object)).to_index(users.ids)
    i = IdMap(raw.items["id"].to_numpy().astype(object)).to_index(items.ids)
    beta = raw.truth.beta[:, i]
    value = None if raw.truth.value is None else raw.truth.value[i]
    return Truth(raw.truth.alpha[u], beta / beta.sum(1, keepdims=True), value)


def _log(frame: pl.DataFrame, users: IdMap, items: IdMap, left_out: Counts) -> Log:
    """Return what was shown, by index."""
    found, keep = logs.index(frame, users, items, lambda kind, id, row, count: None)
    reason = "rows of the log whose user or item has no interaction"
    count(left_out, reason, int((~keep).sum()))
    if not len(found):
        raise InputError(
            where=Setting("data.log"),
            problem="no row is of a user and an item of the interactions "
            f"({frame['user'][0]} and {frame['item'][0]} here, {users.ids[0]} and {items.ids[0]} "
            "there)",
            advice="check that the ids are written alike",
        )
    return found
