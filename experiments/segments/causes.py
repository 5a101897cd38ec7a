"""Why two trainings disagree about who is in which segment: the causes, one at a time.

usage: python experiments/segments/causes.py [--data ml-100k] [--segments 8 16] [--refits 5]
           [--parts refits borders numbers] [--set KEY=VALUE …] [--out FILE]

Writes causes.json (a key a data set, K, settings and part) and prints it as tables; what stands
there is not done again. Shape legend: U users, K segments, R refits.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent))
import measure
from fits import Array
from measure import Ground

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads import Segments
from gnnseg.models.kmeans import nearest
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Pairs

OUT = Path(__file__).resolve().parent / "causes.json"
SURE = 0.6  # largest alpha of a user who is sure
SAME = 0.9  # ARI above which two refits have found one optimum
NOISE = (0.05, 0.1, 0.2, 0.4)
BINS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)
NUMBERS = (2, 3, 4, 6, 8, 12, 16, 24, 32)


@dataclass(frozen=True)
class Refit:
    """alpha (U,K), the partition (U,) that its prototypes started from, its mean log-likelihood a
    training pair, and validation ndcg@20."""

    alpha: Array
    start: Array
    likelihood: float
    ndcg: float

    @property
    def label(self) -> Array:
        """Return each user's segment, (U,)."""
        found: Array = self.alpha.argmax(1)
        return found


@dataclass(frozen=True)
class Study:
    """A data set, K, and the settings beside."""

    ground: Ground
    data: str
    settings: list[str]

    def refit(
        self,
        segments: int,
        seed: int,
        start: int | Array | None = None,
        train: Pairs | None = None,
    ) -> Refit:
        """Train once.

        Args:
            segments: K.
            seed: Of every draw.
            start: A seed of the prototypes' start alone; a partition (U,) whose means they start
                at; None: as the head does by ``seed``.
            train: Training pairs in place of the set's.
        """
        starts: list[Array] = []
        with mock.patch.object(Segments, "reset", _reset(start, starts)):
            with tempfile.TemporaryDirectory() as root:
                own = [f"runs.root={root}", "threads=1", "device=cpu", f"head.segments={segments}"]
                settings = [*self.settings, *own]
                run, alpha = measure.trained(self.ground, self.data, settings, seed, train)
                pairs = self.ground.split.train if train is None else train
                beta = run.beta[
                    :, run.stored.items.to_index(self.ground.split.items.ids, missing=-1)
                ]
                chance = (alpha[pairs.user].astype(float) * beta.T[pairs.item]).sum(1)
        return Refit(
            alpha, starts[0], float(np.log(chance).mean()), float(run.metric("valid/ndcg@20"))
        )


