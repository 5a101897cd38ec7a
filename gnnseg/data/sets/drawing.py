"""What a planted set is drawn by: memberships, tastes, pairs, and what tells of them beside.

Shape legend: U users, I items, E interactions, K segments, D width of a modality's vectors.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from gnnseg.data.raw import RawRelation
from gnnseg.rng import Rng
from gnnseg.sparse.order import argsort, unique
from gnnseg.types import Floats, Ints

BLOCK = 1 << 16  # events whose segment is drawn at once
LIKINGS = 1 << 22  # of users for items, computed at once
ROUNDS = 60  # of drawing until enough distinct pairs are there
FRIENDS = 5  # named by every user
FOLLOWED = 3  # brands named by every user
BRANDS = 4  # at home in every segment
OUTSIDE = 0.45  # most of a user's mass outside the first segment
WIDTH = 32  # D of an item's vector in one modality


def centres(modality: str, segments: int, seed: int) -> Floats:
    """Return each segment's centre in a modality, (K,D).

    Rows of length 1 in drawn directions, orthogonal while K <= D.
    """
    drawn = (
        Rng(seed).child("planted").numpy(f"centres of {modality}").normal(size=(segments, WIDTH))
    )
    if segments <= WIDTH:
        drawn = np.linalg.qr(drawn.T)[0].T
    unit: Floats = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def vectors(modality: str, signal: float, home: Ints, segments: int, seed: int) -> pl.Series:
    """Return items' vectors in a modality: ``signal`` times the home's centre, and noise of 1."""
    g = Rng(seed).child("planted").numpy(modality)
    found = signal * centres(modality, segments, seed)[home] + g.normal(size=(len(home), WIDTH))
    return pl.Series(modality, found.tolist(), dtype=pl.List(pl.Float64))


def classes(
    name: str, segment: Ints, segments: int, signal: float | None, rng: Rng
) -> list[pl.Series]:
    """Return a column of classes: 'NAME k' of the own segment with probability ``signal``.

    Else of any; classes bear no segment's number.
    """
    if signal is None:
        return []
    g = rng.numpy(name)
    label = g.permutation(segments)
    shown = np.where(
        g.random(len(segment)) < signal, segment, g.integers(segments, size=len(segment))
    )
    return [pl.Series(name, [f"{name} {k + 1}" for k in label[shown]])]


def noise(kind: str, count: int, columns: int, rng: Rng) -> list[pl.Series]:
    """Return numbers that say nothing of anybody's segment."""
    return [
        pl.Series(f"noise {n + 1}", rng.numpy(f"noise {n + 1} of {kind}").normal(size=count))
        for n in range(columns)
    ]


def memberships(first: Ints, segments: int, overlap: float, g: np.random.Generator) -> Floats:
    """Return alpha (U,K): 1 - o on the first segment, the rest over the others by Dirichlet(.3).

    o is of a Beta distribution of mean ``overlap``, at most ``OUTSIDE``; 0: nothing is outside.
    """
    users = len(first)
    if segments == 1 or overlap == 0:
        found: Floats = np.eye(segments)[first]
        return found
    other = g.beta(2.0, 2.0 * (1 - overlap) / overlap, users).clip(max=OUTSIDE)
    spread = g.gamma(0.3, size=(users, segments)) + 1e-9
    spread[np.arange(users), first] = 0
    alpha: Floats = other[:, None] * spread / spread.sum(1, keepdims=True)
    alpha[np.arange(users), first] = 1 - other
    return alpha


def tastes(items: int, segments: int, skew: float, g: np.random.Generator) -> Floats:
    """Return beta (K,I): items at home in one segment, popular there by Zipf's law rank^-skew."""
    home = g.permutation(np.arange(items) % segments)
    beta = np.zeros((segments, items))
    for k in range(segments):
        own = g.permutation(np.flatnonzero(home == k))
        weight = np.arange(1, len(own) + 1.0) ** -skew
        beta[k, own] = weight / weight.sum()
    return beta


def background(popularity: Floats, noise: float, anything: float) -> tuple[float, Floats]:
    """Return the share of events that are of no segment, and where they fall, (I,).

    ``noise`` of those not ``anything`` fall by popularity, ``anything`` on all items alike.
    """
    if anything == 0:
        return noise, popularity
    both = anything + (1 - anything) * noise
    alike = np.full(len(popularity), 1 / len(popularity))
    return both, (anything * alike + (1 - anything) * noise * popularity) / both


def thinned(user: Ints, item: Ints, missing: float, rng: Rng) -> tuple[Ints, Ints]:
    """Return the pairs less a share lost at random; one of every user's stays, E >= U.

    Args:
        user: (E,) ascending.
        item: (E,).
        missing: The share.
    """
    if missing == 0:
        return user, item
    order = rng.numpy("missing").permutation(len(user))
    stays = np.unique(user[order], return_index=True)[1]  # each user's first in drawn order
    free = np.delete(order, stays)
    lost = free[: round(missing * len(user))]
    keep = np.ones(len(user), dtype=bool)
    keep[lost] = False
    return user[keep], item[keep]


