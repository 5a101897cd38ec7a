"""Segments of a trained pair network against loops; they come back from the stored weights;
new users by their histories."""

import math

import numpy as np
import pytest
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.bipartite import build
from gnnseg.models.encoders import Raw
from gnnseg.models.fold_in import FoldIn
from gnnseg.models.heads import MLP, rates
from gnnseg.models.model import Model
from gnnseg.models.objectives import BCE
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import random_embeddings, random_graph, shape_of
from gnnseg.types import Embeddings, Features, HistoryScorer, Pairs, Policy, Segmentation, Shape

K, TAU = 3, 0.05
CLOSE = {"atol": 1e-5, "rtol": 1e-4}


def finished(graph: BipartiteGraph, embeddings: Embeddings) -> MLP:
    head = MLP(
        shape_of(graph, embeddings.user_UD.shape[1]),
        Rng(0),
        layers=[12, 8],
        segments=K,
        tau_alpha=TAU,
    )
    assert not isinstance(head(embeddings), Segmentation)  # while it trains
    with torch.no_grad():
        head.finish(embeddings, graph, Rng(0))
    return head


@pytest.fixture
def graph() -> BipartiteGraph:
    return random_graph()


@pytest.fixture
def embeddings(graph: BipartiteGraph) -> Embeddings:
    return random_embeddings(graph)


@pytest.mark.parametrize("held", [1 << 20, 7])
def test_segments_equal_a_loop(
    graph: BipartiteGraph, embeddings: Embeddings, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "PAIRS", held)
    head = finished(graph, embeddings)
    scorer = head(embeddings)
    assert isinstance(scorer, Segmentation)
    assert not isinstance(scorer, Policy)
    with torch.no_grad():
        tower = head.fitting_scorer(embeddings)
        everyone = torch.arange(graph.users)
        logit = tower.block(everyone).double()
        hidden = tower.hidden(everyone, torch.arange(graph.items).expand(graph.users, -1)).double()
    taken = [[] for _ in range(graph.users)]
    for u, j in zip(graph.pattern.row.tolist(), graph.pattern.column.tolist(), strict=True):
        taken[u].append(j)
    known = [torch.stack([hidden[u, j] for j in met]).mean(0) for u, met in enumerate(taken) if met]
    average = torch.stack(known).mean(0)
    centres = head.centres_KD.double()
    alpha = torch.zeros(graph.users, K, dtype=torch.float64)
    for u, met in enumerate(taken):
        v = torch.stack([hidden[u, j] for j in met]).mean(0) if met else average
        e = [math.exp(float(v @ c / (v.norm() * c.norm())) / TAU) for c in centres]
        alpha[u] = torch.tensor([x / sum(e) for x in e], dtype=torch.float64)
    assert taken[-1] == []
    torch.testing.assert_close(scorer.alpha.double(), alpha, **CLOSE)
    beta = torch.zeros(K, graph.items, dtype=torch.float64)
    for k in range(K):
        for j in range(graph.items):
            own = sum(
                float(alpha[u, k]) / (1 + math.exp(-float(logit[u, j]))) for u in range(graph.users)
            )
            beta[k, j] = own / float(alpha[:, k].sum())
    torch.testing.assert_close(scorer.beta.double(), beta, **CLOSE)
    with torch.no_grad():
        torch.testing.assert_close(
            scorer.block(everyone).double(), logit, **CLOSE
        )  # the ranking stays the network's
        through = (alpha @ beta).logit()
        torch.testing.assert_close(
            scorer.truncated(K).block(everyone).double(), through, atol=1e-4, rtol=1e-4
        )
        one = scorer.truncated(1).block(everyone).double()
        torch.testing.assert_close(one, beta[alpha.argmax(1)].logit(), atol=1e-4, rtol=1e-4)
        users, items = torch.tensor([0, 3, 5]), torch.tensor([2, 0, 9])
        why = scorer.explain(users, items)
    assert why.bias is not None
    assert why.personal is not None
    parts = alpha[users] * beta.T[items]
    torch.testing.assert_close(why.segments.double(), parts / parts.sum(1, keepdim=True), **CLOSE)
    torch.testing.assert_close(why.bias + why.personal, logit[users, items].float(), **CLOSE)
    torch.testing.assert_close(why.bias.double(), through[users, items], atol=1e-4, rtol=1e-4)


def test_segments_come_back_from_the_weights(graph: BipartiteGraph, embeddings: Embeddings) -> None:
    head = finished(graph, embeddings)
    other = MLP(
        shape_of(graph, embeddings.user_UD.shape[1]),
        Rng(5),
        layers=[12, 8],
        segments=K,
        tau_alpha=TAU,
    )
    other.load_state_dict(head.state_dict())
    assert torch.equal(other(embeddings).alpha, head(embeddings).alpha)
    assert torch.equal(other(embeddings).beta, head(embeddings).beta)


def test_other_users_are_average_until_their_pairs_are_known(
    graph: BipartiteGraph, embeddings: Embeddings
) -> None:
    scorer = finished(graph, embeddings)(embeddings)
    assert isinstance(scorer, HistoryScorer)
    with torch.no_grad():
        again = scorer.with_users(embeddings.user_UD)
        assert len(again.alpha.unique(dim=0)) == 1
        torch.testing.assert_close(again.with_histories(graph.pattern).alpha, scorer.alpha, **CLOSE)
        nobody = again.with_histories(Csr.of([0], [1], (graph.users, graph.items)))
        assert torch.equal(nobody.alpha[1], again.alpha[1])
        assert not torch.equal(nobody.alpha[0], again.alpha[0])


def test_new_users_are_where_their_histories_put_them() -> None:
    """Somebody with a trained user's attributes and history is in that user's segments."""
    draw = np.random.default_rng(0)
    users, items = 30, 12
    key = np.sort(draw.choice(users * items, 150, replace=False))
    train = Pairs(key // items, key % items, np.ones(150), np.ones(150, dtype=np.int64))
    graph = build(train, users, items, weights=None)
    features = Features(torch.randn(users, 5), torch.randn(items, 8))
    shape = Shape(users, items, graph.pattern.degrees()[1], 5, 8, width=8)
    head = MLP(shape, Rng(0), layers=[12, 8], segments=K, tau_alpha=TAU)
    model = Model(Raw(shape, Rng(0)), head, BCE(weights=None, degree_power=0.0, negatives=1), {})
    with torch.no_grad():
        head.finish(model.embed(graph, features), graph, Rng(0))
    fold, trained = FoldIn(model, graph, features, None), head(model.embed(graph, features))
    mine = train.user == 4
    history = Pairs(
        np.zeros(mine.sum(), dtype=np.int64),
        train.item[mine],
        np.ones(mine.sum()),
        train.count[mine],
    )
    none = Pairs(*(np.zeros(0, dtype=np.int64) for _ in range(4)))
    assert features.user is not None
    with torch.no_grad():
        found = fold.scorer(history, 1, features.user[4:5])
        assert isinstance(found, Segmentation)
        unknown = fold.scorer(none, 1, features.user[4:5])
        torch.testing.assert_close(
            unknown.block(torch.tensor([0]))[0], trained.block(torch.tensor([4]))[0], **CLOSE
        )
        assert int(found.alpha[0].argmax()) == int(trained.alpha[4].argmax())
