"""PinSage against a loop; when it draws its neighbourhoods."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import Encoder, PinSage
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.types import Features

SMALL: dict[str, Any] = {"dim": 8, "init": "normal", "scale": 0.5, "combine": "last"}


def pinsage(graph: BipartiteGraph, **options: Any) -> PinSage:
    made = PinSage(shape_of(graph), Rng(0), **{**SMALL, "walks": 30, "top": 4, **options})
    made.reset(graph, Features(), Rng(0))
    return made


def test_pinsage_equals_a_loop() -> None:
    graph = random_graph()
    encoder = pinsage(graph)
    x: dict[str, Any] = {"user": list(encoder.tables.user), "item": list(encoder.tables.item)}
    edge_types = encoder.edge_types(graph, None)
    for layer in range(2):
        new: dict[str, Any] = {}
        for edge_type in edge_types:
            kind, rows = edge_type.target, []
            send, near, own = (getattr(encoder, n)[layer][kind] for n in ("send", "near", "own"))
            for v in range(edge_type.pattern.shape[0]):
                edges = (edge_type.pattern.row == v).nonzero().squeeze(1)
                n_v, whole = torch.zeros(8), edge_type.weight[edges].sum()
                for e in edges:
                    n_v = n_v + edge_type.weight[e] / whole * F.relu(
                        send(x[edge_type.source][edge_type.pattern.column[e]])
                    )
                joined = (
                    torch.cat([own.weight, near.weight], dim=1) @ torch.cat([x[kind][v], n_v])
                    + own.bias
                )
                z = F.relu(joined)
                z = z / z.norm().clamp(min=1e-12)
                if layer == 1:
                    z = encoder.out.weight @ F.relu(encoder.hidden.weight @ z + encoder.hidden.bias)
                rows.append(z)
            new[kind] = rows
        x = new
    found = encoder(graph, Features())
    torch.testing.assert_close(found.user_UD, torch.stack(x["user"]), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.item_ID, torch.stack(x["item"]), atol=1e-5, rtol=1e-5)


def test_pinsage_draws_once_an_epoch_or_once_a_step() -> None:
    graph = random_graph(edges=200)
    encoder = pinsage(graph, top=2)

    def drawn(encoder: Encoder, step: int) -> Tensor:
        return encoder(graph, Features(), rng=Rng(0).at(step)).user_UD

    first = drawn(encoder, 0)
    assert torch.equal(first, drawn(encoder, 1))
    encoder.epoch = 1
    assert not torch.equal(first, drawn(encoder, 1))
    encoder.epoch = 0
    assert torch.equal(first, drawn(encoder, 2))
    each = pinsage(graph, top=2, refresh="step")
    assert not torch.equal(drawn(each, 0), drawn(each, 1))
    evaluated = encoder(graph, Features()).user_UD
    encoder.epoch = 5
    assert torch.equal(evaluated, encoder(graph, Features()).user_UD)
