"""Users and items that were in no part of training: from attributes or friends alone, and after 1,
3 and 10 interactions.

usage: python experiments/attributes/cold.py [SET ...]        (data in GNNSEG_DATA, runs in
GNNSEG_RUNS, else ./runs) Writes cold.json and cold.md beside this file. A tenth of the users (of
the items) is taken out of the data altogether; the model is trained on the rest, protocol clean,
and meets them afterwards through the doors everybody has. Relevant is what they take beyond the ten
interactions put aside to be given; what is given is not recommended. Cold items are ranked among
themselves, for users who take one of them. Beside: popularity (items: chance) and neighbours by
attribute or tie, K of them, who vote.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

import gnnseg
from gnnseg import config
from gnnseg.data.raw import Raw
from gnnseg.evaluation import ranking
from gnnseg.rng import Rng
from gnnseg.runs import assembly, inputs, persistence
from gnnseg.runs import train as pipeline
from gnnseg.sparse import Csr
from gnnseg.types import Pairs, Split, Table

HERE = Path(__file__).resolve().parent
SETS: dict[str, list[str]] = {
    "ml-100k": ["data=ml-100k"],
    "lastfm-2k": ["data=lastfm-2k"],
    "completejourney": ["data=completejourney", "data.level=product_type"],
}
MODELS: dict[str, list[str]] = {
    "linear": ["encoder=linear"],
    "dnn": ["encoder=dnn"],
    "two_tower": ["encoder=two_tower"],
    "lightgcn": ["encoder=lightgcn"],
    "lightgcn, attributes beside": ["encoder=lightgcn", "encoder.attributes=beside"],
    "lightgcn, attributes alone": ["encoder=lightgcn", "encoder.attributes=alone"],
    "lightgcn, friends": ["encoder=lightgcn", "encoder.social=0.5"],
    "social": ["encoder=social"],
}
TIES = ("lightgcn, friends", "social")  # where the set has friends
GIVEN = (0, 1, 3, 10)
SEEDS = (0, 1, 2)
TOP, K = 20, 50
WORDS = 2000  # of a column, for neighbours
Scores = Callable[[int], np.ndarray[Any, Any]]


@dataclass(frozen=True)
class People:
    """Held-out users: their ids, what is put aside to be given, and what is relevant, (B,I) each by
    index."""

    rows: np.ndarray[Any, Any]
    ids: list[str]
    aside: dict[int, list[int]]
    relevant: Csr


def frame(table: Table | None, ids: np.ndarray[Any, Any], names: Any = None) -> pl.DataFrame | None:
    """A table of attributes by original id."""
    if table is None and names is None:
        return None
    columns = (
        {} if table is None else {name: values.tolist() for name, values in table.columns.items()}
    )
    beside = {} if names is None else {"name": names.tolist()}
    return pl.DataFrame({"id": ids.tolist(), **beside, **columns}, strict=False)


def without(split: Split, users: np.ndarray[Any, Any], items: np.ndarray[Any, Any]) -> Raw:
    """The set with some users out of every part, and all that some items met in the test (so they
    stay in the catalogue)."""
    frames = []
    for number, pairs in enumerate(split.parts.values()):
        keep = ~np.isin(pairs.user, users)
        part = np.where(np.isin(pairs.item[keep], items), 2, number).astype(np.int8)
        some = {
            "user": split.users.ids[pairs.user[keep]].astype(str),
            "item": split.items.ids[pairs.item[keep]].astype(str),
        }
        more = {"weight": pairs.weight[keep], "part": part}
        times = {} if pairs.last is None else {"time": pairs.last[keep]}
        spend = {} if pairs.spend is None else {"spend": pairs.spend[keep]}
        frames.append(pl.DataFrame({**some, **more, **times, **spend}))
    warm = np.setdiff1d(np.arange(len(split.users)), users)
    social = None
    if split.social is not None:
        inside = np.isin(split.social.source, warm) & np.isin(split.social.target, warm)
        social = pl.DataFrame(
            {
                "source": split.users.ids[split.social.source[inside]].astype(str),
                "target": split.users.ids[split.social.target[inside]].astype(str),
                "weight": split.social.weight[inside],
            }
        )
    people = frame(split.user_table, split.users.ids)
    return Raw(
        name=split.name, events=pl.concat(frames), users=None if people is None else people[warm],
        items=frame(split.item_table, split.items.ids, split.items.names), social=social,
    )  # fmt: skip


def everything(split: Split) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    key = np.unique(
        np.concatenate([p.user * len(split.items) + p.item for p in split.parts.values()])
    )
    return key // len(split.items), key % len(split.items)


def held_out(
    split: Split, rows: np.ndarray[Any, Any], draw: np.random.Generator, axis: int
) -> People:
    """``axis`` 0: users and the items they take; 1: items and the users who take them."""
    pair = everything(split)
    own, other = pair[axis], pair[1 - axis]
    aside, place, relevant = {}, [], []
    for number, row in enumerate(rows):
        taken = draw.permutation(other[own == row])
        put = min(max(GIVEN), len(taken) // 2)
        aside[number] = taken[:put].tolist()
        place += [number] * (len(taken) - put)
        relevant += taken[put:].tolist()
    ids = (split.users if axis == 0 else split.items).ids[rows].tolist()
    size = len(split.items) if axis == 0 else len(split.users)
    return People(rows, ids, aside, Csr.of(place, relevant, (len(rows), size)))


# --- users ----------------------------------------------------------------------------------------
# --------------


def judge_users(people: People, scores: np.ndarray[Any, Any]) -> dict[str, float]:
    """All that was put aside is masked, whoever was given how much of it: every column is asked the
    same."""
    pairs = [(row, item) for row, items in people.aside.items() for item in items]
    mask = Csr.of(*zip(*pairs, strict=True), people.relevant.shape)
    found = ranking.evaluate(
        Fixed(scores), people.relevant, mask, ks=[TOP], item_counts=torch.ones(scores.shape[1])
    )
    return {name: found.metrics[f"{name}@{TOP}"] for name in ("recall", "ndcg")}


def user_scores(run: gnnseg.Run, split: Split, people: People) -> Scores:
    table = frame(split.user_table, split.users.ids)
    mine = None if table is None else table[people.rows]
    known = set(run.stored.users.ids)
    ties = None
    if split.social is not None and (run.path / "social.npz").exists():
        s = split.social
        pairs = [
            (a, b)
            for a, b in zip(split.users.ids[s.source], split.users.ids[s.target], strict=True)
            if b in known
        ]
        new = set(people.ids)
        ties = pl.DataFrame(
            [p for p in pairs if p[0] in new], schema=["user", "friend"], orient="row"
        )
    place = {item: at for at, item in enumerate(split.items.ids)}

    def scores(given: int) -> np.ndarray[Any, Any]:
        """(B,I) by rank: what stands in the door's lists, the first highest."""
        histories = {
            who: [str(split.items.ids[i]) for i in people.aside[row][:given]]
            for row, who in enumerate(people.ids)
        }
        length = TOP + max(GIVEN)
        lists = run.recommend(
            histories, length, users=mine if reads_users(run) else None, social=ties
        )
        found = np.full((len(people.ids), len(split.items)), -1e9, dtype=np.float32)
        row = {who: at for at, who in enumerate(people.ids)}
        for who, item, rank in lists.select("id", "item", "rank").iter_rows():
            found[row[who], place[item]] = -float(rank)
        return found

    return scores


