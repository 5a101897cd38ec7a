"""The user's own files: interactions, and what is known beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import polars as pl

from gnnseg.data import logs
from gnnseg.data.raw import Raw, RawRelation
from gnnseg.data.tables import fields, formats, numbers, separators
from gnnseg.data.tables import returns as returns_
from gnnseg.data.tables.dates import Order
from gnnseg.data.tables.formats import Sheet
from gnnseg.data.tables.numbers import Decimal
from gnnseg.data.tables.returns import Returns
from gnnseg.types import InputError

Say = Callable[[str], None]
RELATION_KEYS = ("name", "source_kind", "target_kind")


def assemble(
    name: str,
    sheet: Sheet,
    said: list[str],
    say: Say,
    *,
    on_error: Literal["fail", "drop"],
    decimal: Decimal | None,
    dates: Order | None,
    returns: Returns | None,
    users: pl.DataFrame | None,
    items: pl.DataFrame | None,
    social: pl.DataFrame | None,
    log: pl.DataFrame | None,
    relations: tuple[RawRelation, ...],
) -> Raw:
    """A table whose columns are called by their roles (and 'title', 'part'), its returns settled,
    with the tables beside it."""
    roles = {role: role for role in sheet.frame.columns if role in fields.ROLES}
    given = "part" in sheet.frame.columns
    events = fields.events(
        sheet,
        roles,
        drop=on_error == "drop",
        beside=("part", "title"),
        decimal=decimal,
        order=dates,
        returns=returns,
    )
    said[-1] = "; ".join((said[-1], *events.said))
    for line in said:
        say(line)
    frame, rejected = events.frame, dict(events.rejected)
    if given:
        frame = frame.with_columns(pl.col("part").cast(pl.Int8))
    if returns == "subtract" and "weight" in frame.columns:
        frame, taken = returns_.subtract(frame, ["user", "item", *(["part"] if given else [])])
        rejected |= taken
    if "title" in frame.columns:
        items, frame = titles(frame, say), frame.drop("title")
    return Raw(
        name=name,
        events=frame,
        users=users,
        items=items,
        social=social,
        relations=relations,
        truth=None,
        rejected=rejected,
        rejected_examples=events.examples,
        notes={"read": said},
        log=log,
    )


def same_columns(founds: list[separators.Found], parts: list[str] | None) -> None:
    """Files that make one table have the same columns; parts of a split serve the same roles."""
    if parts is not None:
        roles = [
            [role for role, name in found.columns.items() if name is not None] for found in founds
        ]
        if any(one != roles[0] for one in roles):
            lists = "; ".join(
                f"{part}: {', '.join(one)}" for part, one in zip(parts, roles, strict=True)
            )
            raise InputError(
                f"data.train, data.valid and data.test have different columns ({lists}); make them "
                "alike."
            )
        return
    first = founds[0]
    for found in founds[1:]:
        if set(found.names) != set(first.names):
            odd = sorted(set(found.names) ^ set(first.names))[0]
            lacks = found if odd in first.names else first
            raise InputError(
                f"{found.sheet.path}: its columns are not those of {first.sheet.path.name} "
                f"({lacks.sheet.path.name} "
                f"lacks {odd!r}); make them alike."
            )


def stacked(founds: list[separators.Found], path: str | list[str]) -> Sheet:
    """All files as one table whose columns are called by their roles."""
    columns = [
        {role: name for role, name in found.columns.items() if name is not None} for found in founds
    ]
    if len(founds) == 1:
        where = founds[0].sheet.path
    else:
        where = Path(
            path if isinstance(path, str) else f"{founds[0].sheet.path} and {len(founds) - 1} more"
        )
    return formats.stack([found.sheet for found in founds], columns, where)


def words(founds: list[separators.Found]) -> list[str]:
    """What was seen in each file; files of which the same is to be said share a line."""
    lines: dict[str, list[str]] = {}
    for found in founds:
        name = found.sheet.path.name
        lines.setdefault(found.said.removeprefix(f"{name}: "), []).append(name)
    return [
        f"{names[0] if len(names) == 1 else f'{len(names)} files, {names[0]} to {names[-1]}'}: "
        f"{line}"
        for line, names in lines.items()
    ]


def titles(frame: pl.DataFrame, say: Say) -> pl.DataFrame:
    """Names of items out of the interactions: each item's commonest title, of equals the first by
    alphabet."""
    counts = frame.lazy().filter(pl.col("title").cast(pl.String).str.strip_chars() != "")
    counts = counts.group_by(
        "item", pl.col("title").cast(pl.String).str.strip_chars().alias("name")
    ).len()
    found = counts.sort("item", "len", "name", descending=[False, True, False]).collect()
    table = found.unique("item", keep="first", maintain_order=True)
    if several := found.filter(found["item"].is_duplicated())["item"].n_unique():
        say(f"{several:,} items bear more than one title; each is called by its commonest")
    return table.select(id="item", name="name")


def refuse_unseen(frame: pl.DataFrame, test: str) -> None:
    """A given test of users nobody trained on is a mistake more often than a wish."""
    train = frame.filter(pl.col("part") == 0)
    fresh = frame.filter(pl.col("part") == 2).join(
        train, on="user", how="anti", maintain_order="left"
    )
    if len(fresh):
        raise InputError(
            f"{test}: {fresh['user'].n_unique():,} users that train lacks (first: "
            f"{fresh['user'][0]}); take them out, "
            "or set data.unseen_users=allow to have them counted and left out of the mean."
        )


def table(path: Path, separator: str | None = None, encoding: str | None = None) -> Sheet:
    """A file of attributes or edges as it stands: Parquet, RecBole's atomic files, or text with a
    separator."""
    where = path.expanduser()
    formats.exists(where)
    if where.suffix in (".parquet", ".pq"):
        return formats.parquet(where)
    if where.suffix in (".user", ".item", ".net", ".link"):
        return formats.atomic_file(where)
    data = formats.text(where, encoding).data
    mark = separators.the_separator(where, separators.first_lines(where, data), separator)[0]
    return formats.sheet(where, separator=mark, data=data, quote=where.suffix != ".dat")


def showings(
    path: str | None,
    separator: str | None = None,
    encoding: str | None = None,
    decimal: Decimal | None = None,
) -> pl.DataFrame | None:
    """A file of what was shown, whose propensities may be missing; null: none."""
    return (
        None
        if path is None
        else logs.read(table(Path(path), separator, encoding), propensity=False, decimal=decimal)
    )


def attributes(
    path: str | None,
    separator: str | None,
    encoding: str | None,
    decimal: Decimal | None,
    title: str | None = None,
) -> pl.DataFrame | None:
    """A file of attributes; null: none."""
    return (
        None
        if path is None
        else attribute_table(table(Path(path), separator, encoding), decimal, title)
    )


def attribute_table(
    sheet: Sheet, decimal: Decimal | None = None, title: str | None = None
) -> pl.DataFrame:
    """A table of attributes: a column called id, else the first, holds the ids; a column of numbers
    alone is numbers.

    ``title``: the column of names, in place of one called name.
    """
    frame = sheet.frame
    key = "id" if "id" in frame.columns else frame.columns[0]
    if title is not None:
        fields.named(sheet.path, frame.columns, {"title": title})
        title_ = frame[title].cast(pl.String).alias("name")
        frame = frame.drop({title, "name"} & set(frame.columns) - {key}).with_columns(title_)
    frame = frame.rename({key: "id"}).with_columns(fields.identifiers(frame[key]).alias("id"))
    bad = (
        frame["id"].is_null() | (frame["id"].str.strip_chars() != frame["id"]) | (frame["id"] == "")
    )
    if bool(bad.any()):
        line = sheet.line(int(bad.arg_true()[0]))
        raise InputError(
            f"{sheet.path}, {sheet.unit} {line}: the id ({key}) is missing or has blanks around "
            "it; mend it."
        )
    twice = frame["id"].is_duplicated()
    if bool(twice.any()):
        rows = twice.arg_true()
        raise InputError(
            f"{sheet.path}, {sheet.unit} {sheet.line(int(rows[0]))}: id "
            f"{frame['id'][int(rows[0])]} stands more than once; "
            "keep one row an id."
        )
    return frame.select(
        "id", *[_column(frame[column], decimal) for column in frame.columns if column != "id"]
    )


def _column(series: pl.Series, decimal: Decimal | None) -> pl.Series:
    """Numbers where every cell is one (names stay text); lists stay lists; everything else is text."""
    if isinstance(series.dtype, pl.List | pl.Array):
        return series
    text = series.cast(pl.String)
    if series.name == "name" or series.dtype == pl.Boolean:
        return text
    try:
        found = numbers.read(series, "", series.name, decimal)[0]
    except InputError:  # two decimal signs fit: numbers as a program writes them, or else text
        found = fields.number(series.to_frame(), series.name).to_series()
    return (
        found
        if found.null_count() == series.null_count() and found.null_count() < len(found)
        else text
    )


def edges(
    path: str, separator: str | None, encoding: str | None, what: str, decimal: Decimal | None
) -> pl.DataFrame:
    """Edges by place: source, target[, weight]. Extra columns are refused, since they could be
    anything."""
    return edge_table(table(Path(path), separator, encoding), what, decimal)


def edge_table(sheet: Sheet, what: str, decimal: Decimal | None = None) -> pl.DataFrame:
    """The edges of a table already read."""
    frame = sheet.frame
    if frame.width not in (2, 3):
        raise InputError(
            f"{sheet.path}: {what} have columns source, target[, weight]; it has {frame.width} "
            "columns."
        )
    source, target = (
        fields.identifiers(frame.to_series(place)).str.strip_chars() for place in (0, 1)
    )
    found = pl.DataFrame({"source": source, "target": target})
    missing = (
        found["source"].is_null()
        | found["target"].is_null()
        | (found["source"] == "")
        | (found["target"] == "")
    )
    if bool(missing.any()):
        line = sheet.line(int(missing.arg_true()[0]))
        raise InputError(
            f"{sheet.path}, {sheet.unit} {line}: an end of {what} is missing; mend it."
        )
    if frame.width == 2:
        return found.with_columns(weight=pl.lit(1.0))
    weight = numbers.read(frame.to_series(2), str(sheet.path), f"the weight of {what}", decimal)[0]
    bad = weight.is_null() | ~weight.is_finite().fill_null(False)
    if bool(bad.any()):
        line = sheet.line(int(bad.arg_true()[0]))
        raise InputError(
            f"{sheet.path}, {sheet.unit} {line}: the weight of {what} is no finite number; mend it."
        )
    return found.with_columns(weight=weight)


def relation(node: Any, where: str, read: Callable[[Any, str], pl.DataFrame]) -> RawRelation:
    """Typed edges: name, source_kind, target_kind, and where they stand, 'path' of a file or
    'edges', which ``read`` reads."""
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
    edges_ = read(node[where], f"edges '{node['name']}'")
    return RawRelation(
        name=node["name"],
        source_kind=node["source_kind"],
        target_kind=node["target_kind"],
        edges=edges_,
    )
