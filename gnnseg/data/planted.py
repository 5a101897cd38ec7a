"""A drawn set whose truth is known: for tests, and for judging segments.

Shape legend: U users, I items, E interactions, K segments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from gnnseg.data.raw import Raw
from gnnseg.rng import Rng
from gnnseg.types import InputError, Truth

PRESETS: dict[str, dict[str, float]] = {
    # skew: Zipf exponent of the items' popularity in a segment; noise: share of events from everybody's taste;
    # overlap: expected part of a user's mass outside the first segment; activity: spread of the users' event counts.
    "easy": {"skew": 0.6, "noise": 0.05, "overlap": 0.1, "activity": 0.3},
    "hard": {"skew": 1.0, "noise": 0.3, "overlap": 0.35, "activity": 0.8},
}
DAY = 86400.0
START = 1577836800.0  # 2020-01-01
SPAN = 365 * DAY
ROUNDS = 60  # of drawing until enough distinct pairs are there


def draw(
    *,
    preset: str,
    users: int,
    items: int,
    segments: int,
    interactions: int,
    seed: int,
    homophily: float | None = None,
) -> Raw:
    """Users, items, interactions by a known alpha and beta: rec = (1 - noise) alpha beta + noise popularity.

    Each user has a first segment and gives ``overlap`` of the mass to others (Dirichlet); each item has a home segment, is
    popular there by Zipf's law, and is drawn elsewhere only by noise. No pair stands twice. ``homophily``: with that
    probability a friend is of one's own first segment, else anybody; None: no friendships.
    """
    if preset not in PRESETS:
        raise InputError(f"data.preset={preset}: must be one of {', '.join(PRESETS)}.")
    if segments < 1 or users < segments or items < segments:
        raise InputError(
            f"data.segments={segments}: needs at least as many users ({users}) and items ({items}) as segments."
        )
    if interactions < users or interactions > users * items // 4:
        raise InputError(
            f"data.interactions={interactions}: must lie between data.users={users} and a quarter of all pairs ({users * items // 4})."
        )
    p, g = PRESETS[preset], Rng(seed).child("planted").numpy("draw")
    first = g.permutation(np.arange(users) % segments)
    alpha = _memberships(first, segments, p["overlap"], g)
    beta = _tastes(items, segments, p["skew"], g)
    popularity = alpha.mean(0) @ beta
    rec_noise = p["noise"]
    activity = g.lognormal(0.0, p["activity"], users)
    user, item = _pairs(alpha, beta, popularity, rec_noise, activity / activity.sum(), interactions, g)
    truth = Truth(alpha, (1 - rec_noise) * beta + rec_noise * popularity)
    time = START + np.floor(g.random(len(user)) * SPAN)
    names = [f"segment {k + 1} item {n}" for n, k in enumerate(truth.beta.argmax(0))]
    age = np.round(20 + 50 * first / max(segments - 1, 1) + g.normal(0, 5, users))
    social = None if homophily is None else _friends(first, homophily, g)
    return Raw(
        "planted",
        pl.DataFrame({"user": user, "item": item, "time": time}).with_columns(pl.col("user", "item").cast(pl.String)),
        pl.DataFrame({"id": np.arange(users), "age": age}).with_columns(pl.col("id").cast(pl.String)),
        pl.DataFrame({"id": np.arange(items), "name": names}).with_columns(pl.col("id").cast(pl.String)),
        social, (), truth, notes={"source": f"drawn: preset {preset}, data.seed={seed}"},
    )  # fmt: skip


def _memberships(
    first: np.ndarray[Any, Any], segments: int, overlap: float, g: np.random.Generator
) -> np.ndarray[Any, Any]:
    """(U,K): 1 - o on the first segment, o spread over the others by Dirichlet(.3); o is Beta with mean ``overlap``."""
    users = len(first)
    if segments == 1:
        return np.ones((users, 1))
    other = g.beta(2.0, 2.0 * (1 - overlap) / overlap, users).clip(max=0.45)
    spread = g.gamma(0.3, size=(users, segments)) + 1e-9
    spread[np.arange(users), first] = 0
    alpha: np.ndarray[Any, Any] = other[:, None] * spread / spread.sum(1, keepdims=True)
    alpha[np.arange(users), first] = 1 - other
    return alpha


def _tastes(items: int, segments: int, skew: float, g: np.random.Generator) -> np.ndarray[Any, Any]:
    """(K,I): each item at home in one segment, popular there by Zipf's law rank^-skew."""
    home = g.permutation(np.arange(items) % segments)
    beta = np.zeros((segments, items))
    for k in range(segments):
        own = g.permutation(np.flatnonzero(home == k))
        weight = np.arange(1, len(own) + 1.0) ** -skew
        beta[k, own] = weight / weight.sum()
    return beta


