"""Who a customer of a run is: what its folder knows of one user."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from gnnseg.config.fitted import name_of
from gnnseg.report import membership, scores
from gnnseg.report.customer import Customer
from gnnseg.runs import counterfactual, paces, recommend
from gnnseg.runs.stored import StoredRun

DAYS = 30.0
TOOK, LIST = 10, 5  # of their items, of what is recommended


def of(run: StoredRun, user: object) -> Customer:
    """Return who a user is; see ``Run.user``."""
    at = run.find("user", user)
    id = str(run.users.ids[at])
    pace = paces.of(run)
    visits = float(pace.expected(DAYS)[at])
    mine = run.frame("segments").row(at, named=True) if run.has_segments else {}
    groups = run.groups() if mine else pl.DataFrame()
    return Customer(
        user=id,
        name=None if run.users.names is None else run.users.names[at],
        segment=mine.get("segment"),
        segment_name=_name(mine, groups),
        sure=mine.get("sure"),
        memberships=_memberships(mine),
        chance=1 - math.exp(-visits),
        days=DAYS if pace.timed else None,
        known=_known(run, at),
        took=_took(run, at),
        recommended=_recommended(run, id),
        why=counterfactual.explain(run, id) if mine and _explained(run, at) else None,
        placed=membership.placed(mine, groups)
        if mine
        else f"user {id}: {run.name} has no segments",
        currency=run.record["data"].get("currency"),
    )


def _name(mine: dict[str, Any], groups: pl.DataFrame) -> str | None:
    if mine.get("segment") is None or "name" not in groups.columns:
        return None
    name = groups.filter(pl.col("segment") == mine["segment"])["name"].item()
    return None if name is None else str(name)


def _memberships(mine: dict[str, Any]) -> dict[int, float]:
    if mine.get("segment") is None:
        return {}
    alpha = {int(key[6:]): float(value) for key, value in mine.items() if key[:6] == "alpha_"}
    return dict(sorted(alpha.items(), key=lambda part: (-part[1], part[0])))


def _explained(run: StoredRun, at: int) -> bool:
    """Return whether a user's history says why: others are placed by attributes or friends.

    A baseline knows the histories alone that it was fitted to, and no change of one.
    """
    if name_of(run.config) is not None:
        return False
    return bool((run.pairs["user"][run.pairs["part"] == 0] == at).any())


def _known(run: StoredRun, at: int) -> dict[str, Any]:
    if not run.folder.file("customers.parquet").exists():
        return {}
    return run.frame("customers").drop("user").row(at, named=True)


def _took(run: StoredRun, at: int) -> pl.DataFrame:
    """Return what a user took in any part, most events first, then by weight and item number."""
    of_user = np.flatnonzero(run.pairs["user"] == at)
    frame = pl.DataFrame({name: run.pairs[name][of_user] for name in ("item", "count", "weight")})
    summed = frame.group_by("item").agg(events=pl.col("count").sum(), weight=pl.col("weight").sum())
    best = summed.sort("events", "weight", "item", descending=[True, True, False]).head(TOOK)
    items = best["item"].to_list()
    return best.select(
        item=pl.Series([str(run.items.ids[j]) for j in items], dtype=pl.String),
        name=pl.Series([run.items.name(j) for j in items], dtype=pl.String),
        events=pl.col("events").cast(pl.Int64),
        weight=pl.col("weight").cast(pl.Float64),
    )


def _recommended(run: StoredRun, id: str) -> pl.DataFrame:
    found = pl.concat(recommend.stream(run, [id], LIST)).drop("kind", "id")
    if not scores.are_probabilities(run.record["config"]):
        return found
    return found.with_columns(probability=pl.col("score").exp())
