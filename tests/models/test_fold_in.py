"""Users who were not in training: what the encoder gives them, what is solved for, and that nobody
else is touched."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from gnnseg.graph.bipartite import build
from gnnseg.models import fold_in, prior
from gnnseg.models.encoders.lightgcn import LightGCN
from gnnseg.models.encoders.mf import MF
from gnnseg.models.fold_in import FoldIn
from gnnseg.models.heads.dot import Dot
from gnnseg.models.heads.hybrid import Hybrid
from gnnseg.models.heads.posthoc import Posthoc
from gnnseg.models.heads.segments import Segments
from gnnseg.models.histories import Histories
from gnnseg.models.model import Model
from gnnseg.models.objectives.likelihood import Likelihood
from gnnseg.models.regression import Regression
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, Pairs, Shape

USERS, ITEMS, WIDTH = 30, 20, 8
HEADS = ["distribution", "membership", "affinity", "hybrid", "dot", "posthoc"]
ENCODERS = {
    "mf": None,
    "lightgcn": {},
    "lightgcnpp": {"alpha": 0.4, "beta": 0.1, "gamma": 0.2, "unit": True},
}


def pairs(lists, weight=None):
    user = np.repeat(np.arange(len(lists)), [len(met) for met in lists])
    item = np.array([j for met in lists for j in sorted(met)], dtype=np.int64)
    return Pairs(
        user,
        item,
        np.ones(len(user)) if weight is None else weight,
        np.ones(len(user), dtype=np.int64),
    )


def trained(encoder="lightgcn", head="distribution", weights=None, top=None):
    """A model as if trained: random parameters on a random graph."""
    draw = np.random.default_rng(3)
    train = pairs(
        [draw.choice(ITEMS - 2, 5, replace=False) for _ in range(USERS)]
    )  # the last two items met nobody
    train = Pairs(
        train.user, train.item, draw.integers(1, 5, len(train)).astype(float), train.count
    )
    graph = build(train, USERS, ITEMS, weights=weights)
    shape = Shape(USERS, ITEMS, graph.pattern.degrees()[1], width=WIDTH)
    rng = Rng(1)
    if encoder == "mf":
        made = MF(shape, rng, dim=WIDTH, init="normal", scale=1.0)
    else:
        made = LightGCN(shape, rng, dim=WIDTH, init="normal", scale=1.0, **ENCODERS[encoder])
    common = {
        "tied": False,
        "top": top,
        "tau_alpha": 0.3,
        "tau_beta": 0.4,
        "tau": 0.5,
        "segments": 3,
    }
    if head == "dot":
        top_of = Dot(shape, rng, similarity="cosine", tau=0.5)
    elif head == "posthoc":
        top_of = Posthoc(shape, rng, segments=3, similarity="cosine", tau=0.5)
    elif head == "hybrid":
        top_of = Hybrid(shape, rng, **common)
    else:
        top_of = Segments(shape, rng, beta=head, centre=True, **common)
    model = Model(made, top_of, Likelihood(weights=None, degree_power=0.0), {})
    with torch.no_grad():
        model.reset(graph, Features(), rng)
        model.finish(model.embed(graph, Features()), graph, rng)
    return model, graph


@pytest.mark.parametrize("encoder", ["lightgcn", "lightgcnpp"])
@pytest.mark.parametrize("weights", [None, "value"])
def test_new_users_receive_as_in_a_dense_graph_whose_items_stay(encoder, weights):
    """The oracle: one more row in the matrix, items' layers and degrees as they were."""
    model, graph = trained(encoder, weights=weights)
    enc = model.encoder.double()
    met = pairs([[0, 3, 7], [5], [19]], np.array([2.0, 1.0, 4.0, 1.0, 3.0]))
    value = np.ones(5) if weights is None else met.weight
    start = torch.randn(3, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        everybody = enc(graph, Features())
        found = enc.embed_new_users(graph.with_users(met, 3, weights), everybody, Features())(start)
    item_degree = graph.degrees()[1].double()
    item_degree[item_degree == 0] = 1.0
    expected = start * enc.layer_weights[0]
    for u in range(3):
        mine = np.flatnonzero(met.user == u)
        degree = value[mine].sum()
        for layer in range(2):
            for e in mine:
                sent = everybody.layers[layer][1][met.item[e]]
                sent = sent / sent.norm().clamp(min=1e-12) if enc.unit else sent
                weight = (
                    value[e]
                    * degree ** -enc.exponents[0]
                    * item_degree[met.item[e]] ** -enc.exponents[1]
                )
                expected[u] += enc.layer_weights[layer + 1] * weight * sent
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("head", HEADS)
def test_a_scorer_facing_others_is_the_head_on_their_embeddings(head):
    model, graph = trained(head=head)
    with torch.no_grad():
        old = model.embed(graph, Features())
        other = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(5))
        found = model.head(old).with_users(other)
        expected = model.head(Embeddings(other, old.item_ID, other, old.item0_ID))
        rows, items = torch.tensor([3, 0]), torch.tensor([1, 7])
        torch.testing.assert_close(found.block(rows), expected.block(rows))
        torch.testing.assert_close(found.pairs(rows, items), expected.pairs(rows, items))
        if head not in ("dot",):
            torch.testing.assert_close(found.memberships(None), expected.memberships(None))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("encoder", list(ENCODERS))
