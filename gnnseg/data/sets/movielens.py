"""MovieLens (Harper & Konstan 2015): 100K, with attributes and a film knowledge graph, and 1M as
published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gnnseg.data.raw import Raw, RawRelation
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import fields, formats

GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
RATINGS = ["user", "item", "weight", "time"]
YEAR = r"\s*\((\d{4})\)\s*$"
ONE = pl.lit(1.0).alias("weight")


@dataclass(frozen=True, kw_only=True)
class MovieLens100K(Reader):
    """MovieLens 100K (Harper & Konstan 2015): 100,000 ratings of 943 users.

    Every rating is an interaction. Either RecBole's atomic files (with a film knowledge graph) or
    GroupLens' u.data, u.user and u.item.
    """

    def read(self, place: Place, name: str) -> Raw:
        """Read whichever files are there."""
        folder = place.find("ml-100k")
        notes = {"source": "GroupLens, MovieLens 100K"}
        if (folder / "ml-100k.inter").is_file():
            return _atomic(folder, name, notes)
        return _plain(folder, name, notes)


def _atomic(folder: Path, name: str, notes: dict[str, str]) -> Raw:
    columns: dict[str, str | None] = {
        "user": "user_id",
        "item": "item_id",
        "weight": "rating",
        "time": "timestamp",
    }
    events = fields.events(formats.atomic_file(folder / "ml-100k.inter"), columns, drop=True)
    users = formats.atomic_file(folder / "ml-100k.user").frame.rename({"user_id": "id"})
    titles = {"item_id": "id", "movie_title": "name", "release_year": "year", "class": "genres"}
    items = fields.number(formats.atomic_file(folder / "ml-100k.item").frame.rename(titles), "year")
    items = items.with_columns(pl.col("genres").str.split(" "))
    relations: tuple[RawRelation, ...] = ()
    if (folder / "ml-100k.kg").exists() and (folder / "ml-100k.link").exists():
        relations = _knowledge(folder / "ml-100k.kg", folder / "ml-100k.link")
    return Raw(
        name=name,
        events=events.frame,
        users=fields.number(users, "age"),
        items=items,
        relations=relations,
        rejected=events.rejected,
        rejected_examples=events.examples,
        notes=notes,
    )


def _plain(folder: Path, name: str, notes: dict[str, str]) -> Raw:
    plain = {"header": False, "quote": False}
    ratings = formats.sheet(
        folder / "u.data", separator="\t", columns=RATINGS, header=False, quote=False
    )
    events = fields.events(ratings, dict(zip(RATINGS, RATINGS, strict=True)), drop=True)
    columns = ["id", "age", "gender", "occupation", "zip_code"]
    users = formats.table(
        folder / "u.user", separator="|", columns=columns, encoding="latin-1", **plain
    )
    columns = ["id", "name", "date", "video", "url", *GENRES]
    films = formats.table(
        folder / "u.item", separator="|", columns=columns, encoding="latin-1", **plain
    )
    flags = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in GENRES]
    items = films.select(
        "id",
        name=pl.col("name").str.replace(YEAR, ""),
        year=pl.col("date").str.extract(r"(\d{4})$", 1).cast(pl.Float64),
        genres=pl.concat_list(flags).list.drop_nulls(),
    )
    return Raw(
        name=name,
        events=events.frame,
        users=fields.number(users, "age"),
        items=items,
        rejected=events.rejected,
        rejected_examples=events.examples,
        notes=notes,
    )


def _knowledge(triples: Path, links: Path) -> tuple[RawRelation, ...]:
    """Return a film knowledge graph: relations between entities, and which film is which."""
    kg, link = formats.atomic_file(triples).frame, formats.atomic_file(links).frame
    found = [
        RawRelation(
            name="is",
            source_kind="item",
            target_kind="entity",
            edges=link.select(source="item_id", target="entity_id").with_columns(ONE),
        )
    ]
    for (relation,), part in sorted(kg.group_by("relation_id"), key=lambda pair: str(pair[0][0])):
        ends = part.select(source="head_id", target="tail_id").with_columns(ONE)
        found.append(
            RawRelation(name=str(relation), source_kind="entity", target_kind="entity", edges=ends)
        )
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class MovieLens1MRaw(Reader):
    """MovieLens 1M (Harper & Konstan 2015) as published: ratings.dat, users.dat, movies.dat."""

    def read(self, place: Place, name: str) -> Raw:
        """Read the three files."""
        folder = place.find("ml-1m-raw")

        def read(file_: str, columns: list[str]) -> formats.Sheet:
            path = folder / file_
            return formats.sheet(
                path, separator="::", header=False, columns=columns, encoding="latin-1", quote=False
            )

        events = fields.events(
            read("ratings.dat", RATINGS), dict(zip(RATINGS, RATINGS, strict=True)), drop=True
        )
        users = read("users.dat", ["id", "gender", "age", "occupation", "zip_code"]).frame
        items = read("movies.dat", ["id", "name", "genres"]).frame.with_columns(
            name=pl.col("name").str.replace(YEAR, ""),
            year=pl.col("name").str.extract(YEAR, 1).cast(pl.Float64),
            genres=pl.col("genres").str.split("|"),
        )
        notes = {"source": "GroupLens, MovieLens 1M"}
        return Raw(
            name=name,
            events=events.frame,
            users=fields.number(users, "age"),
            items=items,
            rejected=events.rejected,
            rejected_examples=events.examples,
            notes=notes,
        )