def pairs(
    alpha: Floats,
    beta: Floats,
    popularity: Floats,
    noise: float,
    activity: Floats,
    wanted: int,
    g: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Return distinct (user, item) pairs, E of them, each user at least once.

    Users are drawn by activity, segments by alpha, items by beta or, of ``noise``, by popularity.
    """
    users, items = len(alpha), beta.shape[1]
    tastes, upto = np.vstack([beta, popularity]).cumsum(1), activity.cumsum()
    found = np.empty(0, dtype=np.int64)
    for turn in range(ROUNDS):
        short = wanted - len(found)
        if short <= 0:
            break
        extra = np.arange(users) if turn == 0 else np.empty(0, dtype=np.int64)
        count = max(0, int(short * 1.1) + 10 - len(extra))
        user = np.concatenate([extra, _drawn(upto, count, g)])
        fresh = unique(user * items + _items(user, alpha, tastes, noise, g))
        found = fresh if turn == 0 else unique(np.concatenate([found, fresh]))
        if len(found) > wanted:
            keep = g.permutation(len(found))[:wanted]
            found = np.sort(found[keep])
    missing = (np.bincount(found // items, minlength=users) == 0).nonzero()[0]
    if len(missing):  # thinned away: each gets the item its segments like best
        some = np.array_split(missing, len(missing) * items // LIKINGS + 1)
        best = np.concatenate([(alpha[part] @ beta).argmax(1) for part in some])
        found = np.union1d(found, missing * items + best)
    return found // items, found % items


def _items(user: Ints, alpha: Floats, tastes: Floats, noise: float, g: np.random.Generator) -> Ints:
    """Return an item of each user's; ``tastes`` (K+1,I): beta and popularity, added up."""
    segments = tastes.shape[0] - 1
    upto, drawn = torch.from_numpy(alpha.cumsum(1)), torch.from_numpy(g.random(len(user)))
    segment = torch.empty(len(user), dtype=torch.int64)
    blocks = (torch.split(each, BLOCK) for each in (torch.from_numpy(user), drawn, segment))
    for whose, number, own in zip(*blocks, strict=True):
        own[:] = torch.searchsorted(upto.index_select(0, whose), number[:, None]).squeeze(1)
    kind = np.where(g.random(len(user)) < noise, segments, segment.clamp_(max=segments - 1).numpy())
    item = np.empty(len(user), dtype=np.int64)
    order = argsort(kind)
    cuts = np.searchsorted(kind[order], np.arange(segments + 2))
    for k in range(segments + 1):
        rows = order[cuts[k] : cuts[k + 1]]
        item[rows] = _drawn(tastes[k], len(rows), g)
    return item


def _drawn(upto: Floats, count: int, g: np.random.Generator) -> Ints:
    """Draw so many places, each by its share of what is added up (n,) (on all threads)."""
    at = torch.from_numpy(g.random(count) * upto[-1])
    found = torch.searchsorted(torch.from_numpy(upto), at, right=True)
    return found.clamp_(max=len(upto) - 1).numpy()


def friends(first: Ints, homophily: float, g: np.random.Generator) -> pl.DataFrame:
    """Return ``FRIENDS`` ties named by every user, less those to oneself and those named twice."""
    users = len(first)
    source = np.repeat(np.arange(users), FRIENDS)
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


def relations(
    first: Ints, home: Ints, segments: int, signal: float, rng: Rng
) -> tuple[RawRelation, ...]:
    """Return items 'made by' a brand each, and ``FOLLOWED`` brands that every user 'follows'.

    Each brand is at home in one segment, ``BRANDS`` to a segment; with probability ``signal`` it is
    drawn among those of the item's home, or of the user's first segment, else among all.
    """
    g = rng.numpy("relations")
    of_segment = g.permutation(segments * BRANDS).reshape(segments, BRANDS)

    def named(segment: Ints) -> Ints:
        anybody = g.integers(segments * BRANDS, size=len(segment))
        own = of_segment[segment, g.integers(BRANDS, size=len(segment))]
        return np.where(g.random(len(segment)) < signal, own, anybody)

    def edges(source: Ints, target: Ints) -> pl.DataFrame:
        pair = np.unique(np.stack([source, target], axis=1), axis=0)
        frame = pl.DataFrame(pair, schema=["source", "target"], orient="row")
        return frame.with_columns(
            pl.col("source").cast(pl.String),
            pl.format("brand {}", pl.col("target") + 1).alias("target"),
            weight=pl.lit(1.0),
        )

    who = np.repeat(np.arange(len(first)), FOLLOWED)
    made_by = edges(np.arange(len(home)), named(home))
    follows = edges(who, named(first[who]))
    return (
        RawRelation(name="made by", source_kind="item", target_kind="brand", edges=made_by),
        RawRelation(name="follows", source_kind="user", target_kind="brand", edges=follows),
    )
