"""What became of segments as tables: moves.parquet, moved.parquet, events of run.json.

Shape legend: C users followed, L earlier segments, K of here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from gnnseg.evaluation.segments.through_time import Event, Noise
from gnnseg.runs import schema
from gnnseg.runs.durable import Durable
from gnnseg.types import Ints


def event_record(
    event: Event, before: Sequence[Durable], mine: Sequence[Durable]
) -> dict[str, Any]:
    """Return one event for run.json, segments by id."""
    return {
        "event": event.kind,
        "was": None if event.was is None else before[event.was].id,
        "now": None if event.to is None else mine[event.to].id,
        "beside": None if event.beside is None else mine[event.beside].id,
        "users": event.users,
        "share": round(event.share, 4),
    }


def moves(
    counts_LK: Ints,
    same_LK: Any,
    before: Sequence[Durable],
    mine: Sequence[Durable],
    noise: Noise | None,
) -> pl.DataFrame:
    """Return moves.parquet: every earlier and later segment with who went from one to the other."""
    was, now = (grid.ravel().astype(np.int64) for grid in np.indices(counts_LK.shape))
    columns: dict[str, Any] = {
        "was": was + 1, "was_id": [before[int(k)].id for k in was],
        "now": now + 1, "now_id": [mine[int(k)].id for k in now],
        "kept": same_LK.ravel(), "users": counts_LK.ravel(),
        "expected": None, "limit": None, "beyond": None,
    }  # fmt: skip
    if noise is not None:
        beyond = ~same_LK & (counts_LK > noise.limit)
        columns |= {"expected": noise.expected.ravel(), "limit": noise.limit.ravel(),
                    "beyond": beyond.ravel()}  # fmt: skip
    return pl.DataFrame(columns, schema=schema.types("moves.parquet"))


def moved(
    ids: Any,
    was_C: Ints,
    now_C: Ints,
    matched: dict[int, int],
    before: Sequence[Durable],
    mine: Sequence[Durable],
    noise: Noise | None,
) -> pl.DataFrame:
    """Return moved.parquet: who is in another segment, and how surely."""
    to_L = np.array([matched.get(was, -1) for was in range(len(before))], dtype=np.int64)
    (rows,) = np.nonzero(to_L[was_C] != now_C)
    stays = None if noise is None else noise.stays_C[rows]
    columns = {
        "user": ids[rows].tolist(),
        "was": was_C[rows] + 1, "was_id": [before[int(k)].id for k in was_C[rows]],
        "now": now_C[rows] + 1, "now_id": [mine[int(k)].id for k in now_C[rows]],
        "stays": stays, "beyond": None if stays is None else stays == 1.0,
    }  # fmt: skip
    return pl.DataFrame(columns, schema=schema.types("moved.parquet"))
