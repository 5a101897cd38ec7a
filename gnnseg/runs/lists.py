"""Answers as tables, as files and objects alike give them: recommendations, memberships."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from torch import Tensor

from gnnseg.evaluation import segments
from gnnseg.runs import schema
from gnnseg.types import IdMap, Strings

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


def segments_frame(ids: Strings, alpha: Tensor, habits: Tensor | None = None) -> pl.DataFrame:
    """Return user, segment (from 1: the largest alpha, the lowest of equals), alpha_1..alpha_K.

    ``habits``: h of each user, (U,), a column 'habit' at the end.
    """
    hard = np.asarray(segments.hard(alpha), dtype=np.int64) + 1
    columns = [
        pl.Series(f"alpha_{k + 1}", alpha[:, k].cpu().numpy(), dtype=pl.Float32)
        for k in range(alpha.shape[1])
    ]
    if habits is not None:
        columns.append(pl.Series("habit", habits.cpu().numpy(), dtype=pl.Float32))
    frame = pl.DataFrame(
        {"user": ids.tolist(), "segment": hard}, schema_overrides={"user": pl.String}
    )
    return frame.with_columns(columns)
