"""A validation part drawn from the training of sets that come with train and test alone."""

from __future__ import annotations

import polars as pl

from gnnseg.types import InputError, Setting

SHARE = 0.1  # of each user's training pairs, where nothing else is said


def share_of(value: str | float | None) -> float | None:
    """Return the share that ``data.valid`` is, between 0 and 1; None: it names a file, or nothing.

    Raises:
        InputError: It is a number that is no share.

    >>> share_of("0.1"), share_of("valid.txt")
    (0.1, None)
    """
    if value is None or value == "":
        return None
    try:
        share = float(value)
    except ValueError:
        return None
    if not 0 < share < 1:
        raise InputError(
            where=Setting("data.valid", f"{value}"),
            problem="is neither a share of each user's training pairs, between 0 and 1, nor a file",
            advice="give one, such as 0.1",
        )
    return share


def carve(events: pl.DataFrame, share: float) -> pl.DataFrame:
    """Move a random share of each user's training pairs to validation.

    Of n pairs of a user share x n, rounded, are drawn and at least one is left. The draw is of the
    ids alone: neither the order of the rows nor a run's seed matters, so that all runs have the
    same validation.

    Args:
        events: user, item, part (0 train, 2 test); rows of one pair stay together.
        share: Between 0 and 1.

    Returns:
        The rows in their order, part 1 where they are validation.
    """
    from gnnseg.rng import Rng

    pairs = events.filter(pl.col("part") == 0).select("user", "item").unique().sort("user", "item")
    order = Rng(0).numpy("held out").permutation(len(pairs))
    size = pl.len().over("user")
    drawn = (pl.col("order").rank("ordinal").over("user") - 1) < pl.min_horizontal(
        (size * share).round().cast(pl.Int64), size.cast(pl.Int64) - 1
    )
    held = pairs.with_columns(order=pl.Series(order)).filter(drawn).select("user", "item")
    held = held.with_columns(held=pl.lit(True))
    marked = events.join(held, on=["user", "item"], how="left", maintain_order="left")
    part = pl.when((pl.col("part") == 0) & pl.col("held").fill_null(False)).then(1)
    return marked.with_columns(
        part.otherwise(pl.col("part")).cast(events.schema["part"]).alias("part")
    ).drop("held")
