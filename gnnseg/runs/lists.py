"""Answers as tables, as files and objects alike give them: recommendations, memberships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from gnnseg.runs import schema
from gnnseg.types import Floats, IdMap, Strings

if TYPE_CHECKING:
    from torch import Tensor

Seen = Literal["mask", "allow"]  # whether lists leave out what a user has met
LISTS = schema.types("recommendations.parquet")


def long_list(
    kind: str, ids: Sequence[str] | Strings, items: Tensor, scores: Tensor, catalogue: IdMap
) -> pl.DataFrame:
    """Return lists (B,T) of item numbers as rows; padding (-1) is left out.

    An item without a name is called by its id.
    """
    index, length = items.cpu().numpy(), items.shape[1]
    flat = index.ravel()
    names = catalogue.ids if catalogue.names is None else catalogue.names
    columns = {
        "kind": [kind] * len(flat),
        "id": np.repeat(np.asarray(ids, dtype=object), length).tolist(),
        "rank": np.tile(np.arange(1, length + 1), len(index)),
        "item": catalogue.ids[flat].tolist(),
        "name": names[flat].tolist(),
        "score": scores.double().cpu().numpy().ravel(),
    }
    frame = pl.DataFrame(columns, schema=LISTS).with_columns(name=pl.coalesce("name", "item"))
    return frame.filter(pl.Series(flat >= 0, dtype=pl.Boolean))


def segments_frame(
    ids: Strings,
    alpha: Tensor,
    reasons: Sequence[str | None],
    habits: Tensor | None = None,
    sure: Floats | None = None,
) -> pl.DataFrame:
    """Return user, segment, reason[, sure], alpha_1..alpha_K[, habit].

    The segment counts from 1: the largest alpha, the lowest of equals; null where there is a reason
    against it, and so then is ``sure``. ``habits``: h of each user, (U,).
    """
    from gnnseg.evaluation import segments

    given = pl.DataFrame(
        {
            "user": ids.tolist(),
            "segment": np.asarray(segments.hard(alpha), dtype=np.int64) + 1,
            "reason": list(reasons),
        },
        schema_overrides={"user": pl.String, "reason": pl.String},
    )
    columns = [] if sure is None else [pl.Series("sure", sure, dtype=pl.Float32)]
    columns += [
        pl.Series(f"alpha_{k + 1}", alpha[:, k].cpu().numpy(), dtype=pl.Float32)
        for k in range(alpha.shape[1])
    ]
    if habits is not None:
        columns.append(pl.Series("habit", habits.cpu().numpy(), dtype=pl.Float32))
    frame = given.with_columns(columns)
    placed = [name for name in ("segment", "sure") if name in frame.columns]
    return frame.with_columns(pl.when(pl.col("reason").is_null()).then(pl.col(placed)))
