"""Returned goods: events of negative weight, taken off the purchases they undo."""

from __future__ import annotations

from typing import Literal

import polars as pl

Returns = Literal["keep", "drop", "subtract"]
SLACK = 1e-9  # a purchase's remainder below this share of it is rounding
TAKEN, UNDONE, EXCESS = (
    "return, taken off the purchases before it",
    "purchase returned in full",
    "return of more than was bought before it",
)


def subtract(frame: pl.DataFrame, keys: list[str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Take each return off the latest purchases of its pair before it.

    Purchases are a stack: a return takes from its top, and what it finds no purchase for is an
    excess. With the running level S_n = C_n - min(0, min_{m<=n} C_m), C the running sum of weights,
    what stays of purchase n is the part of S_{n-1}..S_n that no later level goes below. Spend
    shrinks with the weight. Without a time, purchases come before returns.

    Args:
        frame: Events with a weight, optionally time and spend.
        keys: The columns that make a pair.

    Returns:
        The events left, in their order, and how many rows went, by reason.
    """
    touched = _levels(frame, keys)
    size = touched["weight"].abs()
    gone = touched["return"] | (touched["stays"] <= SLACK * size)
    over = touched["return"] & (touched["excess"] > SLACK * size)
    counts = {
        TAKEN: int((touched["return"] & ~over).sum()),
        UNDONE: int((gone & ~touched["return"]).sum()),
        EXCESS: int(over.sum()),
    }
    numbered = frame.lazy().with_row_index("row")
    rest = touched.filter(~gone & (touched["weight"] > 0)).select("row", "stays")
    out = (
        numbered.join(
            touched.filter(gone).lazy().select("row"), on="row", how="anti", maintain_order="left"
        )
        .join(rest.lazy(), on="row", how="left", maintain_order="left")
        .with_columns(pl.coalesce(pl.col("stays"), pl.col("weight")).alias("stays"))
    )
    if "spend" in frame.columns:
        share = (
            pl.when(pl.col("weight") != 0).then(pl.col("stays") / pl.col("weight")).otherwise(1.0)
        )
        out = out.with_columns((pl.col("spend") * share).alias("spend"))
    out = out.with_columns(pl.col("stays").alias("weight")).select(frame.columns)
    return out.collect(), {reason: count for reason, count in counts.items() if count}


def _levels(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return, of the pairs with returns, what stays of each row, and its excess."""
    pairs = frame.lazy().filter(pl.col("weight") < 0).select(keys).unique()
    numbered = frame.lazy().with_row_index("row")
    order = [*(["time"] if "time" in frame.columns else []), "return", "row"]
    running = pl.col("weight").cum_sum().over(keys)
    floor = pl.col("sum").cum_min().over(keys).clip(upper_bound=0.0)
    lowest = pl.col("level").cum_min(reverse=True).over(keys)
    before = pl.col("level").shift(1, fill_value=0.0).over(keys)
    return (
        numbered.join(pairs, on=keys, how="semi")
        .with_columns((pl.col("weight") < 0).alias("return"))
        .sort(order)
        .with_columns(running.alias("sum"))
        .with_columns(floor.alias("floor"))
        .with_columns((pl.col("sum") - pl.col("floor")).alias("level"))
        .with_columns(
            (pl.min_horizontal(lowest, "level") - before).clip(lower_bound=0.0).alias("stays"),
            (pl.col("floor").shift(1, fill_value=0.0).over(keys) - pl.col("floor")).alias("excess"),
        )
        .select("row", "weight", "return", "stays", "excess")
        .collect()
    )
