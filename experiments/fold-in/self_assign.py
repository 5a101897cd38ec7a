"""Trained users given to ``assign`` as somebody unknown: how many get their own segment again.

usage: python experiments/fold-in/self_assign.py [--till FILE] [SET ...]      (data in GNNSEG_DATA,
runs in GNNSEG_RUNS, else ./runs) Writes self_assign.json and self_assign.md beside this file, a row
a set and a model: run.json has the same figures. FILE: where the till's CSV is written, made of
completejourney: household, product group, date, money.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import polars as pl

from gnnseg import config
from gnnseg.rng import Rng
from gnnseg.runs import train as pipeline
from gnnseg.runs.run import Run
from gnnseg.runs.self_assign import measure
from gnnseg.types import InputError

HERE = Path(__file__).resolve().parent
FIGURES = ("self_assign", "self_assign_ari", "self_assign_known", "self_assign_left_out")
SETS: dict[str, list[str]] = {
    "planted": [
        "data=planted", "data.users=600", "data.items=300", "data.segments=8", "head.segments=8",
        "data.interactions=20000", "data.homophily=0.7", "data.group_signal=0.8",
        "data.category_signal=0.8",
    ],
    "ml-100k": ["data=ml-100k"],
    "till": [
        "data=file", "data.user=household", "data.item=group", "data.time=date",
        "data.spend=money", "head.segments=6",
    ],
    "completejourney": ["data=completejourney", "data.level=product_type"],
    "lastfm-2k": ["data=lastfm-2k"],
}  # fmt: skip
MODELS: dict[str, list[str]] = {
    **{
        name: [f"encoder={name}"]
        for name in (
            "lightgcn", "lightgcnpp", "mf", "sage", "pinsage", "linear", "dnn", "raw", "two_tower",
            "social",
        )
    },
    "rgcn": ["encoder=rgcn", "encoder.relations=none"],
    "lightgcn, attributes beside": ["encoder.attributes=beside"],
    "lightgcn, attributes alone": ["encoder.attributes=alone"],
    "lightgcn, friends": ["encoder.social=1.0"],
    "lightgcn, posthoc": ["head=posthoc"],
    "lightgcn, hybrid": ["head=hybrid"],
    "lightgcn, membership": ["head.beta=membership", "objective=sampled_softmax"],
    "lightgcn, affinity": ["head.beta=affinity", "objective=sampled_softmax"],
}  # fmt: skip


def till(folder: Path, path: Path) -> None:
    """Write a year's purchases as a till would: household, product group, date, money."""
    bought, products = (
        pl.read_parquet(folder / f"{name}.parquet").with_columns(pl.col("product_id").cast(str))
        for name in ("transactions", "products")
    )
    kind = products.select("product_id", group=pl.col("product_category").fill_null("unknown"))
    bought.join(kind, on="product_id", how="left", maintain_order="left").select(
        household="household_id",
        group=pl.col("group").fill_null("unknown"),
        date=pl.col("transaction_timestamp").cast(pl.Datetime).dt.strftime("%Y-%m-%d"),
        money="sales_value",
    ).write_csv(path)


def row(overrides: list[str]) -> dict[str, Any]:
    """Train, or find again, and measure with today's code."""
    composed = config.compose(overrides)
    run = Run(pipeline.train(composed, say=lambda line: None, progress=False).path)
    train = pipeline.read(composed, lambda line: None).train
    stored, rng = run.stored, Rng(int(composed["seed"]))
    figures = measure(stored.fold_in, stored.known.encoding, train, stored.scorer, rng)
    return {name: figures.get(f"segment/{name}") for name in FIGURES}


def table(results: dict[str, Any]) -> str:
    lines = [
        "Share of trained users whom assign gives the segment of training, by their training "
        "history alone, its ARI, the share with attributes and friends too (where they are "
        "read), and, of these, what a regression on histories reaches that is fitted to all "
        "others (empty: measured before it was). `python experiments/fold-in/self_assign.py`",
        "",
        "| set | model | by history | ARI | all known | left out |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, models in results.items():
        for model, figures in models.items():
            cells = ["" if figures.get(f) is None else f"{figures[f]:.3f}" for f in FIGURES]
            lines.append(f"| {name} | {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    csv = Path(arguments[arguments.index("--till") + 1]) if "--till" in arguments else None
    names = [a for a in arguments if a in SETS] or list(SETS)
    if csv is not None and not csv.exists():
        till(Path(os.environ["GNNSEG_DATA"]) / "completejourney", csv)
    path = HERE / "self_assign.json"
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    shop = [] if arguments and "completejourney" not in names else ["experiment=shop"]
    for name in names:
        if name == "till" and csv is None:
            continue
        more = [f"data.path={csv}"] if name == "till" else []
        for model, chosen in MODELS.items():
            try:
                found = row([*SETS[name], *more, *chosen])
            except InputError:  # the set has no attributes, or no friends
                continue
            results.setdefault(name, {})[model] = found
            path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
            (HERE / "self_assign.md").write_text(table(results), "utf-8")
            print(name, model, found, file=sys.stderr, flush=True)
        if name == "completejourney" and shop:
            results[name]["experiment=shop"] = row(shop)
            path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
            (HERE / "self_assign.md").write_text(table(results), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