def _reset(start: int | Array | None, starts: list[Array]) -> Callable[..., None]:
    """Return what stands in for ``Segments.reset``; it appends the partition started from."""
    original = Segments.reset

    @torch.no_grad()
    def reset(self: Segments, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        if isinstance(start, np.ndarray):
            unit = F.normalize(embeddings.user_UD, dim=-1)
            one = F.one_hot(torch.from_numpy(start), self.segments).to(unit.dtype)
            centres = one.T @ unit / one.sum(0).clamp(min=1)[:, None]
            self.user_KD.copy_(centres)
            if self.item_KD is not None:
                self.item_KD.copy_(centres)
        else:
            original(self, embeddings, graph, rng if start is None else Rng(start))
        starts.append(nearest(embeddings.user_UD, self.user_KD).numpy())

    return reset


def refits(study: Study, segments: int, count: int) -> dict[str, Any]:
    """Change one thing at a time, ``count`` refits with the first; all pairs are compared."""
    first = study.refit(segments, 0)
    train = study.ground.split.train
    numbers = range(1, count)
    some = [measure.subset(train, 0.9, n) for n in numbers]

    def each(make: Callable[[int], Refit]) -> list[Refit]:
        return [first, *(make(n) for n in numbers)]

    ways = {
        "start alone": each(lambda n: study.refit(segments, 0, start=n)),
        "seed, start kept": each(lambda n: study.refit(segments, n, start=first.start)),
        "seed": each(lambda n: study.refit(segments, n)),
        "90 % of events, start kept": each(
            lambda n: study.refit(segments, 0, start=first.start, train=some[n - 1])
        ),
        "90 % of events and seed": each(lambda n: study.refit(segments, n, train=some[n - 1])),
    }
    found: dict[str, Any] = {name: compared(study.ground, runs) for name, runs in ways.items()}
    found["optima"] = optima(study.ground, [*ways["start alone"], *ways["seed"][1:]])
    found["by sureness"] = by_sureness(study.ground, ways["seed"])
    return found


def compared(ground: Ground, runs: list[Refit]) -> dict[str, float]:
    """Return the mean agreement of all pairs of refits, and of their starts."""
    rows = [pair(ground, a, b) for a, b in itertools.combinations(runs, 2)]
    found = {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}
    aris = [row["ari"] for row in rows]
    return {
        **found,
        "min_ari": min(aris),
        "max_ari": max(aris),
        "ndcg": float(np.mean([run.ndcg for run in runs])),
        "likelihood": float(np.mean([run.likelihood for run in runs])),
        "refits": len(runs),
    }


def pair(ground: Ground, a: Refit, b: Refit) -> dict[str, float]:
    """Return how far two refits agree, over users with training pairs.

    ``soft``: 1 - mean total variation of matched alpha, 0 at its value under permuted users.
    """
    x, y = a.alpha[ground.known], b.alpha[ground.known]
    matched = y[:, matching(x, y)]
    order = np.random.default_rng(0).permutation(len(x))
    near, chance = _overlap(x, matched), _overlap(x, matched[order])
    sure = (x.max(1) >= SURE) & (y.max(1) >= SURE)
    enough = sure.sum() > 1
    ari = adjusted_rand_score
    return {
        "ari": float(ari(x.argmax(1), y.argmax(1))),
        "soft": (near - chance) / (1 - chance),
        "sure_ari": float(ari(x[sure].argmax(1), y[sure].argmax(1))) if enough else np.nan,
        "sure": float(sure.mean()),
        "same": float((x.argmax(1) == matched.argmax(1)).mean()),
        "start_ari": float(ari(a.start[ground.known], b.start[ground.known])),
    }


def _overlap(x: Array, y: Array) -> float:
    return float(1 - 0.5 * np.abs(x - y).sum(1).mean())


def matching(x: Array, y: Array) -> Array:
    """Return for each segment of x the column of y that shares most mass with it (Hungarian)."""
    columns: Array = linear_sum_assignment(-(x.T @ y))[1]
    return columns


def optima(ground: Ground, runs: list[Refit]) -> dict[str, Any]:
    """Count distinct optima, and set agreement against the gap in likelihood.

    Refits whose ARI exceeds ``SAME``, directly or through others, have found one.
    """
    of = list(range(len(runs)))
    gaps, aris = [], []
    for a, b in itertools.combinations(range(len(runs)), 2):
        agreed = pair(ground, runs[a], runs[b])["ari"]
        aris.append(agreed)
        gaps.append(abs(runs[a].likelihood - runs[b].likelihood))
        if agreed > SAME:
            of = [of[a] if one == of[b] else one for one in of]
    values = sorted((run.likelihood for run in runs), reverse=True)
    best = max(range(len(runs)), key=lambda n: runs[n].likelihood)
    to_best = [pair(ground, runs[best], run)["ari"] for run in runs]
    ranks = np.argsort(np.argsort([gaps, aris], axis=1), axis=1)
    return {
        "refits": len(runs),
        "optima": len(set(of)),
        "likelihoods": values,
        "ndcg": [run.ndcg for run in runs],
        "ari with the likeliest": to_best,
        "rank correlation of ARI and gap": float(np.corrcoef(ranks)[0, 1]),
        "ARI where the gap is in the lower half": float(
            np.mean(np.array(aris)[np.array(gaps) <= np.median(gaps)])
        ),
        "pairs": [list(one) for one in zip(gaps, aris, strict=True)],
    }


def by_sureness(ground: Ground, runs: list[Refit]) -> list[dict[str, float]]:
    """Return by the user's largest alpha how many there are, and stay in the matched segment."""
    largest, same = [], []
    for a, b in itertools.permutations(runs, 2):
        x, y = a.alpha[ground.known], b.alpha[ground.known]
        largest.append(x.max(1))
        same.append(x.argmax(1) == y[:, matching(x, y)].argmax(1))
    top, stay = np.concatenate(largest), np.concatenate(same)
    bins = [(low, high, (top >= low) & (top < high)) for low, high in itertools.pairwise(BINS)]
    return [
        {"from": low, "to": high, "share": float(at.mean()), "same": float(stay[at].mean())}
        for low, high, at in bins
        if at.any()
    ]


def borders(study: Study, segments: int) -> list[dict[str, float]]:
    """Add noise to one alpha's logits: what soft users on borders alone bring hard ARI to."""
    alpha = study.refit(segments, 0).alpha[study.ground.known].astype(float)
    g = np.random.default_rng(0)
    found = []
    for sd in NOISE:
        logit = np.log(alpha + 1e-12)
        noisy = [logit + sd * g.normal(size=alpha.shape) for _ in range(10)]
        aris = [adjusted_rand_score(alpha.argmax(1), each.argmax(1)) for each in noisy]
        found.append({"sd": sd, "ari": float(np.mean(aris))})
    return found


def numbers(study: Study, count: int) -> list[dict[str, float]]:
    """Return the agreement of refits by seed over K."""
    found = []
    for k in NUMBERS:
        runs = [study.refit(k, seed) for seed in range(min(3, count))]
        found.append({"segments": k, **compared(study.ground, runs)})
    return found


def main() -> None:
    """Do what is asked for and not done yet, and print all there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--segments", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--refits", type=int, default=5)
    parser.add_argument("--parts", nargs="+", default=["refits", "borders", "numbers"])
    parser.add_argument(
        "--set",
        nargs="+",
        default=["head.start=k-means"],
        help="settings in place of head.start=k-means",
    )
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    study = Study(Ground.of(given.data, given.set), given.data, given.set)
    ways: dict[str, Callable[[int], Any]] = {
        "refits": lambda k: refits(study, k, given.refits),
        "borders": lambda k: borders(study, k),
        "numbers": lambda k: numbers(study, given.refits),
    }
    for part in given.parts:
        for k in given.segments if part != "numbers" else [0]:
            key = " ".join([given.data, *given.set, part, *([f"K={k}"] if k else [])])
            stored = json.loads(given.out.read_text("utf-8")) if given.out.exists() else {}
            if key in stored:
                continue
            begun = time.process_time()
            found = ways[part](k)
            stored[key] = {"found": found, "cpu_seconds": round(time.process_time() - begun, 1)}
            given.out.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    for key, each in json.loads(given.out.read_text("utf-8")).items():
        print(f"\n{key}\n{_table(each['found'])}")


def _table(found: Any) -> str:
    """Return rows of figures as a Markdown table; a dict's keys come first."""
    if isinstance(found, dict):
        lists = {name: row for name, row in found.items() if isinstance(row, list)}
        flat = [{"": name, **row} for name, row in found.items() if "ari" in row]
        rest = {name: row for name, row in found.items() if "optima" in row}
        lines = [_table(flat)]
        for name, row in rest.items():
            lines.append(f"\n{name}:")
            lines += [f"- {key}: {_figure(value)}" for key, value in row.items() if key != "pairs"]
        lines += [f"\n{name}:\n{_table(rows)}" for name, rows in lists.items()]
        return "\n".join(lines)
    head = list(found[0])
    rows = [" | ".join(_figure(row[key]) for key in head) for row in found]
    return "\n".join(
        [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {r} |" for r in rows)]
    )


def _figure(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_figure, value))
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
