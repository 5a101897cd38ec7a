"""People who were not in training, as they come: histories by original ids, in any usual form."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from gnnseg.data import fields, frames, own, sniff, wording
from gnnseg.data.formats import Sheet
from gnnseg.data.numbers import Decimal
from gnnseg.data.raw import Raw
from gnnseg.data.returns import Returns
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
    """From {id: [item ids]}, a table of user, item[, weight], or one that ``gnnseg.interactions`` has read.

    Unknown items are counted in the log and left out.
    """
    if isinstance(histories, Newcomers):
        return histories
    if isinstance(histories, Mapping) and not {"user", "item"} <= set(histories):
        everyone, frame = _listed(histories)
    else:
        frame = histories.events if isinstance(histories, Raw) else _table(histories)
        everyone = frame["user"].unique(maintain_order=True)
    if everyone.is_empty():
        raise InputError("histories: nobody is in them.")
    weight = pl.col("weight") if "weight" in frame.columns else pl.lit(1.0).alias("weight")
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


def _listed(histories: Mapping[Any, Any]) -> tuple[pl.Series, pl.DataFrame]:
    """Who they are, those without any item too, and what each has met."""
    for user, met in histories.items():
        if isinstance(met, str) or not isinstance(met, Iterable):
            what = "a text" if isinstance(met, str) else repr(met)
            raise InputError(f"histories: {user!r} has {what} instead of a list of item ids; write [{met!r}].")
    listed = {str(user): [str(item) for item in met] for user, met in histories.items()}
    everyone = pl.Series("user", list(listed), dtype=pl.String)
    met = pl.Series("item", list(listed.values()), dtype=pl.List(pl.String))
    return everyone, pl.DataFrame([everyone, met]).explode("item").drop_nulls()


def _table(histories: Any) -> pl.DataFrame:
    frame = frames.read(histories, "histories")
    for column in ("user", "item"):
        if column not in frame.columns:
            listed = ", ".join(frame.columns)
            raise InputError(
                f"histories: has no column {column!r}; it has {listed}: read it by gnnseg.interactions(…)."
            )
    sheet = Sheet(Path("histories"), frame, 1, unit="row")
    roles: dict[str, str | None] = {role: role for role in ("user", "item", "weight") if role in frame.columns}
    with wording.heard(lambda text: f"{wording.arguments(text).removesuffix('.')} (in gnnseg.interactions)."):
        return fields.events(sheet, roles, drop=False, returns=None).frame


def read_file(
    path: Path,
    columns: Mapping[str, str | None],
    say: Callable[[str], None],
    *,
    separator: str | None = None,
    encoding: str | None = None,
    format: sniff.Format | None = None,
    decimal: Decimal | None = None,
    returns: Returns | None = None,
    on_error: Literal["fail", "drop"] = "fail",
) -> Raw:
    """Histories from a file of any form ``data=file`` reads: user, item[, weight]; what was seen in it is said."""
    mapping = {**dict.fromkeys(fields.ROLES), **columns, "time": "", "spend": ""}
    found = sniff.read(path, mapping, separator=separator, encoding=encoding, form=format)
    roles = {role: pl.col(name) for role, name in found.columns.items() if name is not None and role in mapping}
    raw = own.assemble(
        path.name, replace(found.sheet, frame=found.sheet.frame.select(**roles)), [found.said], say,
        on_error=on_error, decimal=decimal, dates=None, returns=returns, users=None, items=None, social=None,
    )  # fmt: skip
    for reason, count in raw.rejected.items():
        say(f"left out {count:,} {'row' if count == 1 else 'rows'}: {reason}")
    return raw


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
