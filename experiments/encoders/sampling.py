"""How fast neighbours are drawn, and what a sampled step costs as the number of users grows, beside
a step over the whole graph.

usage: python experiments/encoders/sampling.py Writes sampling.json and sampling.md beside this
file. Drawn graphs: 20 items a user by a power law, 20,000 items. A step: GraphSAGE of two layers, D
64, BPR on 1,024 pairs, forward and backward; with [10,10] neighbours or all. Memory: the peak of
the process beyond what it held once graph, model and a first small step stood, in a process of its
own; vectors of one's own are parameters, whose gradient has their size whatever a step asks for, so
that attributes alone show what sampling itself costs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.neighbours import by_neighbours, neighbours, sampled
from gnnseg.models.encoders import SAGE
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Features, Shape

HERE = Path(__file__).resolve().parent
ITEMS, EACH, BATCH, COLUMNS, STEPS = 20_000, 20, 1024, 16, 7
USERS = (20_000, 80_000, 320_000)


def drawn(users: int) -> BipartiteGraph:
    g = np.random.default_rng(0)
    item = (ITEMS * g.random((users, EACH)) ** 2.5).astype(np.int64)
    key = np.unique(np.repeat(np.arange(users), EACH) * ITEMS + item.reshape(-1))
    return BipartiteGraph(Csr.of(key // ITEMS, key % ITEMS, (users, ITEMS)))


def speed() -> dict[str, float]:
    """Million edges a second, medians of seven, on all threads."""
    graph, found = drawn(USERS[1]), {}
    nodes = torch.arange(graph.users)
    for count in (5, 10, 15):
        times = []
        for n in range(STEPS):
            begin = time.perf_counter()
            row, _ = neighbours(graph.pattern, nodes, count, Rng(n))
            times.append(len(row) / (time.perf_counter() - begin) / 1e6)
        found[f"{count} of each user"] = round(statistics.median(times), 2)
    wanted = {"user": torch.arange(BATCH), "item": torch.arange(2 * BATCH)}
    times = []
    for n in range(STEPS):
        begin = time.perf_counter()
        blocks = sampled(graph.edge_types, wanted, 2, by_neighbours([10, 10], Rng(n)))
        edges = sum(e.pattern.entries for block in blocks.layers for e in block.edge_types)
        times.append(edges / (time.perf_counter() - begin) / 1e6)
    found["blocks of two layers, 10 and 10"] = round(statistics.median(times), 2)
    return found


def step(users: int, sample: bool, alone: bool) -> dict[str, float]:
    """Peak MB beyond what stood before, and the median seconds of a step, in this process."""
    graph = drawn(users)
    features = (
        Features(torch.randn(users, COLUMNS), torch.randn(ITEMS, COLUMNS)) if alone else Features()
    )
    shape = Shape(
        users, ITEMS, graph.pattern.degrees()[1], *((COLUMNS, COLUMNS) if alone else (0, 0))
    )
    encoder = SAGE(
        shape, Rng(0), dim=64, layers=2, aggregate="mean", init="normal", scale=0.1,
        attributes="alone" if alone else None,
        neighbours=[10, 10] if sample else None, combine="mean", unit=False,
    )  # fmt: skip
    small = torch.arange(2)
    if sample:  # what is made once
        encoder(graph, features, small, small, rng=Rng(0)).user_UD.sum().backward()
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak is counted anew
    before, times = _peak(), []
    for n in range(STEPS):
        begin = time.perf_counter()
        draw = Rng(n).torch("pairs")
        pairs = torch.randint(graph.pattern.entries, (BATCH,), generator=draw)
        user, u = torch.unique(graph.pattern.row[pairs], return_inverse=True)
        both = torch.cat(
            [graph.pattern.column[pairs], torch.randint(ITEMS, (BATCH,), generator=draw)]
        )
        item, i = torch.unique(both, return_inverse=True)
        if sample:
            e = encoder(graph, features, user, item, rng=Rng(n))
            users_BD, items_BD = e.user_UD[u], e.item_ID[i]
        else:
            e = encoder(graph, features, rng=Rng(n))
            users_BD, items_BD = e.user_UD[user[u]], e.item_ID[item[i]]
        difference = (users_BD * (items_BD[:BATCH] - items_BD[BATCH:])).sum(-1)
        encoder.zero_grad(set_to_none=True)
        torch.nn.functional.softplus(-difference).mean().backward()
        times.append(time.perf_counter() - begin)
    return {"MB": round(_peak() - before, 1), "seconds": round(statistics.median(times), 4)}


def _peak() -> float:
    """MB of memory that this process has held at most since it was last counted anew."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def apart(users: int, sample: bool, alone: bool) -> dict[str, float]:
    """``step`` in a process of its own."""
    arguments = [str(users), str(int(sample)), str(int(alone))]
    done = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    results: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "million edges a second": speed(),
    }
    lines = [
        (
            "`python experiments/encoders/sampling.py`, two CPU cores. Million edges a second, "
            "medians of seven:"
        ),
        "",
    ]
    lines += [f"- {name}: {value}" for name, value in results["million edges a second"].items()]
    for alone in (True, False):
        title = "attributes alone" if alone else "vectors of one's own"
        lines += [
            "",
            f"A step's peak MB, and seconds (median of seven), {title}:",
            "",
            "| users | [10,10] neighbours | all |",
        ]
        lines += ["|---:|---:|---:|"]
        for users in USERS:
            some, whole = apart(users, True, alone), apart(users, False, alone)
            results.setdefault(title, {})[str(users)] = {"sampled": some, "whole": whole}
            cells = [f"{cell['MB']:.0f} MB, {cell['seconds']:.2f} s" for cell in (some, whole)]
            lines.append(f"| {users:,} | {' | '.join(cells)} |")
            print(lines[-1], file=sys.stderr, flush=True)
    (HERE / "sampling.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    (HERE / "sampling.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(step(int(sys.argv[1]), sys.argv[2] == "1", sys.argv[3] == "1")))
    else:
        main()
