"""Segments through time: a shop's year continued by a month, and a planted shift found again.

    GNNSEG_DATA=DIR python experiments/segments/through-time/run.py shop      # shop.json
    python experiments/segments/through-time/run.py planted                   # planted.json

Runs lie under GNNSEG_RUNS (./runs) and are found again; what is in the JSON is not computed again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment

import gnnseg
from gnnseg.data.sets import drawing
from gnnseg.data.sets.completejourney import CompleteJourney
from gnnseg.data.sets.fetching import Place
from gnnseg.rng import Rng

HERE = Path(__file__).parent
FIGURES = ("valid/ndcg@20", "test/ndcg@20", "segment/effective_k", "segment/segments_per_user")
SEEDS = (0, 1, 2)
DECEMBER = datetime(2017, 12, 1, tzinfo=UTC).timestamp()
YEAR = datetime(2018, 1, 1, tzinfo=UTC).timestamp()


def cell(path: Path, name: str, compute: Callable[[], dict[str, Any]]) -> None:
    """Compute a cell of a JSON file, unless it is there."""
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if name not in known:
        known[name] = compute()
        path.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    print(name, json.dumps(known[name]), flush=True)


def agreement(then: Any, now: Any) -> dict[str, float]:
    """Return who has the same number, and who has after the best renumbering, of those in some."""
    both = then.segments().join(now.segments(), on="user")
    both = both.drop_nulls(["segment", "segment_right"])
    was, here = (both[key].to_numpy() - 1 for key in ("segment", "segment_right"))
    k = max(was.max(), here.max()) + 1
    counts = np.zeros((k, k))
    np.add.at(counts, (was, here), 1)
    rows, columns = linear_sum_assignment(-counts)
    return {
        "same number": float(np.trace(counts) / counts.sum()),
        "matched": float(counts[rows, columns].sum() / counts.sum()),
    }


def figures(run: Any) -> dict[str, Any]:
    """Return a run's figures that are compared."""
    found = {name: round(run.metrics[name], 5) for name in FIGURES}
    return {**found, "epoch": run.record["best"]["epoch"]}


def shop() -> None:
    """Kinds of products, January to November, then to December."""
    root = Path(os.environ.get("GNNSEG_DATA", "./data"))
    raw = CompleteJourney(level="product_type").read(Place(root, root, print), "completejourney")

    def months(end: float, name: str) -> Any:
        events = raw.events.filter(pl.col("time") < end)
        when = events.with_columns(pl.from_epoch(pl.col("time").cast(pl.Int64)))
        return gnnseg.interactions(when, weight="weight", time="time", spend="spend", name=name)

    november, december = months(DECEMBER, "till-november"), months(YEAR, "till-december")
    for segments in (6, 16):
        for seed in SEEDS:
            settings = [f"head.segments={segments}", "split=time"]

            def compute(settings: list[str] = settings, seed: int = seed) -> dict[str, Any]:
                then = gnnseg.train(november, settings, seed=seed)
                fresh = gnnseg.train(december, settings, seed=seed)
                on = [*settings, f"segments.since={then.path}"]
                kept = gnnseg.train(december, on, seed=seed)
                found = kept.record["since"]
                moves = pl.read_parquet(kept.path / "moves.parquet")
                moved = pl.read_parquet(kept.path / "moved.parquet")
                return {
                    "november": figures(then),
                    "fresh": {**figures(fresh), **agreement(then, fresh)},
                    "since": {
                        **figures(kept),
                        **agreement(then, kept),
                        "kept": found["kept"],
                        "followed": found["users"]["followed"],
                        "segments kept": found["segments_kept"],
                        "events": [each["event"] for each in found["events"]],
                        "moved by a refit": found["moved_by_refit"],
                        "moves beyond": int(moves["beyond"].sum()),
                        "people moved": len(moved),
                        "people moved beyond": int(moved["beyond"].sum()),
                        "warnings": kept.record["alarms"],
                    },
                }

            cell(HERE / "shop.json", f"K={segments} seed={seed}", compute)


def drawn(segments: int, each: int, part: float, seed: int) -> tuple[Any, Any, set[str]]:
    """Return two periods of the same people, and who changed their first segment in between.

    ``each``: pairs a person in a period; ``part``: of people who change.
    """
    users, items, rng = 2000, 1000, Rng(seed).child("through time")
    g = rng.numpy("draw")
    first = g.permutation(np.arange(users) % segments)
    beta = drawing.tastes(items, segments, 0.6, g)
    shift = g.permutation(users)[: round(part * users)]
    later = first.copy()
    later[shift] = (first[shift] + 1 + g.integers(segments - 1, size=len(shift))) % segments
    alpha = drawing.memberships(first, segments, 0.1, g)
    after = alpha.copy()
    rows = drawing.memberships(later, segments, 0.1, g)
    after[shift] = rows[shift]
    activity = g.lognormal(0.0, 0.3, users)
    tables = []
    for number, memberships in enumerate((alpha, after)):
        popularity = memberships.mean(0) @ beta
        user, item = drawing.pairs(
            memberships, beta, popularity, 0.05, activity / activity.sum(), each * users, g
        )
        frame = {"user": [f"u{u}" for u in user], "item": [f"i{i}" for i in item]}
        tables.append(gnnseg.interactions(frame, name=f"period-{number + 1}"))
    return tables[0], tables[1], {f"u{u}" for u in shift}


def planted() -> None:
    """A tenth of the people change segment in the second period; and nobody does."""
    for part in (0.1, 0.0):
        for segments in (8, 16):
            for each in (50, 25):
                for seed in SEEDS:

                    def compute(
                        part: float = part,
                        segments: int = segments,
                        each: int = each,
                        seed: int = seed,
                    ) -> dict[str, Any]:
                        first, second, shifted = drawn(segments, each, part, seed)
                        settings = [f"head.segments={segments}"]
                        then = gnnseg.train(first, settings, seed=seed)
                        on = [*settings, f"segments.since={then.path}"]
                        now = gnnseg.train(second, on, seed=seed)
                        fresh = gnnseg.train(second, settings, seed=seed)
                        moved = pl.read_parquet(now.path / "moved.parquet")
                        found: dict[str, Any] = {}
                        for name, rows in (
                            ("moved", moved),
                            ("beyond", moved.filter(pl.col("beyond"))),
                        ):
                            said = set(rows["user"])
                            right = len(said & shifted)
                            found[name] = {
                                "people": len(said),
                                "precision": round(right / max(len(said), 1), 4),
                                "recall": round(right / max(len(shifted), 1), 4),
                            }
                        record = now.record
                        moves = pl.read_parquet(now.path / "moves.parquet")
                        return {
                            **found,
                            "since": figures(now),
                            "fresh": {**figures(fresh), **agreement(then, fresh)},
                            "kept": record["since"]["kept"],
                            "moved by a refit": record["since"]["moved_by_refit"],
                            "moves beyond": int(moves["beyond"].sum()),
                            "events": [e["event"] for e in record["since"]["events"]],
                            "drift": any(w.startswith("drift") for w in record["alarms"]),
                        }

                    name = f"shift={part} K={segments} pairs={each} seed={seed}"
                    cell(HERE / "planted.json", name, compute)


if __name__ == "__main__":
    {"shop": shop, "planted": planted}[sys.argv[1]]()
