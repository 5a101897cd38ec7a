"""People who were not in training, as they come: histories by original ids, in any usual form."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data import fields, frames
from gnnseg.types import IdMap, InputError, Pairs, Strings

LOG = logging.getLogger("gnnseg")
TOGETHER = 4096  # handed on at once


@dataclass(frozen=True)
class Newcomers:
    """Their own ids in the order they were given, and what they have met: pairs of newcomer's number and item's index."""

    ids: Strings
    pairs: Pairs

    def parts(self) -> Iterator[Newcomers]:
        """Some after others, so that what is made of them stays bounded."""
        for at in range(0, len(self.ids), TOGETHER):
            p = self.pairs
            lo, hi = p.user.searchsorted([at, at + TOGETHER]).tolist()
            part = Pairs(p.user[lo:hi] - at, p.item[lo:hi], p.weight[lo:hi], p.count[lo:hi])
            yield Newcomers(self.ids[at : at + TOGETHER], part)


def read(histories: Any, items: IdMap, name: str) -> Newcomers:
    """From {id: [item ids]} or a table of user, item[, weight]; unknown items are counted in the log and left out."""
    if isinstance(histories, Mapping) and not {"user", "item"} <= set(histories):
        listed = {str(user): [str(item) for item in met] for user, met in histories.items() if not isinstance(met, str)}
        if len(listed) != len(histories):
            wrong = next(user for user, met in histories.items() if isinstance(met, str))
            raise InputError(
                f"histories: {wrong!r} has a text instead of a list of item ids; write [{histories[wrong]!r}]."
            )
        everyone = pl.Series("user", list(listed), dtype=pl.String)
        lengths = [len(met) for met in listed.values()]
        frame = pl.DataFrame(
            {"user": np.repeat(np.array(list(listed), dtype=object), lengths).tolist(),
             "item": [item for met in listed.values() for item in met]},
            schema={"user": pl.String, "item": pl.String},
        )  # fmt: skip
    else:
        frame = frames.read(histories, "histories")
        for column in ("user", "item"):
            if column not in frame.columns:
                raise InputError(f"histories: has no column {column!r}; it has {', '.join(frame.columns)}.")
        frame = frame.with_columns(*[fields.identifiers(frame[c]).alias(c) for c in ("user", "item")])
        everyone = frame["user"].unique(maintain_order=True)
    if everyone.is_empty():
        raise InputError("histories: nobody is in them.")
    weight = pl.col("weight").cast(pl.Float64) if "weight" in frame.columns else pl.lit(1.0).alias("weight")
    place = pl.DataFrame({"user": everyone, "row": np.arange(len(everyone))})
    number = pl.DataFrame({"item": pl.Series(items.ids.tolist(), dtype=pl.String), "index": np.arange(len(items))})
    met = frame.select("user", "item", weight).join(place, on="user").join(number, on="item", how="left")
    unknown = met["index"].null_count()
    if unknown:
        first = met.filter(pl.col("index").is_null())["item"][0]
        LOG.info("%d of %d rows name items that %s does not know (first: %s); left out", unknown, len(met), name, first)
    merged = met.drop_nulls("index").group_by("row", "index").agg(pl.col("weight").sum(), pl.len()).sort("row", "index")
    pairs = Pairs(
        merged["row"].to_numpy(),
        merged["index"].to_numpy(),
        merged["weight"].to_numpy(),
        merged["len"].cast(pl.Int64).to_numpy(),
    )
    return Newcomers(everyone.to_numpy().astype(object), pairs)


def read_file(path: Path, columns: Mapping[str, str | None], say: Callable[[str], None]) -> pl.DataFrame:
    """Histories from a file of any form ``data=file`` reads: user, item[, weight]; what was seen in it is said."""
    from gnnseg.data import sniff

    found = sniff.read(path, {**dict.fromkeys(fields.ROLES), **columns, "time": "", "spend": ""})
    events = fields.events(found.sheet, found.columns, drop=False)
    say("; ".join((found.said, *events.said)))
    return events.frame


def items_in(path: Path) -> list[str]:
    """Item ids of a list: a column 'item' or 'id', else the first; a file of one column needs no header."""
    from gnnseg.data import formats

    formats.exists(path)
    if path.suffix in (".parquet", ".pq"):
        frame = formats.parquet(path).frame
    else:
        lines = bytes(formats.text(path).data).decode().splitlines()
        if not any(mark in lines[0] for mark in ",;\t"):
            ids = [line.strip() for line in lines if line.strip()]
            return ids[1:] if ids[0].lower() in ("item", "id", "sku") else ids
        frame = formats.sheet(path, separator=next(mark for mark in ",;\t" if mark in lines[0])).frame
    column = next((name for name in ("item", "id") if name in frame.columns), frame.columns[0])
    return fields.identifiers(frame[column]).drop_nulls().to_list()
