"""PyTorch Geometric's layers beside ours, and all rows beside those that a step asks for: one pass
forward and back, in one run.

usage: python experiments/encoders/layers.py Writes layers.json and layers.md beside this file.
Drawn graphs, users and items by a power law: PyG's layers at ML-1M's size (6,040 users, 3,706
items, 570,000 pairs), the rows of a step of 2,048 pairs, each with a negative, at Gowalla's
(29,858, 40,981, 810,128). D 64, torch's own number of threads; medians of five passes after one
that does not count; ratio: PyG's time / ours, all / asked for.
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

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import RGCN, SAGE, LightGCN
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Features, Shape

HERE = Path(__file__).resolve().parent
USERS, ITEMS, PAIRS, D, PASSES = 6040, 3706, 570_000, 64, 5
LARGE, BATCH = (29_858, 40_981, 810_128), 2048
Pass = Callable[[], Tensor]


def drawn(users: int, items: int, pairs: int) -> BipartiteGraph:
    g = np.random.default_rng(0)
    user, item = (
        (users * g.random(2 * pairs) ** 1.5).astype(np.int64),
        (items * g.random(2 * pairs) ** 2.0).astype(np.int64),
    )
    key = np.unique(user * items + item)
    key = np.sort(g.permutation(key)[:pairs])
    return BipartiteGraph(Csr.of(key // items, key % items, (users, items)))


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
            return (
                layers[0]((item, user), *edges[0]).square().sum()
                + layers[1]((user, item), *edges[1]).square().sum()
            )
        x = torch.cat([user, item])
        total = x
        for layer in layers:
            x = layer(x, *edges[0])
            total = total + x
        return total.square().sum()

    return once


def light(shape: Shape) -> LightGCN:
    return LightGCN(
        shape,
        Rng(0),
        dim=D,
        layers=3,
        layer_weights=None,
        init="normal",
        scale=0.1,
        alpha=0.5,
        beta=0.5,
        gamma=None,
        unit=False,
        dropout=0.0,
        attributes=None,
        social=0.0,
    )


def rows() -> dict[str, dict[str, float]]:
    """A step's pass with the rows of everybody, and with those it asks for."""
    graph = drawn(*LARGE)
    shape = Shape(*LARGE[:2], graph.pattern.degrees()[1])
    g = torch.Generator().manual_seed(0)
    taken = torch.randint(graph.pattern.entries, (BATCH,), generator=g)
    users = graph.pattern.row[taken].unique()
    items = torch.cat(
        [graph.pattern.column[taken], torch.randint(LARGE[1], (BATCH,), generator=g)]
    ).unique()
    two = {
        "dim": D,
        "layers": 2,
        "init": "normal",
        "scale": 0.1,
        "combine": "mean",
        "attributes": None,
        "neighbours": None,
    }
    encoders: dict[str, Encoder] = {
        "LightGCN, 3 layers": light(shape),
        "sage, mean, 2 layers": SAGE(shape, Rng(0), **two, aggregate="mean", unit=False),
        "rgcn, 2 layers": RGCN(shape, Rng(0), **two, relations="none", ties=False, bases=None),
    }
    found = {}
    for name, encoder in encoders.items():

        def of_all(encoder: Encoder = encoder) -> Tensor:
            e = encoder(graph, Features())
            return pick(e.user_UD, users).square().sum() + pick(e.item_ID, items).square().sum()

        def asked(encoder: Encoder = encoder) -> Tensor:
            e = encoder(graph, Features(), users, items)
            return e.user_UD.square().sum() + e.item_ID.square().sum()

        a, b = median(of_all), median(asked)
        found[name] = {
            "all ms": round(1000 * a, 1),
            "asked ms": round(1000 * b, 1),
            "ratio": round(a / b, 2),
        }
        print(name, found[name], file=sys.stderr, flush=True)
    return found


def median(once: Pass) -> float:
    times = []
    for _ in range(PASSES + 1):
        begun = time.perf_counter()
        once().backward()  # type: ignore[no-untyped-call]
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def main() -> None:
    torch.manual_seed(0)
    graph = drawn(USERS, ITEMS, PAIRS)
    shape = Shape(USERS, ITEMS, graph.pattern.degrees()[1])
    row, column = graph.pattern.row, graph.pattern.column
    to_user, to_item = torch.stack([column, row]), torch.stack([row, column])
    whole = torch.cat(
        [torch.stack([column + USERS, row]), torch.stack([row, column + USERS])], dim=1
    )
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

    lightgcn = light(shape)
    rgcn = RGCN(shape, Rng(0), **weights, relations="none", ties=False, bases=None)
    pairs: dict[str, tuple[Pass, Pass]] = {
        "LightGCN, 3 layers; LGConv on edges": (
            ours(lightgcn, graph),
            theirs([LGConv()] * 3, [(whole,)], bipartite=False),
        ),
        "LightGCN, 3 layers; LGConv(normalize=False) on a CSR matrix": (
            ours(lightgcn, graph),
            theirs([LGConv(normalize=False)] * 3, [(matrix,)], bipartite=False),
        ),
        "sage, mean; SAGEConv": sage("mean"),
        "sage, max; SAGEConv": sage("max"),
        "rgcn, 2 relations; RGCNConv": (
            ours(rgcn, graph),
            theirs([RGCNConv(D, D, 2)], [(whole, kinds)], bipartite=False),
        ),
    }
    found = {}
    for name, (mine, other) in pairs.items():
        a, b = median(mine), median(other)
        found[name] = {
            "ours ms": round(1000 * a, 1),
            "PyG ms": round(1000 * b, 1),
            "ratio": round(b / a, 2),
        }
        print(name, found[name], file=sys.stderr, flush=True)
    of_rows = rows()
    account = {
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }
    (HERE / "layers.json").write_text(
        json.dumps({**account, "passes": found, "rows": of_rows}, indent=1) + "\n", "utf-8"
    )
    lines = [
        f"{USERS:,} users, {ITEMS:,} items, {graph.pattern.entries:,} pairs, D {D}, "
        f"{account['threads']} threads, torch "
        f"{torch.__version__}, PyG {torch_geometric.__version__}; forward and back. `python "
        "experiments/encoders/layers.py`",
        "",
        "| | ours, ms | PyG, ms | PyG / ours |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {v['ours ms']} | {v['PyG ms']} | {v['ratio']} |" for name, v in found.items()
    ]
    lines += [
        "",
        (
            f"A step of {BATCH:,} pairs, each with a negative; {LARGE[0]:,} users, "
            f"{LARGE[1]:,} items, {LARGE[2]:,} pairs:"
        ),
        "",
        "| | all rows, ms | asked for, ms | all / asked for |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {v['all ms']} | {v['asked ms']} | {v['ratio']} |"
        for name, v in of_rows.items()
    ]
    (HERE / "layers.md").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