def reads_users(run: gnnseg.Run) -> bool:
    return bool(run.record["data"]["features"].get("user"))


def popularity(split: Split, people: People) -> Scores:
    warm = ~np.isin(split.train.user, people.rows)
    counts = np.bincount(split.train.item[warm], minlength=len(split.items)).astype(np.float32)
    return lambda given: np.repeat(counts[None], len(people.rows), 0)


def neighbours(split: Split, people: People) -> Scores | None:
    """Votes of the K warm users nearest by attributes (one-hot and standardised, cosine); of
    friends where there are none."""
    warm = np.setdiff1d(np.arange(len(split.users)), people.rows)
    if split.user_table is not None:
        x = encoded(split.user_table)
        near = np.argsort(-(x[people.rows] @ x[warm].T), axis=1, kind="stable")[:, :K]
        voters = [warm[some] for some in near]
    elif split.social is not None:
        s = split.social
        voters = [np.intersect1d(np.unique(s.target[s.source == row]), warm) for row in people.rows]
    else:
        return None
    train = Csr.of(split.train.user, split.train.item, (len(split.users), len(split.items)))
    rows = train.dense().numpy()
    votes = np.stack([rows[some].sum(0) if len(some) else rows[warm].sum(0) for some in voters])
    ties = rows[warm].sum(0) / (rows[warm].sum() + 1)  # equal votes in the order of popularity
    return lambda given: (votes + ties).astype(np.float32)


