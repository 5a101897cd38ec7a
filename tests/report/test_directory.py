"""The directory of the page's search: complete, right, and small."""

import base64
import gzip
import json
import math

import numpy as np
import polars as pl

from gnnseg.report import directory, tables
from gnnseg.report.subject import Subject


def test_everybody_stands_there_with_why_and_what(full_run):
    path, _ = full_run(users=60)
    run = Subject(path, tables.read(path), people=True)
    found = directory.content(run)
    segments = pl.read_parquet(path / "segments.parquet")
    assert [row[0] for row in found["people"]] == segments["user"].to_list()
    assert json.loads(gzip.decompress(base64.b64decode(directory.packed(run)))) == found
    lists = pl.read_parquet(path / "recommendations.parquet").filter(pl.col("kind") == "user")
    for n, (id, name, k, sure, parts, own, offers, chances) in enumerate(found["people"]):
        row = segments.row(n, named=True)
        assert (k, sure) == (row["segment"], round(row["sure"] * 100))
        assert name == ("Žofia דנה" if id == "u7" else 0)
        assert parts[0] == k  # the largest first
        shares = dict(zip(parts[::2], parts[1::2]))
        assert all(share == round(row[f"alpha_{j}"] * 100) for j, share in shares.items())
        mine = lists.filter(pl.col("id") == id).sort("rank").head(directory.LIST)
        assert [found["items"][at] for at in offers] == mine["name"].to_list()
        assert chances == [float(f"{100 * math.exp(score):.2g}") for score in mine["score"]]
        assert [found["items"][at] for at in own] == slowly(path, n, segments)


def slowly(path, user, segments):
    """What this person took by how much more their segment takes it, by loops."""
    ids = pl.read_parquet(path / "ids.parquet").filter(pl.col("kind") == "item")
    names = [name or id for name, id in ids.select("name", "id").rows()]
    placed = segments["segment"].to_list()
    with np.load(path / "seen.npz") as stored:
        events = list(zip(stored["user"], stored["item"], stored["count"]))

    def lift(item):
        mine = sum(c for u, _, c in events if placed[u] == placed[user])
        of_mine = sum(c for u, i, c in events if placed[u] == placed[user] and i == item)
        every = sum(c for u, i, c in events if i == item)
        if every < directory.SUPPORT:
            return 0
        return (of_mine / mine) / (every / sum(c for _, _, c in events))

    taken = {int(i) for u, i, _ in events if u == user}
    best = sorted((-lift(i), i) for i in taken if lift(i) > 1)
    return [names[i] for _, i in best[: directory.TELLING]]


def test_lists_given_stand_before_the_folders(full_run):
    path, _ = full_run(users=60)
    given = pl.DataFrame(
        {"kind": ["user"], "id": ["u3"], "rank": [1], "item": ["i9"], "score": [-1.0]}
    )
    found = directory.content(Subject(path, tables.read(path), True, given))
    offers = {row[0]: [found["items"][at] for at in row[6]] for row in found["people"]}
    assert offers["u3"] == ["The item 9"]
    assert offers["u4"] == []