def _pairs(
    alpha: np.ndarray[Any, Any], beta: np.ndarray[Any, Any], popularity: np.ndarray[Any, Any], noise: float,
    activity: np.ndarray[Any, Any], wanted: int, g: np.random.Generator,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:  # fmt: skip
    """Distinct (user, item) pairs, E of them: users by activity (each at least once), segments by alpha, items by beta."""
    users, items = len(alpha), beta.shape[1]
    cumulative_alpha = alpha.cumsum(1)
    cumulative_beta = np.vstack([beta, popularity]).cumsum(1)
    cumulative_users = activity.cumsum()
    found = np.empty(0, dtype=np.int64)
    for turn in range(ROUNDS):
        short = wanted - len(found)
        if short <= 0:
            break
        extra = np.arange(users) if turn == 0 else np.empty(0, dtype=np.int64)
        count = max(0, int(short * 1.1) + 10 - len(extra))
        user = np.concatenate(
            [
                extra,
                np.searchsorted(cumulative_users, g.random(count) * cumulative_users[-1], side="right").clip(
                    max=users - 1
                ),
            ]
        )
        segment = (g.random(len(user))[:, None] > cumulative_alpha[user]).sum(1).clip(max=beta.shape[0] - 1)
        segment = np.where(g.random(len(user)) < noise, beta.shape[0], segment)
        item = np.empty(len(user), dtype=np.int64)
        order = np.argsort(segment, kind="stable")
        cuts = np.searchsorted(segment[order], np.arange(beta.shape[0] + 2))
        for k in range(beta.shape[0] + 1):
            rows = order[cuts[k] : cuts[k + 1]]
            item[rows] = np.searchsorted(
                cumulative_beta[k], g.random(len(rows)) * cumulative_beta[k, -1], side="right"
            ).clip(max=items - 1)
        fresh = np.unique(user * items + item)
        found = fresh if turn == 0 else np.union1d(found, fresh)
        if len(found) > wanted:
            keep = g.permutation(len(found))[:wanted]
            found = np.sort(found[keep])
    missing = np.setdiff1d(np.arange(users), found // items)
    if len(missing):  # thinned away: each gets the item its segments like best
        best = (alpha[missing] @ beta).argmax(1)
        found = np.union1d(found, missing * items + best)
    return found // items, found % items


def _friends(first: np.ndarray[Any, Any], homophily: float, g: np.random.Generator, each: int = 5) -> pl.DataFrame:
    """``each`` friends named by every user."""
    users = len(first)
    source = np.repeat(np.arange(users), each)
    anybody = g.integers(users, size=len(source))
    order = np.argsort(first, kind="stable")
    start = np.searchsorted(first[order], np.arange(first.max() + 2))
    size = (start[1:] - start[:-1])[first[source]]
    own = order[start[first[source]] + np.floor(g.random(len(source)) * size).astype(np.int64)]
    target = np.where(g.random(len(source)) < homophily, own, anybody)
    keep = source != target
    pairs = np.unique(source[keep] * users + target[keep])
    return pl.DataFrame({"source": pairs // users, "target": pairs % users}).with_columns(
        pl.all().cast(pl.String), weight=pl.lit(1.0)
    )
