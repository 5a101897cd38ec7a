"""The table of segments that every place shows, made of a run's folder alone.

customers.parquet says what each user did, items.parquet what is known of items, summary.parquet
what both say of each segment. Shape legend: U users, K segments, I items.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from gnnseg import mapped
from gnnseg.report import words
from gnnseg.runs import durable, names, schema
from gnnseg.runs.folder import RunFolder
from gnnseg.runs.stored import StoredRun
from gnnseg.types import Split

DAY = 86_400.0  # seconds
NAMES = ("item", "name")  # of items.parquet, which no attribute may be called
FILE = "summary.parquet"


def store(folder: RunFolder, split: Split) -> None:
    """Write customers.parquet and items.parquet, of a split whose events are known."""
    if split.customers is not None:
        columns = {
            name: getattr(split.customers, name)
            for name in schema.FILES["customers.parquet"]
            if name != "user"
        }
        frame = pl.DataFrame(
            {"user": split.users.ids.tolist(), **columns}, schema=schema.types("customers.parquet")
        )
        folder.write_parquet(
            "customers.parquet",
            frame.with_columns(pl.col(pl.Float64).fill_nan(None), pl.col("events").cast(pl.Int64)),
        )
    folder.write_parquet("items.parquet", _items(split))


def _items(split: Split) -> pl.DataFrame:
    """Return items by their ids, names and the attributes that are texts or numbers."""
    nameless = [None] * len(split.items)
    columns: dict[str, pl.Series] = {
        "item": pl.Series(split.items.ids.tolist(), dtype=pl.String),
        "name": pl.Series(
            nameless if split.items.names is None else split.items.names.tolist(), dtype=pl.String
        ),
    }
    table = {} if split.item_table is None else split.item_table.columns
    for name, values in table.items():
        called = f"{name} (attribute)" if name in NAMES else name
        if values.dtype == object:
            columns[called] = pl.Series(values.tolist(), dtype=pl.String)
        elif values.ndim == 1:
            columns[called] = pl.Series(values).cast(pl.Float64).fill_nan(None)
    return pl.DataFrame(columns)


def write(path: Path) -> None:
    """Make summary.parquet anew of a run's folder; of a run without segments there is none."""
    run = StoredRun(path)
    if run.has_segments:
        run.folder.write_parquet(FILE, of(run))


def renew(path: Path) -> None:
    """Make the table and the page of a finished run anew."""
    from gnnseg.runs import pages

    write(path)
    pages.write(path)


def of(run: StoredRun) -> pl.DataFrame:
    """Return the table: a row a segment, the columns of summary.parquet."""
    members = run.frame("segments")
    segments, groups = durable.of(run), run.frame("groups").sort("segment")
    sums = _sums(run, members)
    frame = groups.select("segment", alpha_share="share").join(
        sums, on="segment", how="left", maintain_order="left"
    )
    people = frame["people"].fill_null(0).cast(pl.Int64)
    telling = told(run, members)
    given = [each.name for each in segments]
    made = names.written(telling, given)
    now = dict(zip((each.id for each in segments), people.to_list(), strict=True))
    then = run.record.get("since", {}).get("people", {})
    columns: dict[str, Any] = {
        "id": [each.id for each in segments],
        "name": [mine or theirs for mine, theirs in zip(made, given, strict=True)],
        "made": [not name for name in given],
        "people": people,
        "share": people / max(int(people.sum()), 1),
        "telling": telling,
        "verdict": _verdicts(run, len(frame)),
        "change": [now[which] - then[which] if which in then else None for which in now],
    }
    types = schema.types(FILE)
    columns |= {
        name: pl.Series(name, values, dtype=types[name]) for name, values in columns.items()
    }
    return frame.with_columns(**columns).select(
        *(
            pl.col(name).cast(kind) if name in {*frame.columns, *columns} else
            pl.lit(None, dtype=kind).alias(name)
            for name, kind in types.items()
        )
    )  # fmt: skip


def _sums(run: StoredRun, members: pl.DataFrame) -> pl.DataFrame:
    """Return what the people of each first segment did, as far as the folder knows it."""
    sure = [pl.col("sure").cast(pl.Float64).mean()] if "sure" in members.columns else []
    if not run.folder.file("customers.parquet").exists():
        placed = members.filter(pl.col("segment").is_not_null())
        return placed.group_by("segment").agg(pl.len().alias("people"), *sure)
    both = members.join(run.frame("customers"), on="user", how="left", maintain_order="left")
    placed = both.filter(pl.col("segment").is_not_null())
    end = run.record["data"].get("end")
    since = (end - pl.col("last")).median() / DAY if end is not None else pl.lit(None)
    found = placed.group_by("segment").agg(
        pl.len().alias("people"),
        *sure,
        revenue=_total("spend"),
        spend_head=pl.col("spend").mean(),
        visits_head=pl.col("visits").mean(),
        days_since=since,
        trend=_total("recent") / _total("former") - 1,
    )
    all_ = found["revenue"].sum()
    return found.with_columns(
        revenue_share=pl.col("revenue") / all_ if all_ else pl.lit(None, dtype=pl.Float64),
        trend=pl.when(pl.col("trend").is_finite()).then("trend"),
    )


def _total(column: str) -> pl.Expr:
    """Return a sum that is null where nothing is known."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum())


def _verdicts(run: StoredRun, count: int) -> list[str | None]:
    if not run.folder.file("stability.parquet").exists():
        return [None] * count
    return list(run.frame("stability").sort("segment")["verdict"])


def told(run: StoredRun, members: pl.DataFrame) -> list[list[str]]:
    """Return what is telling of each segment, at most three words each."""
    from gnnseg.evaluation.segments import log_odds

    alpha_UK = members.select(pl.col(r"^alpha_\d+$")).to_numpy()
    of_train = run.pairs["part"] == 0
    user, item = (mapped.taken(run.pairs[name], of_train) for name in ("user", "item"))
    items = run.frame("items") if run.folder.file("items.parquet").exists() else _nameless(run)
    taken_KI = log_odds.taken(alpha_UK, user, item, len(items))
    return names.made(items, taken_KI, _people(run, alpha_UK.shape[1]))


def _nameless(run: StoredRun) -> pl.DataFrame:
    """Return the items of a folder of before: ids and names."""
    found = run.frame("ids").filter(pl.col("kind") == "item").sort("index")
    return found.select(item="id", name="name")


def _people(run: StoredRun, count: int) -> list[list[str]]:
    """Return the attributes that tell people of each segment apart, the strongest first.

    Classes they have more of, and numbers that are high or low, where the difference is no small
    one and beyond chance (``report.words``).
    """
    found: list[list[str]] = [[] for _ in range(count)]
    if run.folder.file("profiles.parquet").exists():
        for row in run.frame("profiles").sort("segment", "rank").iter_rows(named=True):
            said = words.short(row)
            if said and said not in found[row["segment"] - 1]:
                found[row["segment"] - 1].append(said)
    return [each[: names.TELLING] for each in found]
