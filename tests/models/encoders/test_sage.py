"""SAGE against PyG on equal weights, and against a loop."""

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import SAGE
from gnnseg.models.encoders.pyg import convolutions
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.types import Features

SMALL: dict[str, Any] = {"dim": 8, "init": "normal", "scale": 0.5, "combine": "last"}


def sage(graph: BipartiteGraph, **options: Any) -> SAGE:
    made = SAGE(shape_of(graph), Rng(0), **{**SMALL, **options})
    made.reset(graph, Features(), Rng(0))
    return made


@pytest.mark.parametrize("aggregate", ["mean", "max"])
@pytest.mark.parametrize("unit", [False, True])
def test_sage_equals_pyg(aggregate: str, unit: bool) -> None:
    SAGEConv = convolutions().SAGEConv
    graph = random_graph()
    encoder = sage(graph, aggregate=aggregate, unit=unit)
    x = {"user": encoder.tables.user, "item": encoder.tables.item}
    index = torch.stack([graph.pattern.row, graph.pattern.column])
    for layer in range(2):
        new = {}
        for kind, other, edges in (("user", "item", index.flip(0)), ("item", "user", index)):
            conv = SAGEConv((8, 8), 8, aggr=aggregate, normalize=False)
            own, near = encoder.own[layer][kind], encoder.near[layer][kind]
            conv.lin_l.weight, conv.lin_l.bias, conv.lin_r.weight = (
                near.weight,
                own.bias,
                own.weight,
            )
            y = conv((x[other], x[kind]), edges)
            y = F.relu(y) if layer == 0 else y
            new[kind] = F.normalize(y, dim=-1) if unit else y
        x = new
    found = encoder(graph, Features())
    torch.testing.assert_close(found.user_UD, x["user"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.item_ID, x["item"], atol=1e-5, rtol=1e-5)


def test_pool_equals_a_loop() -> None:
    graph = random_graph()
    encoder = sage(graph, aggregate="pool", layers=1)
    near, own, pool = (getattr(encoder, n)[0]["user"] for n in ("near", "own", "pool"))
    found = encoder(graph, Features()).user_UD
    for u in range(graph.users):
        mine = graph.pattern.column[graph.pattern.row == u]
        received = (
            torch.stack([F.relu(pool(encoder.tables.item[i])) for i in mine]).amax(0)
            if len(mine)
            else torch.zeros(8)
        )
        torch.testing.assert_close(
            found[u], own(encoder.tables.user[u]) + near(received), atol=1e-6, rtol=1e-5
        )
