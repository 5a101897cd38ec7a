"""What ranks people without a model: counts, spend, RFM, k-means; and what came of it.

Shape legend: U users, E events (a kind of product in a basket), R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from scipy import sparse
from scipy.stats import rankdata
from sklearn.cluster import KMeans

from gnnseg.evaluation import audiences

DAY = 86_400.0
HALF_LIVES = (16, 8, 4, 2)  # the span of the data over so much
CLUSTERS = 16
SEED = 0
RESAMPLES = 200
TOP = 0.1


@dataclass(frozen=True)
class Before:
    """What people did before a moment.

    users: ids; user, item (E,) by index, age (E,) days before the end; spend, visits, last (U,).
    """

    users: list[str]
    items: list[str]
    user: np.ndarray
    item: np.ndarray
    age: np.ndarray
    span: float
    spend: np.ndarray
    visits: np.ndarray
    last: np.ndarray

    @staticmethod
    def of(bought: pl.DataFrame, users: Sequence[str], moment: datetime) -> Before:
        """Return what ``users`` did before a moment."""
        past = bought.filter((pl.col("time") < moment) & pl.col("user").is_in(list(users)))
        place = {user: n for n, user in enumerate(users)}
        events = past.group_by("user", "basket_id", "item").agg(pl.col("time").first())
        items = sorted(set(events["item"]))
        number = {item: n for n, item in enumerate(items)}
        end = past["time"].max()
        age = (pl.lit(end) - pl.col("time")).dt.total_seconds() / DAY
        people = past.group_by("user").agg(
            pl.col("spend").sum(), pl.col("basket_id").n_unique().alias("visits"),
            age.min().alias("since"),
        )  # fmt: skip
        at = np.array([place[user] for user in people["user"]])
        found = {name: np.zeros(len(users)) for name in ("spend", "visits", "since")}
        for name, values in found.items():
            values[at] = people[name].to_numpy()
        ages = events.select(age)["time" if "time" in events.select(age).columns else "literal"]
        return Before(
            users=list(users), items=items,
            user=np.array([place[u] for u in events["user"]]),
            item=np.array([number[i] for i in events["item"]]),
            age=ages.to_numpy(), span=float(ages.max()),
            spend=found["spend"], visits=found["visits"], last=-found["since"],
        )  # fmt: skip

    def count(self, asked: Sequence[str], half_life: float | None = None) -> np.ndarray:
        """How often each user bought any of some items, (U,); recent purchases more."""
        at = np.isin(self.item, [n for n, item in enumerate(self.items) if item in set(asked)])
        weight = None if half_life is None else 0.5 ** (self.age[at] / half_life)
        return np.bincount(self.user[at], weight, minlength=len(self.users)).astype(float)


def fifths(values: np.ndarray) -> np.ndarray:
    """1 to 5 by fifths of the people."""
    return np.ceil(rankdata(values) / len(values) * 5)


def of(before: Before) -> dict[str, object]:
    """Rankings by name: of each, from the items asked for to a score a user."""
    users = len(before.users)
    rfm = fifths(before.last) + fifths(before.visits) + fifths(before.spend)
    taken = sparse.csr_matrix(
        (np.ones(len(before.user)), (before.user, before.item)),
        shape=(users, len(before.items)),
    ).toarray()  # fmt: skip
    taste = np.log1p(taken)
    taste /= np.linalg.norm(taste, axis=1, keepdims=True) + 1e-9
    ranks = [rankdata(each) / users for each in (before.last, before.visits, before.spend)]
    groups = {
        name: KMeans(CLUSTERS, n_init=4, random_state=SEED).fit_predict(space)
        for name, space in (("k-means", taste), ("k-means of RFM", np.stack(ranks, axis=1)))
    }

    def of_group(asked: Sequence[str], group: np.ndarray) -> np.ndarray:
        buys = before.count(asked) > 0
        size = np.bincount(group, minlength=CLUSTERS)
        return (np.bincount(group, buys, minlength=CLUSTERS) / np.maximum(size, 1))[group]

    found: dict[str, object] = {"purchases": before.count}
    for part in HALF_LIVES:
        found[f"recent purchases, half-life span/{part}"] = lambda asked, part=part: before.count(
            asked, before.span / part
        )
    found |= {
        "spend": lambda asked: before.spend,
        "RFM score": lambda asked: rfm,
        "popularity": lambda asked: np.ones(users),
    }
    for name, group in groups.items():
        found[name] = lambda asked, group=group: of_group(asked, group)
    return found


def resamples(users: int, count: int = RESAMPLES) -> np.ndarray:
    """How often each user is in each resample, (U,1 + R); the first is everybody once."""
    drawn = np.random.default_rng(SEED).multinomial(users, np.full(users, 1 / users), count)
    return np.ascontiguousarray(np.concatenate([np.ones((1, users)), drawn]).T, dtype=float)


def figures(
    scores: Mapping[str, Sequence[np.ndarray]], took: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
) -> dict[str, dict[str, np.ndarray]]:  # fmt: skip
    """AUC and lift by ranking, averaged over what was asked for, (1 + R,)."""
    return {
        name: {
            "auc": np.nanmean([audiences.auc(*each) for each in zip(mine, took, weights)], axis=0),
            f"lift@{TOP:.0%}": np.nanmean(
                [audiences.lift(s, t, TOP, w) for s, t, w in zip(mine, took, weights)], axis=0
            ),
        }
        for name, mine in scores.items()
    }  # fmt: skip


def mean(scores: Sequence[np.ndarray], took: Sequence[np.ndarray]) -> dict[str, float]:
    """AUC and lift of one ranking, averaged over what was asked for."""
    found = figures({"": scores}, took, [resamples(len(each), 0) for each in took])[""]
    return {metric: round(float(values[0]), 4) for metric, values in found.items()}


def interval(values: np.ndarray) -> list[float]:
    """The figure and the middle 95 % of its resamples."""
    low, high = np.quantile(values[1:], [0.025, 0.975]) if len(values) > 1 else (np.nan,) * 2
    return [round(float(value), 4) for value in (values[0], low, high)]


def told(found: Mapping[str, Mapping[str, np.ndarray]], ours: str) -> dict[str, object]:
    """Every figure with its interval, and ours less the best other's."""
    result: dict[str, object] = {
        name: {metric: interval(values) for metric, values in mine.items()}
        for name, mine in found.items()
    }
    less = {}
    for metric in found[ours]:
        best = max((n for n in found if n != ours), key=lambda n: found[n][metric][0])
        difference = interval(found[ours][metric] - found[best][metric])
        less[metric] = {"best other": best, "difference": difference}
    return {"rankings": result, f"{ours} less the best other": less}
