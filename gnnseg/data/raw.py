"""What a source of data hands over: original ids, nothing indexed or cleaned yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from gnnseg.data.zeros import Zeros
from gnnseg.types import Truth


@dataclass(frozen=True, kw_only=True)
class RawRelation:
    """Typed edges by original ids.

    ``edges``: source, target (String) and weight (Float64); user, item (String) where an edge tells
    of an interaction, which may be held out; time (seconds since 1970 UTC) where it is known to
    have come about.
    """

    name: str
    source_kind: str
    target_kind: str
    edges: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Raw:
    """A set as read.

    events: user, item (String), optionally weight, time (seconds since 1970 UTC), spend
        (Float64), order (String, of the lines of one receipt) and part (Int8: 0 train, 1 valid, 2
        test).
    users, items: id, optionally name (String), then attributes: String, Float64, List(String), or
        List(Float64), a vector.
    social: source, target (String), weight (Float64).
    relations: typed edges.
    truth: alpha (U,K) and beta (K,I) in the order of ``users`` and ``items``, which then must be
        there.
    rejected, rejected_examples: rows left out by reason, how many and the first.
    notes: JSON-able account of the reading.
    zeros: what events of weight 0 are (``gnnseg.data.zeros``); None: labels, or asked about.
    log: what was shown, as ``gnnseg.data.logs.read`` gives it.
    """

    name: str
    events: pl.DataFrame
    users: pl.DataFrame | None = None
    items: pl.DataFrame | None = None
    social: pl.DataFrame | None = None
    relations: tuple[RawRelation, ...] = ()
    truth: Truth | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    rejected_examples: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    log: pl.DataFrame | None = None
    zeros: Zeros | None = "keep"
