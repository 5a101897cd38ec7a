"""NCL's terms against loops; centres that come when they are due, and stay with the weights."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import LightGCN
from gnnseg.models.heads import Dot
from gnnseg.models.kmeans import prototypes
from gnnseg.models.model import Model
from gnnseg.models.objectives import NCLPrototypes, NCLStructure, SampledSoftmax
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, shape_of
from gnnseg.types import Batch, Embeddings, Features, InputError, Step

NOBODY: Any = None  # no score is asked for
BATCH = Batch(torch.tensor([3, 1, 3, 7]), torch.tensor([0, 5, 2, 0]), torch.ones(4))
USERS, ITEMS = [1, 3, 7], [0, 2, 5]


def embedded(graph: BipartiteGraph, layers: int = 2) -> Embeddings:
    encoder = LightGCN(shape_of(graph), Rng(0), dim=6, layers=layers, init="normal").double()
    return encoder(graph, Features())


def loop(one: Tensor, other: Tensor, own: list[int], among: list[int], tau: float) -> float:
    """-log of the share that row b of ``one`` gives to row own[b] of ``other``, among some."""
    total = 0.0
    for b, v in enumerate(own):
        up = {w: math.exp(float(F.cosine_similarity(one[b], other[w], dim=0)) / tau) for w in among}
        total -= math.log(up[v] / sum(up.values())) / len(own)
    return total


@pytest.mark.parametrize("negatives", ["batch", "all"])
def test_structure_is_a_loop(negatives: Any) -> None:
    graph = random_graph()
    e = embedded(graph)
    assert e.layers is not None
    wanted = 0.0
    for kind, rows, weight in ((0, USERS, 1.0), (1, ITEMS, 0.4)):
        start, far = e.layers[0][kind].detach(), e.layers[2][kind].detach()
        among = rows if negatives == "batch" else list(range(len(start)))
        wanted += weight * loop(far[rows], start, rows, among, 0.2)
    term = NCLStructure(tau=0.2, items=0.4, negatives=negatives)
    assert term.reads_all is (negatives == "all")
    assert term(Step(e, NOBODY), BATCH, Rng(0)).item() == pytest.approx(wanted, rel=1e-9)


def test_prototypes_are_a_loop() -> None:
    graph = random_graph()
    e = embedded(graph)
    term = NCLPrototypes(tau=0.2, prototypes=4, warmup=0)
    term.prepare(shape_of(graph, 6), Rng(0))
    term.double().renew(e, Rng(5))
    wanted = 0.0
    for kind, table, rows in (("user", e.user0_UD, USERS), ("item", e.item0_ID, ITEMS)):
        x = table.detach()
        centres = prototypes(x, 4, Rng(5).child(kind))
        length_1 = F.normalize(x, dim=-1)
        own = [int((length_1[v] - centres).square().sum(-1).argmin()) for v in rows]
        wanted += loop(x[rows], centres, own, list(range(4)), 0.2)
    assert term(Step(e, NOBODY), BATCH, Rng(0)).item() == pytest.approx(wanted, rel=1e-9)


def test_before_the_first_centres_there_is_no_loss() -> None:
    graph = random_graph()
    term = NCLPrototypes(prototypes=4, warmup=2, every=3)
    term.prepare(shape_of(graph, 6), Rng(0))
    due = []
    for epoch in range(9):
        term.epoch = epoch
        if term.due:
            due.append(epoch)
    assert due == [2, 5, 8]
    term.epoch = 1
    assert float(term(Step(embedded(graph), NOBODY), BATCH, Rng(0))) == 0.0


def test_a_model_renews_them_when_they_are_due() -> None:
    """By layer 0 of everybody as it then is, a function of the seed and the epoch."""
    graph = random_graph()
    shape = shape_of(graph, 6)
    term = NCLPrototypes(prototypes=4, warmup=1, every=2)
    term.prepare(shape, Rng(0))
    encoder = LightGCN(shape, Rng(0), dim=6, init="normal")
    model = Model(encoder, Dot(shape, Rng(0)), SampledSoftmax(), {"ncl": (0.1, term)})
    model.reset(graph, Features(), Rng(0))
    assert encoder.tables is not None
    table = encoder.tables.user
    seen = []
    for epoch in range(4):
        model.begin(epoch)
        model.warm_up(epoch / 4, graph, Features(), Rng(0).at(epoch))
        seen.append(term.user_KD.clone())
        if epoch == 1:
            found = prototypes(table, 4, Rng(0).at(1).child("ncl").child("user"))
            torch.testing.assert_close(seen[1], F.normalize(found, dim=-1))
        with torch.no_grad():
            table.add_(torch.randn(table.shape, generator=Rng(epoch).torch("moved")))
    assert not bool(seen[0].any())
    assert torch.equal(seen[1], seen[2])
    assert not torch.equal(seen[2], seen[3])


def test_centres_are_by_id_where_a_step_embeds_some_rows() -> None:
    graph = random_graph()
    shape = shape_of(graph, 6)
    encoder = LightGCN(shape, Rng(0), dim=6, init="normal")
    term = NCLPrototypes(prototypes=4, warmup=0)
    term.prepare(shape, Rng(0))
    term.renew(encoder(graph, Features()), Rng(0))
    whole = term(Step(encoder(graph, Features()), NOBODY), BATCH, Rng(0))
    batch, users, items = BATCH.compact()
    some = Step(encoder(graph, Features(), users, items), NOBODY)
    torch.testing.assert_close(term(some, batch, Rng(0)), whole)


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_an_odd_layer_is_refused(layer: int) -> None:
    with pytest.raises(InputError, match=rf"layer is {layer}, .* an even number from 2 on"):
        NCLStructure(layer=layer)


def test_what_is_not_there_is_said() -> None:
    graph = random_graph()
    with pytest.raises(InputError, match=r"layer is 4: the encoder has layers 0 to 2"):
        NCLStructure(layer=4)(Step(embedded(graph), NOBODY), BATCH, Rng(0))
    with pytest.raises(InputError, match=r"prototypes is 18: there are 17 items"):
        NCLPrototypes(prototypes=18).prepare(shape_of(graph, 6), Rng(0))
    with pytest.raises(InputError, match=r"every is 0 in regularisers.ncl_prototypes"):
        NCLPrototypes(every=0)
