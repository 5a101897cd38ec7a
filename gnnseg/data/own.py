"""The user's own files: interactions, and what is known beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import polars as pl

from gnnseg.data import fields, formats, sniff
from gnnseg.data.formats import Sheet
from gnnseg.data.raw import Raw, RawRelation
from gnnseg.data.sources import Place
from gnnseg.types import InputError

RELATION_KEYS = {"name", "source_kind", "target_kind", "path"}


def file(
    place: Place,
    *,
    name: str,
    path: str | None,
    train: str | None,
    valid: str | None,
    test: str | None,
    format: sniff.Format | None,
    user: str | None,
    item: str | None,
    weight: str | None,
    time: str | None,
    spend: str | None,
    separator: str | None,
    encoding: str,
    on_error: Literal["fail", "drop"],
    unseen_users: Literal["refuse", "allow"],
    users: str | None,
    items: str | None,
    social: str | None,
    relations: list[dict[str, Any]],
) -> Raw:
    """One file (``path``) or a given split (``train``, ``valid``, ``test``), columns by name; null: the usual names.

    ``on_error``: what to do with a row that cannot be read. ``unseen_users``: may a given test have users that train
    lacks? ``users``, ``items``: tables of attributes by id. ``social``: user, user[, weight]. ``relations``: typed edges,
    each with name, source_kind, target_kind (user, item, or a kind of your own) and path (source, target[, weight]).
    """
    parts = {"train": train, "valid": valid, "test": test}
    if path is not None and any(parts.values()):
        raise InputError("data.path and data.train/valid/test are both set; give one file, or three, not both.")
    sources = {"path": path} if path is not None or not any(parts.values()) else parts
    mapping = {"user": user, "item": item, "weight": weight, "time": time, "spend": spend}
    frames: list[pl.DataFrame] = []
    rejected: dict[str, int] = {}
    examples: dict[str, str] = {}
    said: list[str] = []
    for number, (key, source) in enumerate(sources.items()):
        if source is None:
            raise InputError(
                f"data.{key} is not set: give data.path=FILE, or all of data.train, data.valid and data.test."
            )
        where = Path(source).expanduser()
        found = sniff.read(where, mapping, separator=separator, encoding=encoding, form=format)
        events = fields.events(found.sheet, found.columns, drop=on_error == "drop")
        said.append("; ".join((found.said, *events.said)))
        place.say(said[-1])
        for reason, count in events.rejected.items():
            rejected[reason] = rejected.get(reason, 0) + count
            examples.setdefault(reason, events.examples[reason])
        part = pl.lit(number, dtype=pl.Int8).alias("part")
        frames.append(events.frame if path is not None else events.frame.with_columns(part))
    if path is None:
        if any(frame.columns != frames[0].columns for frame in frames):
            lists = "; ".join(f"{key}: {', '.join(f.columns[:-1])}" for key, f in zip(parts, frames, strict=True))
            raise InputError(f"data.train, data.valid and data.test have different columns ({lists}); make them alike.")
        if unseen_users == "refuse":
            _refuse_unseen(frames, str(test))
    return Raw(
        name, pl.concat(frames), attributes(users, separator, encoding), attributes(items, separator, encoding),
        None if social is None else edges(social, separator, encoding, "social ties"),
        tuple(_relation(node, separator, encoding) for node in relations), None, rejected, examples, {"read": said},
    )  # fmt: skip


def _refuse_unseen(frames: list[pl.DataFrame], test: str) -> None:
    """A given test of users nobody trained on is a mistake more often than a wish."""
    fresh = frames[2].join(frames[0], on="user", how="anti", maintain_order="left")
    if len(fresh):
        raise InputError(
            f"{test}: {fresh['user'].n_unique():,} users that train lacks (first: {fresh['user'][0]}); take them out, "
            "or set data.unseen_users=allow to have them counted and left out of the mean."
        )


def _table(path: str, separator: str | None, encoding: str) -> Sheet:
    where = Path(path).expanduser()
    formats.exists(where)
    if where.suffix in (".parquet", ".pq"):
        return formats.parquet(where)
    if where.suffix in (".user", ".item", ".net", ".link"):
        return formats.atomic_file(where)
    data = formats.text(where, encoding)
    lines = [line for line in data[: 1 << 16].decode(errors="ignore").splitlines()[: sniff.HEAD] if line.strip()]
    mark = sniff.the_separator(where, lines or [""], separator)[0]
    return formats.sheet(where, separator=mark, data=data, quote=where.suffix != ".dat")


def attributes(path: str | None, separator: str | None, encoding: str) -> pl.DataFrame | None:
    """A table of attributes: a column called id, else the first, holds the ids; a column of numbers alone is numbers."""
    if path is None:
        return None
    sheet = _table(path, separator, encoding)
    frame = sheet.frame
    key = "id" if "id" in frame.columns else frame.columns[0]
    frame = frame.rename({key: "id"}).with_columns(fields.identifiers(frame[key]).alias("id"))
    bad = frame["id"].is_null() | (frame["id"].str.strip_chars() != frame["id"]) | (frame["id"] == "")
    if bool(bad.any()):
        line = sheet.line(int(bad.arg_true()[0]))
        raise InputError(
            f"{sheet.path}, {sheet.unit} {line}: the id ({key}) is missing or has blanks around it; mend it."
        )
    twice = frame["id"].is_duplicated()
    if bool(twice.any()):
        rows = twice.arg_true()
        raise InputError(
            f"{sheet.path}, {sheet.unit} {sheet.line(int(rows[0]))}: id {frame['id'][int(rows[0])]} stands more than once; "
            "keep one row an id."
        )
    return frame.select("id", *[_column(frame[column]) for column in frame.columns if column != "id"])


def _column(series: pl.Series) -> pl.Series:
    """Numbers where every cell is one (names stay text); lists stay lists; everything else is text."""
    if series.name == "name" or isinstance(series.dtype, pl.List):
        return series if isinstance(series.dtype, pl.List) else series.cast(pl.String)
    numbers = fields.number(series.to_frame(), series.name).to_series()
    whole = numbers.null_count() == series.null_count() and numbers.null_count() < len(numbers)
    return numbers if whole and series.dtype != pl.Boolean else series.cast(pl.String)


def edges(path: str, separator: str | None, encoding: str, what: str) -> pl.DataFrame:
    """Edges by place: source, target[, weight]. Extra columns are refused, since they could be anything."""
    sheet = _table(path, separator, encoding)
    frame = sheet.frame
    if frame.width not in (2, 3):
        raise InputError(f"{sheet.path}: {what} have columns source, target[, weight]; it has {frame.width} columns.")
    source, target = (fields.identifiers(frame.to_series(place)).str.strip_chars() for place in (0, 1))
    found = pl.DataFrame({"source": source, "target": target})
    missing = found["source"].is_null() | found["target"].is_null() | (found["source"] == "") | (found["target"] == "")
    if bool(missing.any()):
        line = sheet.line(int(missing.arg_true()[0]))
        raise InputError(f"{sheet.path}, {sheet.unit} {line}: an end of {what} is missing; mend it.")
    if frame.width == 2:
        return found.with_columns(weight=pl.lit(1.0))
    weight = fields.number(frame, frame.columns[2]).to_series(2)
    bad = weight.is_null() | ~weight.is_finite().fill_null(False)
    if bool(bad.any()):
        line = sheet.line(int(bad.arg_true()[0]))
        raise InputError(f"{sheet.path}, {sheet.unit} {line}: the weight of {what} is no finite number; mend it.")
    return found.with_columns(weight=weight)


def _relation(node: dict[str, Any], separator: str | None, encoding: str) -> RawRelation:
    if not isinstance(node, dict) or set(node) != RELATION_KEYS or not all(isinstance(v, str) for v in node.values()):
        raise InputError(
            f"data.relations: each entry has the keys {', '.join(sorted(RELATION_KEYS))}, all text; not {node}."
        )
    found = edges(node["path"], separator, encoding, f"edges '{node['name']}'")
    return RawRelation(node["name"], node["source_kind"], node["target_kind"], found)