@pytest.mark.slow
def test_new_users_are_solved_for_as_a_slow_loop_does(encoder, head, monkeypatch):
    """One new user at a time: the posterior written out pair by pair, minimised by scipy."""
    monkeypatch.setattr(fold_in, "SAMPLE", 11)
    monkeypatch.setattr(fold_in, "CHUNK", 2)
    monkeypatch.setattr(fold_in, "STEPS", 60)
    monkeypatch.setattr(fold_in, "CAUTION", 50.0)  # one optimum, whatever the head
    model, graph = trained(encoder, head)
    model.requires_grad_(False)
    lists = [[0, 3, 7], [5], [2, 19]]
    fold = FoldIn(model, graph, Features(), None)
    found = fold.embed(pairs(lists), 3)
    old = model.embed(graph, Features())
    middle = old.user0_UD.mean(0)
    away = (old.user0_UD - middle).double()
    histories = Histories(graph, old, model.head(old))
    regression = Regression(histories.whole(graph), away)
    total, rest = (
        each.T @ each / USERS + prior.RIDGE * (each.square().mean()) * torch.eye(WIDTH)
        for each in (away, regression.residual_NT)
    )
    for u, met in enumerate(lists):
        alone = graph.with_users(pairs([met]), 1, None)
        embedded = model.encoder.embed_new_users(alone, old, Features())
        n = len(met)
        short = float(graph.pattern.degrees()[0].double().quantile(0.05))
        whole = 1 / (1 + (short / n) ** 4)
        careful = fold_in.CAUTION * (1 - whole) / (1 + (n / fold_in.ENOUGH) ** 2)
        weight = fold_in.LEAST + careful
        mean = middle + whole * regression.predict(histories.whole(alone))[0]
        cov = whole * rest + (1 - whole) * total

        def loss(x, met=met, embedded=embedded, weight=weight, mean=mean, cov=cov):
            user = embedded(x[None].float())
            scorer = model.fitting_scorer(Embeddings(user, old.item_ID, user, old.item0_ID))
            scores = scorer.block(torch.tensor([0]))[0]
            candidates = scores if fold._sample is None else scores[fold._sample]
            total = weight / 2 * (x - mean) @ torch.linalg.solve(cov, x - mean)
            for j in met:
                whole = candidates.logsumexp(0) if head != "distribution" else 0
                total = total - (scores[j] - whole)
            return total

        def value(x, loss=loss):
            x = torch.from_numpy(x).requires_grad_(True)
            total = loss(x)
            return float(total.detach()), torch.autograd.grad(total, x)[0].numpy()

        best = minimize(value, mean.double().numpy(), jac=True, options={"maxiter": 200})
        own = float((embedded(torch.ones(1, WIDTH)) - embedded(torch.zeros(1, WIDTH)))[0, 0])
        x = (found[u] - embedded(torch.zeros(1, WIDTH))[0]) / own
        assert float(loss(x.double()).detach()) <= best.fun + 2e-3  # scipy stops early in float32


@pytest.mark.parametrize("head", HEADS)
def test_who_else_comes_does_not_matter_and_nobody_moves(head):
    model, graph = trained(head=head)
    fold = FoldIn(model, graph, Features(), None)
    with torch.no_grad():
        before = model.scorer(graph, Features()).block(torch.arange(USERS))
    both = fold.scorer(pairs([[1, 2, 3], [8]]), 2)
    alone = fold.scorer(pairs([[8]]), 1)
    with torch.no_grad():
        torch.testing.assert_close(
            both.block(torch.tensor([1])), alone.block(torch.tensor([0])), rtol=2e-4, atol=2e-4
        )
        after = model.scorer(graph, Features()).block(torch.arange(USERS))
    assert torch.equal(before, after)


def test_nothing_known_is_an_average_user():
    model, graph = trained("mf")
    fold = FoldIn(model, graph, Features(), None)
    found = fold.embed(pairs([[], [4]]), 2)
    torch.testing.assert_close(found[0], model.encoder.tables.user.mean(0).detach())
    assert not torch.equal(found[0], found[1])


def test_a_head_with_few_segments_a_user_keeps_them():
    model, graph = trained(top=2)
    alpha = FoldIn(model, graph, Features(), None).scorer(pairs([[1, 2], [9]]), 2).memberships(None)
    assert (alpha > 0).sum(1).tolist() == [2, 2]
    torch.testing.assert_close(alpha.sum(1), torch.ones(2))


def test_what_new_users_spent_weighs_where_the_graph_weighs_spend():
    model, graph = trained("mf")
    met = pairs([[0, 3], [5]])
    met = Pairs(met.user, met.item, met.weight, met.count, spend=np.array([2.0, 6.0, 1.0]))
    seen = []

    class Listening(type(graph)):
        def with_users(self, histories, *rest):
            new = super().with_users(histories, *rest)
            seen.append(new.weight)
            return new

    FoldIn(model, Listening(graph.pattern), Features(), "spend").embed(met, 2)
    assert seen[0].tolist() == [2.0, 6.0, 1.0]


@torch.no_grad()
def test_of_many_trained_users_some_evenly_spaced_make_the_prior(monkeypatch):
    """As if the others' rows were not among those it is fitted to."""
    model, graph = trained("mf")[:2]
    whole = FoldIn(model, graph, Features(), None)
    monkeypatch.setattr(fold_in, "FITTED", USERS // 3)
    few = FoldIn(model, graph, Features(), None)._prior
    rows = torch.arange(USERS // 3) * 3
    away = whole._trained.user0_UD - whole._encoder.expected(
        whole._trained, whole._known, USERS, whole.given
    )
    histories = whole._histories.whole(graph)
    expected = prior.TrainedPrior(away[rows], histories[rows])
    everybody = torch.ones(USERS)
    torch.testing.assert_close(few.mean(histories, everybody), expected.mean(histories, everybody))
