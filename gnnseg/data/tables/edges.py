"""Edges by original ids: social ties, and typed edges of one's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from gnnseg.data.raw import RawRelation
from gnnseg.data.tables import owned, ties
from gnnseg.data.tables.attribute_tables import refuse
from gnnseg.data.tables.identifiers import identifiers
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.sheets import Sheet
from gnnseg.types import InputError

RELATION_KEYS = ("name", "source_kind", "target_kind")


def headless(cells: Sequence[str], source: pl.Series | None, target: pl.Series | None) -> bool:
    """Return whether a first line is an edge: an end is known, or both are numbers.

    ``source``, ``target``: the ids that are known of each end; None: of a kind of one's own.
    """
    if len(cells) not in (2, 3):
        return False
    ends = [cell.strip() for cell in cells[:2]]
    if all(re.fullmatch(r"-?\d+(\.0)?", end) for end in ends):
        return True
    return any(
        ids is not None and bool((ids == end).any())
        for end, ids in zip(ends, (source, target), strict=True)
    )


def edge_table(
    sheet: Sheet, what: str, decimal: Decimal | None = None, stated: Decimal | None = None
) -> pl.DataFrame:
    """Return edges by place: source, target[, weight].

    Raises:
        InputError: Further columns, since they could be anything; an end that is missing, or a
            weight that is a time or no number; ``what`` names the edges.
    """
    frame = sheet.frame
    if frame.width not in (2, 3):
        raise InputError(
            f"{sheet.path}: {what} have columns source, target[, weight]; it has {frame.width} "
            "columns."
        )
    source, target = (identifiers(frame.to_series(place)).str.strip_chars() for place in (0, 1))
    found = pl.DataFrame({"source": source, "target": target})
    missing = source.is_null() | target.is_null() | (source == "") | (target == "")
    refuse(sheet, missing.fill_null(True), f"an end of {what} is missing; mend it.")
    if frame.width == 2:
        return found.with_columns(weight=pl.lit(1.0))
    third = frame.to_series(2)
    ties.refuse_times(sheet, third, what)
    key = f"the weight of {what}"
    weight = owned.number(third, str(sheet.path), key, decimal, stated)
    bad = weight.is_null() | ~weight.is_finite().fill_null(False)
    refuse(sheet, bad, f"the weight of {what} is no finite number; mend it.")
    return found.with_columns(weight=weight)


def relation(node: Any, where: str, read: Callable[[Any, str, Any], pl.DataFrame]) -> RawRelation:
    """Return typed edges of a mapping: name, source_kind, target_kind, and where they stand.

    Args:
        node: The mapping.
        where: The key under which the edges stand: 'path' or 'edges'.
        read: Reads what stands there; takes what messages call the edges, and their kinds, too.
    """
    keys = {*RELATION_KEYS, where}
    if (
        not isinstance(node, Mapping)
        or set(node) != keys
        or not all(isinstance(node[k], str) for k in RELATION_KEYS)
    ):
        raise InputError(
            f"data.relations: each entry has the keys {', '.join(sorted(keys))}, "
            f"{', '.join(RELATION_KEYS)} as text; not {node}."
        )
    kinds = (node["source_kind"], node["target_kind"])
    edges = read(node[where], f"edges '{node['name']}'", kinds)
    return RawRelation(**{key: node[key] for key in RELATION_KEYS}, edges=edges)
