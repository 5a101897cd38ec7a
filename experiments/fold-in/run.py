"""Users held out of training altogether, folded in after 1, 3, 10 and all of their training
interactions.

usage: python experiments/fold-in/run.py [--choose | --speed] [SET ...]      (data in GNNSEG_DATA,
runs in GNNSEG_RUNS, else ./runs) Writes results.json and results.md beside this file. A tenth of
the users is taken out of every part; the model is trained without them and, as the mark to reach,
with them. ``--choose`` prints what other priors and steps give on the held-out users' validation
items (how the constants of gnnseg/models/fold_in.py were chosen); tests are read without it
only. ``--speed`` measures the times again, on a machine that does nothing else.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from scipy.optimize import linear_sum_assignment

import gnnseg
from gnnseg import config
from gnnseg.data.raw import Raw
from gnnseg.evaluation import ranking
from gnnseg.models import fold_in
from gnnseg.runs import train as pipeline
from gnnseg.sparse import Csr
from gnnseg.types import Split

HERE = Path(__file__).resolve().parent
SETS: dict[str, list[str]] = {
    "ml-100k": ["data=ml-100k"],
    "ml-100k, mf": ["data=ml-100k", "encoder=mf"],
    "ml-1m": ["data=ml-1m", "head.segments=64"],
    "ml-1m, mf": ["data=ml-1m", "head.segments=64", "encoder=mf"],
    "lastfm": ["data=lastfm"],
    "lastfm, dot": ["data=lastfm", "head=dot", "head.tau=0.12", "encoder.dim=64"],
}
GIVEN: list[int | None] = [1, 3, 10, None]
SEEDS = [1, 2, 3]  # who is held out; 0 was looked at while choosing
K = 20


class Case:
    """One set, one choice of held-out users: both runs, and the questions asked of them."""

    def __init__(self, overrides: list[str], seed: int) -> None:
        self.split = pipeline.read(config.compose(overrides), lambda line: None)
        draw = np.random.default_rng(seed)
        self.out = np.sort(
            draw.choice(len(self.split.users), len(self.split.users) // 10, replace=False)
        )
        rest = [o for o in overrides if not o.startswith("data=")] + ["split=given"]
        self.without = gnnseg.train(
            raw(self.split, np.setdiff1d(np.arange(len(self.split.users)), self.out)), rest, seed=0
        )
        self.refit = gnnseg.train(raw(self.split, np.arange(len(self.split.users))), rest, seed=0)
        self.draw = np.random.default_rng(seed + 1000)

    def histories(self, given: int | None) -> dict[str, list[str]]:
        """The held-out users' training items, ``given`` of them drawn; nobody's list is empty."""
        found = {}
        for u in self.out:
            items = self.split.train.item[self.split.train.user == u]
            if given is not None and len(items) > given:
                items = self.draw.choice(items, given, replace=False)
            if len(items):
                found[str(self.split.users.ids[u])] = [str(self.split.items.ids[j]) for j in items]
        return found

    def judge(
        self, scores: np.ndarray[Any, Any], users: list[str], part: str
    ) -> tuple[float, float]:
        """recall@20 and ndcg@20 of (B,I) scores in the split's item order; train (and valid, for
        the test) is masked."""
        rows = {self.split.users.index(user): row for row, user in enumerate(users)}
        shape = (len(users), len(self.split.items))

        def sparse(names: list[str]) -> Csr:
            found = [self.split.parts[name] for name in names]
            user, item = (
                np.concatenate([p.user for p in found]),
                np.concatenate([p.item for p in found]),
            )
            mine = np.isin(user, list(rows))
            key = np.unique(np.array([rows[u] for u in user[mine]]) * shape[1] + item[mine])
            return Csr.of(key // shape[1], key % shape[1], shape)

        found = ranking.evaluate(
            Fixed(scores),
            sparse([part]),
            sparse(["train"] if part == "valid" else ["train", "valid"]),
            ks=[K],
            item_counts=torch.ones(shape[1]),
        ).metrics
        return found[f"recall@{K}"], found[f"ndcg@{K}"]

    def full(self, block: torch.Tensor, run: gnnseg.Run) -> np.ndarray[Any, Any]:
        """A run's scores in the split's item order; an item the run does not know comes last."""
        scores = np.full((len(block), len(self.split.items)), -1e9, dtype=np.float32)
        scores[:, [self.split.items.index(item) for item in run.stored.items.ids]] = block.numpy()
        return scores

    def folded(self, histories: dict[str, list[str]]) -> np.ndarray[Any, Any]:
        from gnnseg.runs import new_users as people

        who = people.read(histories, self.without.stored.known)
        with torch.no_grad():
            scorer = self.without.stored.fold_in.scorer(who.pairs, len(who.ids))
            return self.full(scorer.block(torch.arange(len(who.ids))), self.without)

    def refitted(self, users: list[str]) -> np.ndarray[Any, Any]:
        rows = torch.tensor([self.refit.stored.users.index(user) for user in users])
        with torch.no_grad():
            return self.full(self.refit.stored.scorer.block(rows), self.refit)

    def popularity(self, users: list[str]) -> np.ndarray[Any, Any]:
        keep = ~np.isin(self.split.train.user, self.out)
        counts = np.bincount(self.split.train.item[keep], minlength=len(self.split.items))
        return np.repeat(counts[None].astype(np.float32), len(users), 0)

    def matched(self) -> tuple[dict[int, int], float]:
        """The refit's segment for each of the other run's, matched on users in both; and how far
        those agree."""
        both = (
            self.without.segments()
            .select("user", "segment")
            .join(self.refit.segments().select("user", "segment"), on="user", suffix="_refit")
            .drop_nulls()
        )
        k = max(both["segment"].max(), both["segment_refit"].max())  # type: ignore[type-var]
        table = np.zeros((k, k))
        np.add.at(table, (both["segment"].to_numpy() - 1, both["segment_refit"].to_numpy() - 1), 1)
        rows, columns = linear_sum_assignment(-table)
        return {int(r) + 1: int(c) + 1 for r, c in zip(rows, columns, strict=True)}, float(
            table[rows, columns].sum() / len(both)
        )

    def agreement(self, histories: dict[str, list[str]], match: dict[int, int]) -> float:
        mine = self.without.assign(histories).select("user", "segment")
        both = mine.join(
            self.refit.segments().select("user", "segment"), on="user", suffix="_refit"
        ).drop_nulls()
        same = [match[a] == b for a, b in zip(both["segment"], both["segment_refit"], strict=True)]
        return float(np.mean(same))


class Fixed:
    def __init__(self, scores: np.ndarray[Any, Any]) -> None:
        self.scores = torch.from_numpy(scores)

    def block(self, users: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        return self.scores[users].clone()


def raw(split: Split, keep: np.ndarray[Any, Any]) -> Raw:
    """The three parts with some users only, as a table of original ids."""
    frames = []
    for number, pairs in enumerate(split.parts.values()):
        mine = np.isin(pairs.user, keep)
        frames.append(
            pl.DataFrame(
                {
                    "user": split.users.ids[pairs.user[mine]].astype(str),
                    "item": split.items.ids[pairs.item[mine]].astype(str),
                    "weight": pairs.weight[mine],
                    "part": np.full(int(mine.sum()), number, dtype=np.int8),
                }
            )
        )
    return Raw(name=split.name, events=pl.concat(frames))


def claim(name: str) -> dict[str, Any]:
    rows: dict[str, list[tuple[float, ...]]] = {}
    ceiling = []
    for seed in SEEDS:
        case = Case(SETS[name], seed)
        segmented = case.without.stored.has_segments
        match, same = case.matched() if segmented else ({}, float("nan"))
        ceiling.append(same)
        for given in GIVEN:
            histories = case.histories(given)
            found = case.judge(case.folded(histories), list(histories), "test")
            agree = case.agreement(histories, match) if segmented else float("nan")
            rows.setdefault("all" if given is None else str(given), []).append((*found, agree))
        users = list(case.histories(None))
        rows.setdefault("refit", []).append((*case.judge(case.refitted(users), users, "test"), 1.0))
        rows.setdefault("popularity", []).append(
            (*case.judge(case.popularity(users), users, "test"), float("nan"))
        )
    result: dict[str, Any] = {
        given: {
            metric: None if np.isnan(values).any() else round(statistics.fmean(values), 4)
            for metric, values in zip(
                ("recall@20", "ndcg@20", "agreement"), zip(*found, strict=True), strict=True
            )
        }
        for given, found in rows.items()
    }
    result["ratio"] = round(result["all"]["ndcg@20"] / result["refit"]["ndcg@20"], 3)
    result["agreement of users in both"] = (
        round(statistics.fmean(ceiling), 4) if segmented else None
    )
    result["overrides"], result["held out by seeds"] = SETS[name], SEEDS
    result["speed"] = speed(case)
    return result


def speed(case: Case) -> dict[str, float]:
    """Newcomers a second (embedded, assigned and given 20 items), 4,096 at once; seconds for one,
    once loaded. Medians of five."""
    lists = list(case.histories(None).values())
    many = {f"new {n}": lists[n % len(lists)] for n in range(4096)}
    case.without.recommend({"warm": lists[0]}, K)
    several, one = [], []
    for turn in range(5):
        begun = time.perf_counter()
        case.without.recommend(many, K)
        several.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        case.without.recommend({"one": lists[turn]}, K)
        one.append(time.perf_counter() - begun)
    return {
        "users a second": round(len(many) / statistics.median(several)),
        "one user, ms": round(1000 * statistics.median(one), 1),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count() or 0,
    }


def choose(names: list[str]) -> None:
    """Validation ndcg@20 of the held-out users under several priors."""
    for name in names:
        case = Case(SETS[name], 0)
        lists = {given: case.histories(given) for given in GIVEN}
        for caution in (30.0, 50.0, 100.0):
            for enough in (2.0, 4.0, 8.0):
                fold_in.CAUTION, fold_in.ENOUGH = caution, enough
                found = [case.judge(case.folded(h), list(h), "valid")[1] for h in lists.values()]
                print(
                    name,
                    f"caution {caution:g}, enough {enough:g}",
                    " ".join(f"{value:.4f}" for value in found),
                    flush=True,
                )


ROWS = ("popularity", "1", "3", "10", "all", "refit")


def table(results: dict[str, Any]) -> str:
    head = (
        "| set | popularity | 1 | 3 | 10 | all | refit | all / refit "
        "| segment as refit's: 1, 3, 10, all (users in both) | users a second | one user |"
    )
    lines = [head, "|---|" + "---:|" * 10]
    recall = ["| set | popularity | 1 | 3 | 10 | all | refit |", "|---|" + "---:|" * 6]
    for name, r in results.items():
        ndcg = [f"{r[row]['ndcg@20']:.3f}" for row in ROWS]
        agree = ""
        if r["1"]["agreement"] is not None:
            agree = ", ".join(f"{r[row]['agreement']:.2f}" for row in ("1", "3", "10", "all"))
            agree += f" ({r['agreement of users in both']:.2f})"
        fast = [f"{r['speed']['users a second']:,}", f"{r['speed']['one user, ms']} ms"]
        lines.append("| " + " | ".join([name, *ndcg, f"{r['ratio']:.3f}", agree, *fast]) + " |")
        recall.append(
            "| " + " | ".join([name, *(f"{r[row]['recall@20']:.3f}" for row in ROWS)]) + " |"
        )
    said = (
        "ndcg@20 on the test items of users the model has never seen, by how many of their "
        "interactions it is given."
    )
    return "\n".join([said, "", *lines, "", "recall@20 of the same lists.", "", *recall]) + "\n"


def main(arguments: list[str]) -> None:
    names = [a for a in arguments if not a.startswith("-")] or list(SETS)
    if "--choose" in arguments:
        choose(names)
        return
    path = HERE / "results.json"
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for name in names:
        if "--speed" in arguments:
            results[name]["speed"] = speed(Case(SETS[name], SEEDS[-1]))
        else:
            results[name] = claim(name)
        results = {known: results[known] for known in SETS if known in results}
        path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        (HERE / "results.md").write_text(table(results), "utf-8")
        print(name, json.dumps(results[name]), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
