"""PyTorch Geometric's layers beside ours: time of one pass forward and back, in one run, on a drawn graph of ML-1M's size.

usage: python experiments/encoders/layers.py
Writes layers.json and layers.md beside this file. 6,040 users, 3,706 items, about 570,000 pairs by a power law, D 64, torch's own
number of threads; medians of five passes after one that does not count; ratio: PyG's time / ours.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch_geometric
from torch import Tensor
from torch_geometric.nn import LGConv, RGCNConv, SAGEConv

from gnnseg.encoders import RGCN, SAGE, LightGCN
from gnnseg.encoders.base import Encoder
from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Features, Shape

HERE = Path(__file__).resolve().parent
USERS, ITEMS, PAIRS, D, PASSES = 6040, 3706, 570_000, 64, 5
Pass = Callable[[], Tensor]


def drawn() -> BipartiteGraph:
    g = np.random.default_rng(0)
    user, item = (
        (USERS * g.random(2 * PAIRS) ** 1.5).astype(np.int64),
        (ITEMS * g.random(2 * PAIRS) ** 2.0).astype(np.int64),
    )
    key = np.unique(user * ITEMS + item)
    key = np.sort(g.permutation(key)[:PAIRS])
    return BipartiteGraph(Csr.of(key // ITEMS, key % ITEMS, (USERS, ITEMS)))


def ours(encoder: Encoder, graph: BipartiteGraph) -> Pass:
    def once() -> Tensor:
        e = encoder(graph, Features())
        return e.user_UD.square().sum() + e.item_ID.square().sum()

    return once


def theirs(layers: list[torch.nn.Module], edges: list[tuple[Tensor, ...]], bipartite: bool) -> Pass:
    """Their layers on one graph of all nodes, or to users and to items apart."""
    user = torch.nn.Parameter(torch.randn(USERS, D) * 0.1)
    item = torch.nn.Parameter(torch.randn(ITEMS, D) * 0.1)

    def once() -> Tensor:
        if bipartite:
            return layers[0]((item, user), *edges[0]).square().sum() + layers[1]((user, item), *edges[1]).square().sum()
        x = torch.cat([user, item])
        total = x
        for layer in layers:
            x = layer(x, *edges[0])
            total = total + x
        return total.square().sum()

    return once


def median(once: Pass) -> float:
    times = []
    for _ in range(PASSES + 1):
        begun = time.perf_counter()
        once().backward()  # type: ignore[no-untyped-call]
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def main() -> None:
    torch.manual_seed(0)
    graph = drawn()
    shape = Shape(USERS, ITEMS, graph.pattern.degrees()[1])
    row, column = graph.pattern.row, graph.pattern.column
    to_user, to_item = torch.stack([column, row]), torch.stack([row, column])
    whole = torch.cat([torch.stack([column + USERS, row]), torch.stack([row, column + USERS])], dim=1)
    kinds = torch.arange(2).repeat_interleave(graph.pattern.entries)
    matrix = (
        torch.sparse_coo_tensor(whole.flip(0), torch.ones(whole.shape[1]), (USERS + ITEMS,) * 2)
        .coalesce()
        .to_sparse_csr()
    )
    common = {"dim": D, "init": "normal", "scale": 0.1, "combine": "mean", "attributes": None}
    weights = {**common, "layers": 1, "neighbours": None}

    def sage(aggregate: str) -> tuple[Pass, Pass]:
        layers = [SAGEConv((D, D), D, aggr=aggregate) for _ in range(2)]
        mine = SAGE(shape, Rng(0), **weights, aggregate=aggregate, unit=False)
        return ours(mine, graph), theirs(layers, [(to_user,), (to_item,)], bipartite=True)

    lightgcn = LightGCN(
        shape, Rng(0), dim=D, layers=3, layer_weights=None, init="normal", scale=0.1, alpha=0.5, beta=0.5, gamma=None,
        unit=False, dropout=0.0, attributes=None, social=0.0,
    )  # fmt: skip
    rgcn = RGCN(shape, Rng(0), **weights, relations="none", ties=False, bases=None)
    pairs: dict[str, tuple[Pass, Pass]] = {
        "LightGCN, 3 layers; LGConv on edges": (ours(lightgcn, graph), theirs([LGConv()] * 3, [(whole,)], bipartite=False)),
        "LightGCN, 3 layers; LGConv(normalize=False) on a CSR matrix": (
            ours(lightgcn, graph), theirs([LGConv(normalize=False)] * 3, [(matrix,)], bipartite=False),
        ),
        "sage, mean; SAGEConv": sage("mean"),
        "sage, max; SAGEConv": sage("max"),
        "rgcn, 2 relations; RGCNConv": (ours(rgcn, graph), theirs([RGCNConv(D, D, 2)], [(whole, kinds)], bipartite=False)),
    }  # fmt: skip
    found = {}
    for name, (mine, other) in pairs.items():
        a, b = median(mine), median(other)
        found[name] = {"ours ms": round(1000 * a, 1), "PyG ms": round(1000 * b, 1), "ratio": round(b / a, 2)}
        print(name, found[name], file=sys.stderr, flush=True)
    account = {
        "torch": torch.__version__, "torch_geometric": torch_geometric.__version__, "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }  # fmt: skip
    (HERE / "layers.json").write_text(json.dumps({**account, "passes": found}, indent=1) + "\n", "utf-8")
    lines = [
        f"{USERS:,} users, {ITEMS:,} items, {graph.pattern.entries:,} pairs, D {D}, {account['threads']} threads, torch "
        f"{torch.__version__}, PyG {torch_geometric.__version__}; forward and back. `python experiments/encoders/layers.py`",
        "",
        "| | ours, ms | PyG, ms | PyG / ours |",
        "|---|---:|---:|---:|",
    ]
    lines += [f"| {name} | {v['ours ms']} | {v['PyG ms']} | {v['ratio']} |" for name, v in found.items()]
    (HERE / "layers.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
