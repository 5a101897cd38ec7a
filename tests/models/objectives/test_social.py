"""What friends pull at, and segments out of ties alone: against loops; no interaction moves a user
there."""

import numpy as np
import pytest
import torch

from gnnseg import config
from gnnseg.graph.social import both_ways
from gnnseg.models.heads import Segments
from gnnseg.models.objectives import Network, Social
from gnnseg.models.objectives import regularisers as module
from gnnseg.rng import Rng
from gnnseg.testing import (
    block_graph,
    full_batch,
    random_embeddings,
    random_graph,
    shape_of,
    with_ties,
)
from gnnseg.types import Batch, Edges, Embeddings, InputError, Step

K = 3


def scene(tied: bool = False) -> tuple[Segments, Embeddings, Batch]:
    graph = with_ties(random_graph())
    g = np.random.default_rng(0)
    source, target = g.integers(graph.users, size=(2, 30))
    ties = both_ways(Edges(source, target, g.random(30) + 0.5), graph.users)
    e = random_embeddings(graph)
    user = e.user_UD.detach().clone().requires_grad_()
    item = e.item_ID.detach().clone().requires_grad_()
    head = Segments(
        shape_of(graph, e.user_UD.shape[1]), Rng(0), segments=K, beta="distribution", tied=tied,
        top=None, centre=True,
        tau_alpha=0.3, tau_beta=0.3, tau=0.3,
    )  # fmt: skip
    batch = full_batch(graph)
    given = Batch(
        batch.users, batch.items, batch.weight, pattern=batch.pattern, social=ties, homophily=0.4
    )
    return head, Embeddings(user, item, user, item), given


def test_the_pull_of_friends_equals_a_loop() -> None:
    head, e, batch = scene()
    scorer = head(e)
    got = Social()(Step(e, scorer), batch, Rng(0))
    alpha, ties = scorer.alpha.double().tolist(), batch.social
    assert ties is not None
    assert ties.value is not None
    total = sum(ties.value.double().tolist())
    expected = 0.0
    for u, v, w in zip(ties.row.tolist(), ties.column.tolist(), ties.value.tolist(), strict=True):
        expected += (
            w / total * sum((a - b) ** 2 for a, b in zip(alpha[u], alpha[v], strict=True)) / 2
        )
    assert got.item() == pytest.approx(0.4 * expected, rel=1e-5)


def test_ties_worth_nothing_do_not_pull() -> None:
    head, e, batch = scene()
    loss = Social()(Step(e, head(e)), Batch(**{**vars(batch), "homophily": 0.0}), Rng(0))
    loss.backward()
    assert e.user_UD.grad is not None
    assert not bool(e.user_UD.grad.any())


def test_many_ties_are_drawn_from_and_mean_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    head, e, batch = scene()
    whole = Social()(Step(e, head(e)), batch, Rng(0)).item()
    monkeypatch.setattr(module, "TIES", 20)
    drawn = [Social()(Step(e, head(e)), batch, Rng(0).at(step)).item() for step in range(400)]
    assert len(set(drawn)) > 100
    assert np.mean(drawn) == pytest.approx(whole, rel=0.05)


def modularity(alpha: torch.Tensor, ties: torch.Tensor) -> float:
    """Newman's Q of soft memberships by its definition, pair by pair."""
    degree, total, found = ties.sum(1), float(ties.sum()), 0.0
    for u in range(len(ties)):
        for v in range(len(ties)):
            found += (
                (float(ties[u, v]) - float(degree[u] * degree[v]) / total)
                * float(alpha[u] @ alpha[v])
                / total
            )
    return found


def test_network_equals_its_definition() -> None:
    head, e, batch = scene()
    objective = Network(weights=None, degree_power=0.0, collapse=0.7)
    with torch.no_grad():
        scorer = head(e)
        got = objective(Step(e, scorer), batch, Rng(0)).item()
        alpha, beta = scorer.alpha.double(), scorer.beta.double()
    assert batch.social is not None
    ties = batch.social.dense().double()
    some = alpha[ties.sum(1) > 0]
    collapse = K**0.5 * float(some.mean(0).norm()) - 1
    likelihood = 0.0
    share = batch.weight.double() / batch.weight.double().sum()
    for u, i, w in zip(batch.users.tolist(), batch.items.tolist(), share.tolist(), strict=True):
        likelihood += w * float((alpha[u] @ beta[:, i]).log())
    assert got == pytest.approx(0.7 * collapse - modularity(alpha, ties) - likelihood, rel=1e-4)


def test_not_a_single_interaction_reaches_a_user() -> None:
    head, e, batch = scene()
    objective = Network(weights=None, degree_power=0.0, collapse=1.0)
    grads = []
    for users in (batch.users, batch.users.flip(0)):
        loss = objective(
            Step(e, head(e)), Batch(users, batch.items, batch.weight, social=batch.social), Rng(0)
        )
        grads.append(torch.autograd.grad(loss, [e.user_UD, head.user_KD, e.item_ID]))
    assert torch.equal(grads[0][0], grads[1][0])
    assert torch.equal(grads[0][1], grads[1][1])
    assert not torch.equal(
        grads[0][2], grads[1][2]
    )  # what segments like does follow the interactions


def test_perfect_communities_have_their_modularity() -> None:
    """Two cliques and nothing between: Q = 1/2 for the right halves, 0 for one segment."""
    clique = torch.ones(4, 4) - torch.eye(4)
    ties = torch.block_diag(clique, clique)
    right = torch.nn.functional.one_hot(torch.arange(8) // 4).double()
    assert modularity(right, ties.double()) == pytest.approx(0.5)
    assert modularity(torch.ones(8, 1).double(), ties.double()) == pytest.approx(0.0)


def test_one_prototype_for_both_sides_is_refused() -> None:
    """Items would move it, and with it the users."""
    with pytest.raises(InputError, match=r"head\.tied=false"):
        config.check(config.compose(["objective=network", "head.tied=true"]))
    with pytest.raises(InputError, match=r"objective\.collapse"):
        Network(weights=None, degree_power=0.0, collapse=-1.0)


def test_batches_of_any_order_give_the_full_batch() -> None:
    head, e, batch = scene()
    objective = Network(weights=None, degree_power=0.0, collapse=1.0)
    whole = objective(Step(e, head(e)), batch, Rng(0))
    turned = Batch(
        batch.users.flip(0), batch.items.flip(0), batch.weight.flip(0), social=batch.social
    )
    torch.testing.assert_close(objective(Step(e, head(e)), turned, Rng(0)), whole)


def test_segments_out_of_ties_alone_find_the_planted_ones() -> None:
    from gnnseg.models.encoders import Social as Encoder
    from gnnseg.testing import agreement, train_quickly
    from gnnseg.types import Features, Shape

    graph, label = block_graph()
    graph = with_ties(graph)
    shape = Shape(graph.users, graph.items, graph.pattern.degrees()[1])
    encoder = Encoder(shape, Rng(0), dim=12, layers=2, scale=0.1)
    encoder.reset(graph, Features(), Rng(0))
    head = Segments(
        Shape(graph.users, graph.items, shape.item_counts, width=12), Rng(0), segments=4,
        beta="distribution", tied=False,
        top=None, centre=True, tau_alpha=0.2, tau_beta=0.2, tau=0.2,
    )  # fmt: skip
    found = train_quickly(
        encoder, head, Network(weights=None, degree_power=0.0, collapse=1.0), graph
    )
    assert agreement(found.alpha.argmax(1)[:-1], label[:-1]) > 0.9  # the last has no friend