def encoded(table: Table) -> np.ndarray[Any, Any]:
    """Plain one-hot (lists by each of their words, the ``WORDS`` commonest) and standardised
    columns, rows of length 1."""
    parts = []
    for name, values in table.columns.items():
        if values.dtype != object:
            known = np.where(np.isfinite(values), values, np.nanmedian(values))
            parts.append(((known - known.mean()) / max(known.std(), 1e-9))[:, None])
            continue
        if name == "zip_code":
            continue
        rows = [[] if v is None else str(v).split("|") for v in values]
        counts = Counter(word for row in rows for word in set(row))
        place = {
            word: at
            for at, (word, _) in enumerate(
                sorted(counts.items(), key=lambda p: (-p[1], p[0]))[:WORDS]
            )
        }
        matrix = np.zeros((len(rows), len(place)))
        for number, row in enumerate(rows):
            for word in row:
                if word in place:
                    matrix[number, place[word]] = len(row) ** -0.5
        parts.append(matrix)
    x = np.hstack(parts)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


# --- items ----------------------------------------------------------------------------------------
# --------------


def judge_items(
    cold: People, scores_UC: np.ndarray[Any, Any], users: np.ndarray[Any, Any]
) -> dict[str, float]:
    """Users who take a cold item, all cold items ranked for them; (user, item) pairs that were
    given are masked."""
    relevant = cold.relevant.T
    put = [(user, item) for item, takers in cold.aside.items() for user in takers]
    mask = Csr.of(*zip(*put, strict=True), relevant.shape) if put else None
    full = np.full(relevant.shape, -1e9, dtype=np.float32)
    full[users] = scores_UC
    found = ranking.evaluate(
        Fixed(full), relevant, mask, ks=[TOP], item_counts=torch.ones(relevant.shape[1])
    )
    return {name: found.metrics[f"{name}@{TOP}"] for name in ("recall", "ndcg")}


