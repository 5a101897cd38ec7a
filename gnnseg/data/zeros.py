"""Events of weight 0: labels that say no, quantities of nothing, or ratings that were not given."""

from __future__ import annotations

from typing import Literal

import polars as pl

from gnnseg.types import InputError, Setting

Zeros = Literal["keep", "drop"]
RARE = 0.01  # share of the events up to which zeros are kept, and nobody is asked
LABEL = "label is 0; the pairs are those of label 1"
ZERO = "weight is 0"


def settle(
    events: pl.DataFrame, how: Zeros | None, where: str, min_weight: float | None = None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the events, and how many went because their weight is 0, by reason.

    Args:
        events: With a column weight, or none.
        how: Zeros are kept or dropped; None: dropped where the weights are labels, 0 and 1 alone,
            and else asked about where they are many.
        where: The table, as messages name it.
        min_weight: Above 0: they go by it.

    Raises:
        InputError: Many weights are 0, and nobody said what that means.
    """
    if "weight" not in events.columns or how == "keep" or (min_weight or 0) > 0:
        return events, {}
    weight = events["weight"]
    count = int((weight == 0).sum())
    if not count or (how is None and count <= RARE * len(events)):
        return events, {}
    if how is None and (count == len(events) or not bool(weight.is_in([0.0, 1.0]).all())):
        raise InputError(
            where=where,
            problem=f"{count:,} of {len(events):,} weights are 0",
            advice=(
                *("set ", Setting("data.zeros", "drop"), " if that is no interaction, "),
                *(Setting("data.zeros", "keep"), " if it is one like others, "),
                *(Setting("data.weight", "''"), " if the column is no weight"),
            ),
        )
    rest = events.filter(weight != 0)
    return rest, {LABEL if how is None else ZERO: count}
