"""A run's folder with all that its page shows, made by hand on ``make_run``'s."""

import json

import numpy as np
import polars as pl
import pytest

from gnnseg.report.overview import COLUMNS

NAMES = [
    "Wine & cheese",
    "שבת שלום: חלה",
    "حليب وخبز",
    "🍼 Young families",
    None,
    "<b>Bargains</b>",
]
KINDS = ["WINE", "CHEESE", "BABY", "حليب", "BREAD", "FRUIT"]


@pytest.fixture
def full_run(make_run):
    """A run with money, names, kinds of items, evidence and an earlier run:
    ``full_run(k=6, people=False, since=True)``."""

    def make(
        kind="distribution", *, users=400, items=40, k=6, people=False, since=True, name="a-run"
    ):
        path, scorer = make_run(kind, users=users, items=items, k=k, name=name)
        draw = np.random.default_rng(5)
        segments = pl.read_parquet(path / "segments.parquet")
        sure = pl.Series("sure", np.round(draw.random(users), 2), dtype=pl.Float32)
        segments.insert_column(3, sure).write_parquet(path / "segments.parquet")
        size = np.bincount(segments["segment"].to_numpy(), minlength=k + 1)[1:]
        ids = pl.read_parquet(path / "ids.parquet")
        someone = pl.when(pl.col("kind") == "user", pl.col("index") == 7).then(pl.lit("Žofia דנה"))
        ids = ids.with_columns(name=someone.otherwise("name"))
        ids.write_parquet(path / "ids.parquet")
        _summary(path, size, draw, since)
        _tables(path, ids, users, items, draw)
        verdict = ["natural", "reproducible", "constructive"]
        stable = {"segment": range(1, k + 1), "jaccard": draw.random(k), "jaccard_min": [0.1] * k,
                  "verdict": [verdict[n % 3] for n in range(k)]}  # fmt: skip
        pl.DataFrame(stable).write_parquet(path / "stability.parquet")
        record = json.loads((path / "run.json").read_text("utf-8"))
        record["data"] |= {"currency": "USD", "end": 1.7e9}
        record["config"]["report"] = {"people": people}
        record["evidence"] = {"refits": 5, "share": 0.9}
        record["metrics"] |= {"segment/stability_soft": 0.81, "segment/stability_soft/sd": 0.02}
        if since:
            record["since"] = _moves(path, segments, k, draw)
        (path / "run.json").write_text(json.dumps(record), "utf-8")
        return path, scorer

    return make


def _summary(path, size, draw, since):
    k, spend = len(size), draw.integers(5, 90, len(size)).astype(float)
    revenue = size * spend
    frame = {
        "segment": range(1, k + 1), "id": [f"seg-{n:06x}" for n in range(k)],
        "name": [NAMES[n % len(NAMES)] for n in range(k)], "made": [n % 2 == 0 for n in range(k)],
        "people": size, "share": size / size.sum(), "alpha_share": size / size.sum(),
        "revenue": revenue, "revenue_share": revenue / revenue.sum(), "spend_head": spend,
        "visits_head": draw.random(k) * 30, "days_since": draw.integers(1, 60, k).astype(float),
        "trend": draw.random(k) - 0.5,
        "telling": [[KINDS[n % 6], KINDS[(n + 1) % 6]] for n in range(k)],
        "verdict": [["natural", "reproducible", "constructive"][n % 3] for n in range(k)],
        "sure": draw.random(k), "change": [n * 3 - 6 if since else None for n in range(k)],
    }  # fmt: skip
    pl.DataFrame(frame, schema=COLUMNS).write_parquet(path / "summary.parquet")


def _tables(path, ids, users, items, draw):
    catalogue = ids.filter(pl.col("kind") == "item")
    pl.DataFrame(
        {
            "item": catalogue["id"],
            "name": catalogue["name"],
            "category": [KINDS[n % len(KINDS)] for n in range(items)],
            "code": [f"{n:05d}" for n in range(items)],
            "price": draw.random(items),
        }
    ).write_parquet(path / "items.parquet")
    pl.DataFrame(
        {
            "user": [f"u{n}" for n in range(users)],
            "events": draw.integers(1, 30, users),
            "visits": draw.random(users) * 9,
            "spend": draw.random(users) * 90,
            "first": [1.69e9] * users,
            "last": [1.7e9] * users,
            "recent": draw.random(users),
            "former": draw.random(users),
        }
    ).write_parquet(path / "customers.parquet")


def _moves(path, segments, k, draw):
    now = segments["segment"].to_numpy()
    was = np.where(draw.random(len(now)) < 0.2, draw.integers(1, k + 1, len(now)), now)
    rows = []
    for a in range(1, k + 1):
        for b in range(1, k + 1):
            users = int(((was == a) & (now == b)).sum())
            names = (f"seg-{a - 1:06x}", f"seg-{b - 1:06x}")
            far = a != b and users > 12
            rows.append((a, names[0], b, names[1], a == b, users, 3.0, 9.0, far))
    columns = ["was", "was_id", "now", "now_id", "kept", "users", "expected", "limit", "beyond"]
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(path / "moves.parquet")
    other = np.flatnonzero(was != now)
    pl.DataFrame(
        {
            "user": [f"u{n}" for n in other],
            "was": was[other],
            "was_id": [f"seg-{n - 1:06x}" for n in was[other]],
            "now": now[other],
            "now_id": [f"seg-{n - 1:06x}" for n in now[other]],
            "stays": [1.0] * len(other),
            "beyond": [True] * len(other),
        }
    ).write_parquet(path / "moved.parquet")
    events = [
        {"event": "born", "was": None, "now": "seg-000001", "beside": None, "users": 40,
         "share": 1.0},
        {"event": "merged", "was": "seg-00000a", "now": "seg-000002", "beside": None, "users": 4,
         "share": 0.9},
    ]  # fmt: skip
    return {"run": "last-week", "users": {"followed": len(now)}, "kept": float((was == now).mean()),
            "moved_by_refit": [0.05, 0.06], "events": events}  # fmt: skip