def item_scores(run: gnnseg.Run, split: Split, cold: People) -> Scores:
    """The trained encoder over the graph that has the given interactions too; nothing is trained
    again."""
    from safetensors.torch import load_file

    own = run.split()
    given = persistence.restore(run.path, run.stored.config, own)
    model = assembly.assemble(run.stored.config, given.shape, Rng(int(run.stored.config["seed"])))
    model.load_state_dict(load_file(run.path / "model.safetensors"))
    model.eval()
    columns = torch.tensor([own.items.index(i) for i in cold.ids])
    rows = torch.tensor([own.users.index(u) for u in split.users.ids])

    def scores(count: int) -> np.ndarray[Any, Any]:
        more = [
            (own.users.index(split.users.ids[u]), int(columns[item]))
            for item, who in cold.aside.items()
            for u in who[:count]
        ]
        user = np.concatenate([own.train.user, np.array([u for u, _ in more], dtype=np.int64)])
        item = np.concatenate([own.train.item, np.array([i for _, i in more], dtype=np.int64)])
        key = np.unique(user * len(own.items) + item)
        ones = np.ones(len(key))
        pairs = Pairs(key // len(own.items), key % len(own.items), ones, ones.astype(np.int64))
        graph = inputs.graph_of(run.stored.config, own, pairs, None)
        with torch.no_grad():
            scorer = model.head(model.encoder(graph, given.features))
            return np.asarray(scorer.block(rows)[:, columns])

    return scores


def item_neighbours(split: Split, cold: People) -> Scores | None:
    """The mean likeness, by attributes, of a cold item to what a user took."""
    if split.item_table is None or not split.item_table.columns:
        return None
    x = encoded(split.item_table)
    warm = ~np.isin(split.train.item, cold.rows)
    taken = np.zeros((len(split.users), x.shape[1]))
    np.add.at(taken, split.train.user[warm], x[split.train.item[warm]])
    return lambda given: (taken @ x[cold.rows].T).astype(np.float32)


class Fixed:
    def __init__(self, scores: np.ndarray[Any, Any]) -> None:
        self.scores = torch.from_numpy(np.ascontiguousarray(scores, dtype=np.float32))

    def block(self, users: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        return self.scores[users].clone()


def measure(data: str, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """{'users' | 'items': {who: {given: ndcg}}}."""
    split = pipeline.read(config.compose([*SETS[data], *seeded(data, seed)]), lambda line: None)
    draw = np.random.default_rng(seed)
    nothing = np.zeros(0, dtype=np.int64)
    found: dict[str, dict[str, dict[str, float]]] = {"users": {}, "items": {}}

    def told(
        part: str,
        who: str,
        scores: Scores | None,
        judge: Callable[[np.ndarray[Any, Any]], dict[str, float]],
    ) -> None:
        if scores is not None:
            found[part][who] = {
                str(given): round(judge(scores(given))["ndcg"], 4) for given in GIVEN
            }

    pair = everything(split)
    rows = np.sort(draw.choice(len(split.users), len(split.users) // 10, replace=False))
    people = held_out(
        split, rows[np.bincount(pair[0], minlength=len(split.users))[rows] >= 5], draw, 0
    )
    raw = without(split, people.rows, nothing)
    told("users", "popularity", popularity(split, people), lambda s: judge_users(people, s))
    told("users", "neighbours", neighbours(split, people), lambda s: judge_users(people, s))
    for name, overrides in MODELS.items():
        if name in TIES and split.social is None:
            continue
        run = gnnseg.train(raw, ["split=given", "threads=1", *overrides], seed=seed)
        told("users", name, user_scores(run, split, people), lambda s: judge_users(people, s))
    rows = np.sort(
        draw.choice(
            np.flatnonzero(np.bincount(pair[1], minlength=len(split.items)) >= 5),
            len(split.items) // 10,
        )
    )
    cold = held_out(split, np.unique(rows), draw, 1)
    raw = without(split, nothing, cold.rows)
    everybody = np.arange(len(split.users))
    told(
        "items",
        "chance",
        lambda given: draw.random((len(split.users), len(cold.rows))),
        lambda s: judge_items(cold, s, everybody),
    )
    told(
        "items",
        "neighbours",
        item_neighbours(split, cold),
        lambda s: judge_items(cold, s, everybody),
    )
    for name, overrides in MODELS.items():
        if name in TIES:
            continue
        run = gnnseg.train(raw, ["split=given", "threads=1", *overrides], seed=seed)
        kept = np.flatnonzero(np.isin(split.users.ids, run.stored.users.ids))
        if len(kept) < len(split.users):
            raise SystemExit(
                f"{data}: {len(split.users) - len(kept)} users took nothing but cold items; choose "
                "another seed"
            )
        told(
            "items", name, item_scores(run, split, cold), lambda s: judge_items(cold, s, everybody)
        )
    return found


def seeded(data: str, seed: int) -> list[str]:
    return [] if data == "completejourney" else [f"split.seed={seed}"]


def table(results: dict[str, Any]) -> str:
    lines = [
        (
            "ndcg@20, means of three draws ± one standard deviation. `python "
            "experiments/attributes/cold.py`"
        ),
        "",
    ]
    for data, by_seed in results.items():
        for part in ("users", "items"):
            lines += [
                f"## {data}: new {part}",
                "",
                "| | nothing met | 1 | 3 | 10 |",
                "|---|---:|---:|---:|---:|",
            ]
            for who in next(iter(by_seed.values()))[part]:
                cells = []
                for given in GIVEN:
                    values = [one[part][who][str(given)] for one in by_seed.values()]
                    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
                    cells.append(f"{statistics.fmean(values):.3f}{spread}")
                lines.append("| " + " | ".join([who, *cells]) + " |")
            lines.append("")
    return "\n".join(lines)


def main(names: list[str]) -> None:
    path = HERE / "cold.json"
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for data in names or list(SETS):
        for seed in SEEDS:
            if str(seed) in results.get(data, {}):
                continue
            results.setdefault(data, {})[str(seed)] = measure(data, seed)
            path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
            (HERE / "cold.md").write_text(table(results), "utf-8")
            print(data, seed, json.dumps(results[data][str(seed)]), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
