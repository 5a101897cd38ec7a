"""How many segments of data without structure are called natural: at most 5 % may be.

usage: python experiments/segments/chance.py [--cells PATTERN ...] [--minutes M] [--table]

A graph of chance has the degrees of a set, its pairs drawn anew (Curveball, Strona et al. 2014).
The command's own training and evidence judge it, with five refits of each kind and on 19 further
rewirings. A graph is a line of chance.jsonl; what stands there is not done again. --table writes
chance.md of what there is.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from plan import GENERATORS, LEVELS, SIZES

import gnnseg
from gnnseg import config
from gnnseg.graph.rewiring import rewired
from gnnseg.rng import Rng
from gnnseg.runs import train as pipeline
from gnnseg.runs.numerics import NUMERICS
from gnnseg.types import Pairs

HERE = Path(__file__).resolve().parent
OUT, TABLE = HERE / "chance.jsonl", HERE / "chance.md"
SETS = {  # name: what is composed
    **{
        f"blocks/{level}": ["data=planted", *SIZES, *GENERATORS["blocks"], *LEVELS[level]]
        for level in ("easy", "hard")
    },
    "ml-100k": ["data=ml-100k"],
    "lastfm-2k": ["data=lastfm-2k"],
}
SEGMENTS = (8, 16)
GRAPHS = 5
FIGURES = {  # column: metric
    "natural": "segment/natural_share",
    "reproducible": "segment/reproducible_share",
    "constructive": "segment/constructive_share",
    "jaccard": "segment/stability_jaccard",
    "soft": "segment/stability_soft",
    "sure": "segment/sure_share",
    "modularity": "segment/modularity",
    "of chance": "segment/rewired_modularity",
    "effective K": "segment/effective_k",
}


def cells() -> Iterator[tuple[str, int, int]]:
    """Set, number of segments, number of the graph; graph 0 of all first."""
    for graph in range(GRAPHS):
        for name in SETS:
            for segments in SEGMENTS:
                yield name, segments, graph


def pairs_of(name: str) -> Pairs:
    """A set's pairs of all parts, each once."""
    split = pipeline.read(config.compose(SETS[name]), lambda line: None)
    parts = split.train, split.valid, split.test
    user, item = (
        np.concatenate([getattr(part, side) for part in parts]) for side in ("user", "item")
    )
    key = np.unique(user * len(split.items) + item)
    user, item = key // len(split.items), key % len(split.items)
    once = np.ones(len(user))
    return Pairs(user=user, item=item, weight=once, count=once.astype(np.int64))


def judged(name: str, segments: int, graph: int, root: Path) -> dict[str, Any]:
    """Train on a graph of chance, look for evidence, return a line."""
    drawn = rewired(pairs_of(name), Rng(graph).child("graph of chance"))
    table = {"user": drawn.user, "item": drawn.item}
    begun = time.monotonic()
    run = gnnseg.train(
        gnnseg.interactions(table, name="chance"),
        [
            f"runs.root={root}", f"head.segments={segments}", "evidence.refits=5",
            "evidence.rewired=true", "threads=1",
        ],
        seed=graph,
    )  # fmt: skip
    figures = {column: run.metrics.get(metric) for column, metric in FIGURES.items()}
    return {
        "set": name, "segments": segments, "graph": graph, "numerics": NUMERICS,
        "seconds": round(time.monotonic() - begun, 1), **figures,
    }  # fmt: skip


def stored() -> dict[tuple[str, int, int], dict[str, Any]]:
    lines = OUT.read_text("utf-8").splitlines() if OUT.exists() else []
    read = [json.loads(line) for line in lines]
    return {(line["set"], line["segments"], line["graph"]): line for line in read}


def write_table() -> None:
    """A row a set and number of segments: means over its graphs."""
    heads = list(FIGURES)
    rows = [
        "| set | K | graphs | " + " | ".join(heads) + " |",
        "|---|---:|---:" + "|---:" * len(heads) + "|",
    ]
    found = stored()
    every: list[float] = []
    for name in SETS:
        for segments in SEGMENTS:
            lines = [line for (s, k, _), line in found.items() if (s, k) == (name, segments)]
            if not lines:
                continue
            every += [line["natural"] for line in lines]
            means = [f"{np.mean([line[head] for line in lines]):.3f}" for head in heads]
            rows.append(f"| {name} | {segments} | {len(lines)} | {' | '.join(means)} |")
    share = (
        f"Natural: {100 * np.mean(every):.1f} % of the segments of {len(every)} graphs of chance."
    )
    TABLE.write_text("\n".join(["# Segments of chance", "", share, "", *rows, ""]), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", nargs="+", default=["*"], help="such as 'ml-100k/K8/*'")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.table:
        write_table()
        return
    until, done = time.monotonic() + 60 * given.minutes, stored()
    for name, segments, graph in cells():
        cell = f"{name}/K{segments}/g{graph}"
        if (name, segments, graph) in done or time.monotonic() > until:
            continue
        if not any(fnmatch.fnmatch(cell, pattern) for pattern in given.cells):
            continue
        with tempfile.TemporaryDirectory() as root:
            line = judged(name, segments, graph, Path(root))
        with OUT.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
