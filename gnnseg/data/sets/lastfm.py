"""Last.fm with plays, tags and friendships (HetRec 2011)."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from gnnseg.data.raw import Raw, RawRelation
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import fields, formats

ONE = pl.lit(1.0).alias("weight")
TAGS = 10  # of an artist, the commonest


@dataclass(frozen=True, kw_only=True)
class LastFM2K(Reader):
    """Last.fm with friendships (HetRec 2011; Cantador et al. 2011).

    Plays, artist names, tags, and 12,717 friendships, which stand in both directions, 25,434 lines.
    Tags are edges from artists and from users, each of which tells of the pair of user and artist
    that it comes of. An artist's commonest tags, an attribute, are counted over everybody's
    taggings, those of held-out pairs too (what that is worth: experiments/attributes/tags.py).
    """

    def read(self, place: Place, name: str) -> Raw:
        """Read the five tables."""
        folder = place.find("lastfm-2k")

        def read(file_: str, encoding: str = "utf-8") -> formats.Sheet:
            return formats.sheet(folder / file_, separator="\t", quote=False, encoding=encoding)

        columns: dict[str, str | None] = {"user": "userID", "item": "artistID", "weight": "weight"}
        events = fields.events(read("user_artists.dat"), columns, drop=True)
        tags = read("tags.dat", "latin-1").frame
        given = read("user_taggedartists.dat").frame
        counts = given.join(tags, on="tagID", how="inner").group_by("artistID", "tagValue").len()
        top = counts.sort("len", "tagValue", descending=[True, False]).group_by(
            "artistID", maintain_order=True
        )
        common = top.agg(pl.col("tagValue").head(TAGS)).rename(
            {"artistID": "id", "tagValue": "tags"}
        )
        items = (
            read("artists.dat")
            .frame.select("id", "name")
            .join(common, on="id", how="left", maintain_order="left")
        )
        social = (
            read("user_friends.dat")
            .frame.select(source="userID", target="friendID")
            .with_columns(ONE)
        )
        tagging = given.select("tagID", user="userID", item="artistID").with_columns(ONE)
        relations = tuple(
            RawRelation(
                name=relation,
                source_kind=kind,
                target_kind="tag",
                edges=tagging.select("weight", "user", "item", source=kind, target="tagID"),
            )
            for relation, kind in (("tagged with", "item"), ("uses tag", "user"))
        )
        notes = {"source": "HetRec 2011, Last.fm"}
        return Raw(
            name=name,
            events=events.frame,
            items=items,
            social=social,
            relations=relations,
            rejected=events.rejected,
            rejected_examples=events.examples,
            notes=notes,
        )
