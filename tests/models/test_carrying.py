"""A model that starts where an earlier one ended: rows by id, axes, segments by their members."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gnnseg.config import compose
from gnnseg.graph.bipartite import build
from gnnseg.models import carrying
from gnnseg.models.carrying import Former, Keep, by_segments, carry, centres
from gnnseg.rng import Rng
from gnnseg.runs.assembly import assemble
from gnnseg.types import Features, Pairs, Shape, Step

U, I = 12, 9


def made(users=U, items=I, seed=0, overrides=()):
    g = np.random.default_rng(7)
    key = np.sort(g.choice(users * items, users * items // 3, replace=False))
    key = np.unique(np.concatenate([key, np.arange(users) * items]))
    one = np.ones(len(key))
    graph = build(Pairs(key // items, key % items, one, one.astype(np.int64)), users, items)
    config = compose(["encoder.dim=4", "head.segments=3", *overrides])
    shape = Shape(users, items, graph.pattern.degrees()[1])
    model = assemble(config, shape, Rng(seed))
    with torch.no_grad():
        model.reset(graph, Features(), Rng(seed))
    return model, graph


def former_of(model, graph, users, items, **other):
    with torch.no_grad():
        alpha = model.scorer(graph, Features()).alpha
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    known = {
        "users": np.array(users), "items": np.array(items), "alpha_VK": alpha,
        "weights": weights, "counts": (graph.users, graph.items),
        "same_encoder": True, "same_head": True,
    }  # fmt: skip
    return Former(**{**known, **other})


def test_the_same_people_and_items_start_exactly_where_it_ended():
    old, graph = made(seed=1)
    new, _ = made(seed=2)
    assert carry(new, former_of(old, graph, range(U), range(I)), graph, Features(), Rng(0))
    for name, value in old.state_dict().items():
        assert torch.equal(new.state_dict()[name], value), name


def test_rows_go_by_id_and_newcomers_stay_in_the_axes():
    old, graph = made(seed=1)
    new, larger = made(U + 2, I + 1, 2)
    users = [3, 0, -1, *range(4, U), 1, 2, -1]  # in another order, two of them new
    items = [*range(1, I), -1, 0]
    before = new.encoder.tables.user.detach().clone()
    assert carry(new, former_of(old, graph, users, items), larger, Features(), Rng(0))
    for here, then in enumerate(users):
        if then >= 0:
            assert torch.equal(new.encoder.tables.user[here], old.encoder.tables.user[then])
    for here, then in enumerate(items):
        if then >= 0:
            assert torch.equal(new.encoder.tables.item[here], old.encoder.tables.item[then])
            assert new.head.bias.value[here] == old.head.bias.value[then]
    turned = new.encoder.tables.user.detach()[2]
    assert turned.norm() == pytest.approx(before[2].norm().item(), rel=1e-4)  # turned, no more


def test_newcomers_are_turned_as_those_who_stayed():
    """Where the later start is the earlier one in other axes, nobody can tell who is new."""
    old, graph = made(seed=1)
    new, _ = made(seed=2)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0)))[0]
    with torch.no_grad():
        new.encoder.tables.user.copy_(old.encoder.tables.user @ turn)
        new.encoder.tables.item.copy_(old.encoder.tables.item @ turn)
    users = [-1, *range(1, U)]
    carry(new, former_of(old, graph, users, range(I)), graph, Features(), Rng(0))
    torch.testing.assert_close(new.encoder.tables.user[0], old.encoder.tables.user[0])


@pytest.mark.parametrize(
    "other", [{"same_encoder": False}, {"counts": (U, I)}], ids=["encoder", "width"]
)
def test_what_does_not_fit_starts_from_the_members_alone(other):
    old, graph = made(seed=1, overrides=["encoder.dim=6"] if "counts" in other else [])
    new, _ = made(seed=2)
    fresh = new.encoder.tables.user.detach().clone()
    former = former_of(old, graph, range(U), range(I), **other)
    assert not carry(new, former, graph, Features(), Rng(0))
    assert torch.equal(new.encoder.tables.user, fresh)
    with torch.no_grad():
        user = new.embed(graph, Features()).user_UD
    expected = centres(user, former, Rng(0).child("since"))
    torch.testing.assert_close(new.head.user_KD.detach(), expected)


def test_what_counts_people_and_does_not_say_so_is_not_copied():
    old, graph = made(seed=1)
    old.encoder.register_buffer("of_each", torch.zeros(U))
    new, _ = made(seed=2)
    new.encoder.register_buffer("of_each", torch.ones(U))
    assert not carry(new, former_of(old, graph, range(U), range(I)), graph, Features(), Rng(0))


def test_centres_are_the_means_of_members():
    user, alpha = torch.randn(6, 3), torch.tensor(np.random.default_rng(0).dirichlet([1, 1], 5))
    users = np.array([4, -1, 0, 1, 2, 3])
    former = Former(
        users=users, items=np.zeros(0, np.int64), alpha_VK=alpha, weights={}, counts=(5, 0),
        same_encoder=False, same_head=False,
    )  # fmt: skip
    found = centres(user, former, Rng(0))
    for k in range(2):
        total, mass = torch.zeros(3, dtype=torch.double), 0.0
        for here, then in enumerate(users):
            if then >= 0:
                total += alpha[then, k] * F.normalize(user[here], dim=0).double()
                mass += float(alpha[then, k])
        torch.testing.assert_close(found[k].double(), total / mass, atol=1e-6, rtol=1e-5)


def test_fewer_segments_are_the_largest_and_more_are_nobodys_yet():
    alpha = torch.tensor([[0.1, 0.7, 0.2], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
    two, kept = by_segments(alpha, 2)
    assert kept == [1, 2]
    assert torch.equal(two, alpha[:, 1:])
    four, kept = by_segments(alpha, 4)
    assert kept == [0, 1, 2]
    assert torch.equal(four[:, :3], alpha)
    assert not four[:, 3].any()
    user = F.normalize(torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), dim=-1)
    former = Former(
        users=np.arange(3), items=np.zeros(0, np.int64), alpha_VK=four, weights={}, counts=(3, 0),
        same_encoder=False, same_head=False,
    )  # fmt: skip
    extra = centres(user, former, Rng(0))[3]
    assert min((extra - row).norm() for row in user) < 1e-6


def test_the_pull_is_the_cross_entropy_of_those_who_stayed():
    model, graph = made()
    former = former_of(model, graph, [*range(U - 2), -1, -1], range(I))
    keep = Keep(former)
    embeddings = model.embed(graph, Features())
    scorer = model.score(embeddings)
    found = keep(Step(embeddings, scorer, lambda rng, noise: embeddings), None, Rng(0))
    log = scorer.alpha.detach().log()
    expected = -sum(float((former.alpha_VK[i] * log[i]).sum()) for i in range(U - 2)) / (U - 2)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)
    assert not keep.state_dict()
    found.backward()
    assert model.head.user_KD.grad.abs().sum() > 0


def test_a_head_without_segments_yet_is_not_pulled():
    model, graph = made(overrides=["head=posthoc", "head.segments=3"])
    former = Former(
        users=np.arange(U), items=np.arange(I), alpha_VK=torch.ones(U, 3) / 3, weights={},
        counts=(U, I), same_encoder=False, same_head=False,
    )  # fmt: skip
    embeddings = model.embed(graph, Features())
    step = Step(embeddings, model.score(embeddings), lambda rng, noise: embeddings)
    assert float(Keep(former)(step, None, Rng(0)).detach()) == 0
    assert carrying.carry(model, former, graph, Features(), Rng(0)) is False


@pytest.mark.parametrize("head", ["posthoc", "segments", "hybrid"])
def test_trained_segments_are_renumbered_and_score_alike(head):
    model, graph = made(overrides=[f"head={head}", "head.segments=3"])
    with torch.no_grad():
        embeddings = model.embed(graph, Features())
        model.finish(embeddings, graph, Rng(0))
        before, order = model.score(embeddings), torch.tensor([2, 0, 1])
        alpha, beta, block = before.alpha, before.beta, before.block(torch.arange(U))
        model.head.renumber(order)
        after = model.score(embeddings)
    torch.testing.assert_close(after.alpha, alpha[:, order])
    torch.testing.assert_close(after.beta, beta[order])
    torch.testing.assert_close(after.block(torch.arange(U)), block)


@pytest.mark.parametrize(("then", "now"), [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5)])
def test_a_warm_up_switched_on_or_off_is_not_waited_for_again(then, now):
    """How far a training was is nothing it learned: tastes are carried, none start anew."""
    affinity = ["head.beta=affinity", "objective=sampled_softmax"]
    old, graph = made(seed=1, overrides=[*affinity, f"head.warmup={then}"])
    with torch.no_grad():
        old.head.item_KD.mul_(torch.randn(3, 1))
    new, _ = made(seed=2, overrides=[*affinity, f"head.warmup={now}"])
    carry(new, former_of(old, graph, range(U), range(I)), graph, Features(), Rng(0))
    assert torch.equal(new.head.item_KD, old.head.item_KD)
    assert torch.equal(new.head.user_KD, old.head.user_KD)
    assert not new.waiting
