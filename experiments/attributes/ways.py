"""Features, behaviour, social network, and all three jointly, side by side: what each way of
segmenting sees.

usage: python experiments/attributes/ways.py [SET ...]        (data in GNNSEG_DATA, runs in
GNNSEG_RUNS, else ./runs) Writes ways.json and ways.md beside this file. Sixteen segments;
communities of networkx (Louvain, Blondel et al. 2008; label propagation, Raghavan et al. 2007) have
as many as they find, and recommend what their members took, as `posthoc` does. Weights of the joint
model were chosen on validation of seed 0 among JOINT; tests are read for the seeds below.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import torch

from gnnseg import config
from gnnseg.config import build
from gnnseg.evaluation import evaluator, segments
from gnnseg.graph import build as graph_of
from gnnseg.models.heads.posthoc import HardScorer, shares
from gnnseg.runs import train as pipeline
from gnnseg.types import Split

HERE = Path(__file__).resolve().parent
TELLING = [
    "data.homophily=0.6",
    "data.group_signal=0.6",
    "data.category_signal=0.6",
]  # each way sees the segments as well
SETS: dict[str, list[str]] = {
    "lastfm-2k": ["data=lastfm-2k"],
    "planted": ["data=planted", *TELLING],
    "planted, hard": ["data=planted", "data.preset=hard", *TELLING],
}
ALL = ["encoder=lightgcn", "encoder.attributes=beside"]
JOINT = [
    [f"encoder.social={s}", f"regularisers.social.weight={w}"]
    for s in (0.2, 0.5, 1.0)
    for w in (0.0, 0.3)
]
WAYS: dict[str, list[str]] = {
    "features (linear)": ["encoder=linear"],
    "behaviour (lightgcn)": ["encoder=lightgcn"],
    "network alone (social, objective network)": ["encoder=social", "objective=network"],
    "network, read by interactions (social)": ["encoder=social"],
}
COMMUNITIES = {
    "network alone (Louvain)": lambda g, seed: nx.community.louvain_communities(g, seed=seed),
    "network alone (label propagation)": lambda g, seed: nx.community.asyn_lpa_communities(
        g, seed=seed
    ),
}
SEEDS = (0, 1, 2)
MEASURES = (
    "test/recall@20", "test/ndcg@20", "segment/segments_per_user", "segment/effective_k",
    "segment/friends_together",
    "segment/friends_by_chance", "segment/recovery_ari",
)  # fmt: skip


def train(overrides: list[str]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "gnnseg", "train", *overrides, "threads=1"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(
        (Path(done.stdout.strip()) / "run.json").read_text("utf-8")
    )["metrics"]
    return found


def communities(name: str, split: Split, seed: int) -> np.ndarray[Any, Any]:
    """Each user's community; who has no tie is in one together."""
    assert split.social is not None
    graph = nx.Graph(zip(split.social.source.tolist(), split.social.target.tolist(), strict=True))
    found = np.zeros(len(split.users), dtype=np.int64)
    for number, members in enumerate(COMMUNITIES[name](graph, seed), 1):
        found[list(members)] = number
    return np.unique(found, return_inverse=True)[1]


def community_metrics(name: str, overrides: list[str], seed: int) -> dict[str, float]:
    c = config.compose(overrides)
    split = pipeline.read(c, lambda line: None)
    protocol = build(c["evaluation"])
    assignment = communities(name, split, seed)
    graph = graph_of(split.train, len(split.users), len(split.items), weights=None)
    k = int(assignment.max()) + 1
    hard = torch.from_numpy(assignment)
    scorer = HardScorer(hard, shares(hard, k, graph), torch.zeros(k, 1))
    test = evaluator.rank(
        scorer, protocol.test_task(split), protocol, split.train, torch.device("cpu")
    ).metrics
    assert split.social is not None
    together, chance = segments.friends_together(assignment, split.social)
    found = {
        **{f"test/{metric}": value for metric, value in test.items()},
        "segment/segments_per_user": 1.0,
        "segment/effective_k": segments.effective_k(scorer.alpha),
        "segment/friends_together": together,
        "segment/friends_by_chance": chance,
    }  # fmt: skip
    if split.truth is not None:
        found["segment/recovery_ari"] = segments.agreement(assignment, split.truth.alpha.argmax(1))[
            "ari"
        ]
    return found


def compare(data: str) -> dict[str, Any]:
    tried = {" ".join(j): train([*SETS[data], *ALL, *j])["valid/ndcg@20"] for j in JOINT}
    joint = max(tried, key=lambda choice: tried[choice]).split()
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in SEEDS:
        seeded = [*SETS[data], f"seed={seed}", f"split.seed={seed}"]
        for name, overrides in {**WAYS, f"all three ({' '.join(joint)})": [*ALL, *joint]}.items():
            rows.setdefault(name, []).append(train([*seeded, *overrides]))
        for name in COMMUNITIES:
            rows.setdefault(name, []).append(community_metrics(name, seeded, seed))
        print(data, "seed", seed, "done", file=sys.stderr, flush=True)
    figures = {
        name: {
            m: [round(statistics.fmean(v), 4), round(statistics.stdev(v), 4)]
            for m in MEASURES
            if len(v := [f[m] for f in found if m in f]) == len(SEEDS)
        }
        for name, found in rows.items()
    }
    return {
        "command": SETS[data],
        "seeds": SEEDS,
        "tried on validation": tried,
        "joint": joint,
        "figures": figures,
    }


def table(results: dict[str, Any]) -> str:
    lines = [
        (
            "Means of three splits and seeds ± one standard deviation. `python "
            "experiments/attributes/ways.py`"
        ),
        "",
    ]
    for data, result in results.items():
        head = [
            "way",
            "recall@20",
            "ndcg@20",
            "segments a user",
            "effective K",
            "friends together",
            "by chance",
            "ARI with truth",
        ]
        lines += [
            f"## {data}",
            "",
            "| " + " | ".join(head) + " |",
            "|---|" + "---:|" * (len(head) - 1),
        ]
        for name, f in result["figures"].items():
            cells = [f"{f[m][0]:.3f} ± {f[m][1]:.3f}" if m in f else "" for m in MEASURES]
            lines.append("| " + " | ".join([name, *cells]) + " |")
        lines.append("")
    return "\n".join(lines)


def main(names: list[str]) -> None:
    path = HERE / "ways.json"
    results = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for data in names or list(SETS):
        results[data] = compare(data)
        results = {known: results[known] for known in SETS if known in results}
        path.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        (HERE / "ways.md").write_text(table(results), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
