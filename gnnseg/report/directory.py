"""Everybody of a run in little room, for the page's search (``report.people=true`` alone).

What stands there of a person: id and name, segment, how surely, their largest memberships, what
they took that is most telling of their segment, and what to recommend.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import numpy as np
import polars as pl

from gnnseg.report import scores
from gnnseg.report.subject import Subject

LARGEST = 50_000  # people of a page
PARTS, TELLING, LIST = 3, 3, 5  # memberships, own items, recommendations of a person
SUPPORT = 10  # events of an item, fewer tell nothing
Array = np.ndarray[tuple[int, ...], np.dtype[Any]]


def packed(run: Subject) -> str:
    """Return the directory as gzipped JSON in base64, to be unpacked by the page's script."""
    text = json.dumps(content(run), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode("ascii")


def content(run: Subject) -> dict[str, Any]:
    """Return the directory.

    ``people``: a row a person: id, name (0: none), segment (0: none), sure in per cent (−1: not
    known), [segment, per cent, …], own telling items, recommended items, by place in ``items``, and
    the probabilities of these in per cent (of a run whose scores are any).
    """
    table = pl.read_parquet(run.folder / "segments.parquet").head(LARGEST)
    ids = pl.read_parquet(run.folder / "ids.parquet")
    people = ids.filter(pl.col("kind") == "user").sort("index")["name"].head(LARGEST).to_list()
    items = ids.filter(pl.col("kind") == "item").sort("index")
    names = items.select(pl.coalesce("name", "id"))["name"].to_list()
    alpha = table.select(pl.selectors.starts_with("alpha_")).to_numpy()
    segment = table["segment"].fill_null(0).to_numpy()
    sure = table["sure"].to_list() if "sure" in table.columns else [None] * len(table)
    own = _telling(run, segment, len(names))
    lists = _lists(run, items["id"].to_list())
    place: dict[int, int] = {}

    def at(numbers: list[int]) -> list[int]:
        return [place.setdefault(int(n), len(place)) for n in numbers]

    largest = np.argsort(-alpha, axis=1, kind="stable")[:, :PARTS]
    rows = []
    for n, (id, k) in enumerate(zip(table["user"], segment)):
        parts = [
            value for j in largest[n] if (share := round(float(alpha[n, j]) * 100)) >= 1
            for value in (int(j) + 1, share)
        ]  # fmt: skip
        surely = -1 if (known := sure[n]) is None else round(known * 100)
        rows.append(
            [id, people[n] or 0, int(k), surely, parts if k else [], at(own.get(n, [])),
             *_offers(lists.get(id), at)]
        )  # fmt: skip
    return {
        "segments": {str(k): said for k, said in run.names.items()},
        "items": [names[n] for n in place],
        "people": rows,
    }


def _telling(run: Subject, segment: Array, many: int) -> dict[int, list[int]]:
    """Return which of their own items people's segments take most beyond everyone, by person."""
    with np.load(run.folder / "seen.npz") as stored:
        user, item = stored["user"], stored["item"]
        count = (stored["count"] if "count" in stored.files else np.ones(len(user))).astype(float)
    some = user < len(segment)
    user, item, count = user[some], item[some], count[some]
    placed = segment[user] > 0
    user, item, count = user[placed], item[placed], count[placed]
    which = segment[user].astype(np.int64)
    flat = which * many + item
    each, at = np.unique(flat, return_inverse=True)
    events = np.bincount(at, weights=count)
    of_segment = np.bincount(which, weights=count)
    of_item = np.bincount(item, weights=count, minlength=many)
    share = events / of_segment[each // many]
    lift = share / (of_item[each % many] / max(count.sum(), 1.0))
    lift[of_item[each % many] < SUPPORT] = 0
    frame = pl.DataFrame({"user": user, "item": item, "lift": lift[at]}).unique(["user", "item"])
    best = frame.filter(pl.col("lift") > 1).sort(
        "user", "lift", "item", descending=[False, True, False]
    )
    grouped = best.group_by("user", maintain_order=True).agg(pl.col("item").head(TELLING))
    return dict(grouped.rows())


def _offers(found: tuple[list[int], list[float]] | None, at: Any) -> tuple[list[int], list[float]]:
    return ([], []) if found is None else (at(found[0]), found[1])


def _lists(run: Subject, ids: list[str]) -> dict[str, tuple[list[int], list[float]]]:
    """Return what to recommend by person's id: numbers of items, and probabilities in per cent."""
    if run.lists is not None:
        found = run.lists
    elif run.has("recommendations.parquet"):
        found = pl.read_parquet(run.folder / "recommendations.parquet")
    else:
        return {}
    at = pl.DataFrame({"item": ids, "at": range(len(ids))})
    first = found.filter((pl.col("kind") == "user") & (pl.col("rank") <= LIST))
    rows = first.join(at, on="item").sort("id", "rank").group_by("id", maintain_order=True)
    if not scores.are_probabilities(run.record["config"]):
        return {id: (items, []) for id, items in rows.agg("at").rows()}
    chance = (100 * pl.col("score").exp()).round_sig_figs(2)
    return {id: (items, known) for id, items, known in rows.agg("at", chance=chance).rows()}
