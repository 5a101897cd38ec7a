"""Bilateral softmax and max-margin against loops in float64, and negatives that lie near the taken
item."""

import math
from typing import Any

import pytest
import torch

from gnnseg.data import batches
from gnnseg.models.objectives import BSL, Margin, SampledSoftmax
from gnnseg.rng import Rng
from gnnseg.testing import random_graph, table_step
from gnnseg.types import Batch, InputError

U, I, N = 5, 7, 4
PLAIN: dict[str, Any] = {"weights": None, "degree_power": 0.0}


def given() -> tuple[torch.Tensor, Batch]:
    g = torch.Generator().manual_seed(0)
    score = 3 * torch.randn(U, I, generator=g, dtype=torch.float64)
    users, items = torch.tensor([0, 1, 1, 4, 4, 4]), torch.tensor([2, 2, 5, 0, 6, 1])
    weight = torch.rand(6, generator=g, dtype=torch.float64)
    return score, Batch(users, items, weight, torch.tensor([2, 0, 3, 3]))


def bsl(**options: Any) -> BSL:
    return BSL(
        **PLAIN,
        **{"sampling": "uniform", "negatives": N, "positives": "pair", "power": 1.0, **options},
    )


@pytest.mark.parametrize("positives", ["pair", "user"])
@pytest.mark.parametrize("power", [1.0, 0.84])
def test_bsl_equals_a_loop(positives: str, power: float) -> None:
    score, batch = given()
    got = bsl(positives=positives, power=power)(table_step(score), batch, Rng(0))
    pairs, total = list(zip(batch.users.tolist(), batch.items.tolist(), strict=True)), 0.0
    assert batch.negatives is not None
    for e, (u, i) in enumerate(pairs):
        mine = [j for v, j in pairs if v == u] if positives == "user" else [i]
        up = math.log(sum(math.exp(score[u, j].item()) for j in mine) / len(mine))
        others = [math.exp(score[u, j].item()) for j in batch.negatives.tolist() if j != i]
        total += float(batch.weight[e] / batch.weight.sum()) * (
            power * math.log(sum(others) / len(others)) - up
        )
    assert got.item() == pytest.approx(total, rel=1e-9)


def test_bsl_of_single_pairs_and_power_1_is_the_softmax_over_its_negatives() -> None:
    """Its gradient is the softmax's whose denominator leaves the taken item out: equal where that
    weighs nothing."""
    score, batch = given()
    score[batch.users, batch.items] -= 40
    mine = bsl()(table_step(score), batch, Rng(0))
    softmax = SampledSoftmax(**PLAIN, sampling="uniform", negatives=N, correct=False)(
        table_step(score), batch, Rng(0)
    )
    assert batch.negatives is not None
    count = (batch.items[:, None] != batch.negatives).sum(-1)
    shift = (count.double().log() * batch.weight).sum() / batch.weight.sum()
    assert mine.item() + shift.item() == pytest.approx(softmax.item(), rel=1e-9)


@pytest.mark.parametrize("power", [1.0, 5.0])
def test_a_pair_whose_negatives_are_all_its_own_counts_nothing(power: float) -> None:
    score = torch.randn(U, I, generator=torch.Generator().manual_seed(1)).requires_grad_()
    batch = Batch(torch.tensor([0]), torch.tensor([2]), torch.ones(1), torch.tensor([2, 2]))
    loss = bsl(power=power)(table_step(score), batch, Rng(0))
    loss.backward()
    assert score.grad is not None
    assert loss.item() == 0
    assert not bool(score.grad.any())


def test_margin_equals_a_loop() -> None:
    score, batch = given()
    negatives = torch.randint(I, (6, 3), generator=torch.Generator().manual_seed(2))
    batch = Batch(batch.users, batch.items, batch.weight, negatives)
    got = Margin(**PLAIN, negatives=3, hard=0, hops=1, margin=0.5)(table_step(score), batch, Rng(0))
    total = 0.0
    for e, (u, i) in enumerate(zip(batch.users.tolist(), batch.items.tolist(), strict=True)):
        lost = [
            max(0.0, score[u, j].item() - score[u, i].item() + 0.5) for j in negatives[e].tolist()
        ]
        total += float(batch.weight[e] / batch.weight.sum()) * sum(lost) / 3
    assert got.item() == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("hops", [1, 2])
def test_near_items_are_reached_by_walks_and_are_not_the_users_own(hops: int) -> None:
    p = random_graph(users=40, items=60, edges=200).pattern
    others = torch.full((p.entries, 5), 59)  # an item nobody has met
    found = batches.near(p.row, p.column, 5, hops, p, Rng(0), others)
    across = (p.dense().T @ p.dense() > 0).float()
    reach = torch.linalg.matrix_power(across, hops) > 0
    drawn = found != 59
    assert drawn.float().mean() > 0.3
    rows = p.column[:, None].expand_as(found)
    assert bool(reach[rows[drawn], found[drawn]].all())
    assert not bool(p.contains(p.row[:, None].expand_as(found)[drawn], found[drawn]).any())
    assert torch.equal(found, batches.near(p.row, p.column, 5, hops, p, Rng(0), others))


def test_the_curriculum_begins_without_hard_negatives_and_adds_one_an_epoch() -> None:
    from gnnseg.training.batching import Training
    from gnnseg.training.events import TrainingEvents
    from gnnseg.types import Features

    graph = random_graph(users=40, items=60, edges=200)
    p, objective = graph.pattern, Margin(**PLAIN, negatives=4, hard=2, hops=1, margin=1.0)
    data, rows = (
        Training(graph, Features(), TrainingEvents(p.row, p.column, torch.ones(p.entries))),
        torch.arange(64),
    )
    easy = data.batch(rows, objective, torch.zeros(60), Rng(0)).negatives
    for epoch, columns in ((0, 0), (1, 1), (2, 2), (9, 2)):
        objective.epoch = epoch
        found = data.batch(rows, objective, torch.zeros(60), Rng(0)).negatives
        assert easy is not None
        assert found is not None
        moved = (found != easy).any(0)
        assert moved.tolist() == [n < columns for n in range(4)]


@pytest.mark.parametrize("options", [{"negatives": 0}, {"power": 0.0}])
def test_bsl_says_what_it_needs(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="bsl needs at least 1, and more than 0"):
        bsl(**options)


@pytest.mark.parametrize("options", [{"hard": 5}, {"negatives": 0, "hard": 0}, {"hops": 0}])
def test_margin_says_what_it_needs(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="margin needs 1 or more"):
        Margin(**PLAIN, **{"negatives": 3, "hard": 1, "hops": 1, "margin": 1.0, **options})
