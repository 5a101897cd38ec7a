"""DirectAU, cosine contrastive loss and UltraGCN against loops in float64, and at their ends."""

import math
from typing import Any

import pytest
import torch

from gnnseg import config
from gnnseg.graph.cooccurrence import nearest_items
from gnnseg.models.heads import Dot
from gnnseg.models.objectives import CCL, DirectAU, UltraGCN, directau
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing import random_graph, shape_of, table_step
from gnnseg.types import Batch, Embeddings, InputError, Scorer, Step

U, I, D = 5, 7, 3
NOBODY: Any = None  # no score is asked for
USERS, ITEMS = torch.tensor([0, 1, 1, 4, 4, 4]), torch.tensor([2, 2, 5, 0, 6, 1])
SHARED = torch.tensor([2, 0, 3, 3])


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def own() -> torch.Tensor:
    return torch.randint(I, (6, 4), generator=torch.Generator().manual_seed(2))


def batch(negatives: torch.Tensor | None = None) -> Batch:
    return Batch(USERS, ITEMS, drawn(6, seed=3).abs(), negatives)


def a_step(user: torch.Tensor, item: torch.Tensor, scorer: Scorer = NOBODY) -> Step:
    return Step(Embeddings(user, item, user, item), scorer)


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def pairs(given: Batch) -> list[tuple[int, int, int, float]]:
    """Row, user, item and share of the batch's weight."""
    share = (given.weight / given.weight.sum()).tolist()
    found = zip(given.users.tolist(), given.items.tolist(), share, strict=True)
    return [(row, *each) for row, each in enumerate(found)]


def others(given: Batch, row: int, item: int) -> list[int]:
    assert given.negatives is not None
    drawn_ = given.negatives if given.negatives.dim() == 1 else given.negatives[row]
    return [j for j in drawn_.tolist() if j != item]


def test_directau_equals_a_loop() -> None:
    user, item, given = drawn(U, D), drawn(I, D, seed=1), batch()
    total = 0.0
    for _, u, i, w in pairs(given):
        total += w * (2 - 2 * cosine(user[u], item[i]))
    for table, rows in ((user, given.users.tolist()), (item, given.items.tolist())):
        near, weight = 0.0, 0.0
        for e in range(6):
            for f in range(6):
                if e != f:
                    w = float(given.weight[e] * given.weight[f])
                    apart = 2 - 2 * cosine(table[rows[e]], table[rows[f]])
                    near, weight = near + w * math.exp(-2 * apart), weight + w
        total += 0.7 * math.log(near / weight) / 2
    got = DirectAU(gamma=0.7)(a_step(user, item), given, Rng(0))
    assert got.item() == pytest.approx(total, rel=1e-9)


def test_uniformity_is_least_where_rows_lie_apart_and_nothing_of_one_row() -> None:
    weight = torch.ones(2, dtype=torch.float64)
    apart = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    assert directau.uniformity(apart, weight).item() == pytest.approx(-8)
    assert directau.uniformity(apart[[0, 0]], weight).item() == pytest.approx(0)
    one = apart[:1].clone().requires_grad_()
    alone = directau.uniformity(one, weight[:1])
    alone.backward()
    assert alone.item() == 0
    assert one.grad is not None
    assert not bool(one.grad.any())


def test_of_too_many_pairs_some_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    user, item, given = drawn(U, D), drawn(I, D, seed=1), batch()
    whole = DirectAU()(a_step(user, item), given, Rng(0))
    monkeypatch.setattr(directau, "ROWS", 3)
    some = [DirectAU()(a_step(user, item), given, Rng(seed)).item() for seed in (0, 0, 1)]
    assert some[0] == some[1]
    assert len({round(value, 9) for value in (*some, whole.item())}) == 3


@pytest.mark.parametrize("negatives", [SHARED, own()], ids=["shared", "own"])
def test_ccl_equals_a_loop(negatives: torch.Tensor) -> None:
    user, item, given = drawn(U, D), drawn(I, D, seed=1), batch(negatives)
    total = 0.0
    for row, u, i, w in pairs(given):
        lost = [max(0.0, cosine(user[u], item[j]) - 0.1) for j in others(given, row, i)]
        total += w * (1 - cosine(user[u], item[i]) + 20 * sum(lost) / len(lost))
    kind = "uniform" if negatives.dim() == 1 else "own"
    objective = CCL(sampling=kind, negatives=4, negative_weight=20, margin=0.1)
    assert objective(a_step(user, item), given, Rng(0)).item() == pytest.approx(total, rel=1e-9)


def test_ccl_asks_nothing_of_negatives_below_the_margin_or_of_the_item_itself() -> None:
    user, item = drawn(U, D), drawn(I, D, seed=1)
    for objective, negatives in (
        (CCL(negatives=4, margin=0.999), SHARED),
        (CCL(negatives=1, margin=-1), torch.tensor([2])),
    ):
        given = Batch(USERS[:1], ITEMS[:1], torch.ones(1), negatives)
        loss = objective(a_step(user, item), given, Rng(0))
        assert loss.item() == pytest.approx(1 - cosine(user[0], item[2]), rel=1e-9)


def omega(pattern: Csr) -> torch.Tensor:
    """Omega of all pairs of items from the dense product."""
    a = pattern.dense().double()
    g = a.T @ a
    total, n = g.sum(1), len(g)
    found = torch.zeros(n, n, dtype=torch.float64)
    for i in range(n):
        for j in range(n):
            if i != j and g[i, j] > 0:
                found[i, j] = g[i, j] / (total[i] - g[i, i]) * (total[i] / total[j]).sqrt()
    return found


@pytest.mark.parametrize("entries", [1, 40, 1 << 22])
def test_nearest_items_equal_the_dense_product_in_blocks_of_any_size(
    entries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gnnseg.graph.cooccurrence.ENTRIES", entries)
    pattern = random_graph().pattern
    near, all_ = nearest_items(pattern, 4), omega(pattern)
    for i in range(pattern.shape[1]):
        order = sorted(range(pattern.shape[1]), key=lambda j: (-float(all_[i, j]), j))
        best = [j for j in order if all_[i, j] > 0][:4]
        assert near.item[i, : len(best)].tolist() == best
        torch.testing.assert_close(near.weight[i, : len(best)].double(), all_[i, best])
        assert not bool(near.weight[i, len(best) :].any())


def test_an_item_alone_has_no_neighbours_and_few_items_have_few() -> None:
    near = nearest_items(Csr.of([0, 1], [0, 1], (2, 2)), 10)
    assert near.item.shape == near.weight.shape == (2, 1)
    assert not bool(near.weight.any())
    assert nearest_items(Csr.of([0], [0], (1, 1)), 3).weight.shape == (1, 1)


@pytest.mark.parametrize("kind", ["uniform", "own"])
@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_ultragcn_equals_a_loop(kind: str, gamma: float) -> None:
    graph = random_graph(users=U + 1, items=I + 1, edges=15)
    pattern = graph.pattern
    users, items = pattern.row[::2], pattern.column[::2]
    negatives = torch.randint(I, (len(users), 4), generator=torch.Generator().manual_seed(2))
    negatives = negatives[0] if kind == "uniform" else negatives
    given = Batch(users, items, drawn(len(users), seed=3).abs(), negatives)
    score, all_ = drawn(U + 1, I + 1), omega(pattern)
    du, di = (degree.tolist() for degree in pattern.degrees())

    def lost(u: int, j: int, sign: int) -> float:
        return math.log1p(math.exp(-sign * float(score[u, j])))

    def beta(u: int, j: int) -> float:
        return math.sqrt((du[u] + 1) / (di[j] + 1)) / du[u]

    total = 0.0
    for row, u, i, w in pairs(given):
        rest = others(given, row, i)
        away = [(0.3 + 0.4 * beta(u, j)) * lost(u, j, -1) for j in rest]
        near = sorted(range(I + 1), key=lambda j: (-float(all_[i, j]), j))[:2]
        beside = sum(float(all_[i, m]) * lost(u, m, 1) for m in near)
        total += w * (
            (0.1 + 0.2 * beta(u, i)) * lost(u, i, 1)
            + 5 * sum(away) / max(len(rest), 1)
            + gamma * beside
        )
    objective = UltraGCN(
        sampling=kind, negatives=4, negative_weight=5, w1=0.1, w2=0.2, w3=0.3, w4=0.4,
        gamma=gamma, neighbours=2,
    )  # fmt: skip
    objective.prepare(shape_of(graph, D), Rng(0))
    objective.reset(graph, Rng(0))
    got = objective(table_step(score), given, Rng(0))
    assert got.item() == pytest.approx(total, rel=1e-6)


def test_ultragcn_pulls_users_to_what_goes_with_what_they_took() -> None:
    graph = random_graph()
    p = graph.pattern
    objective = UltraGCN(negatives=1, negative_weight=0, w1=0, w2=0, gamma=1.0, neighbours=1)
    objective.prepare(shape_of(graph, D), Rng(0))
    objective.reset(graph, Rng(0))
    item = int(p.column[0])
    beside = int(objective.near_IM[item, 0])
    user, items = (drawn(n, D, seed=n).float().requires_grad_() for n in (graph.users, graph.items))
    head = Dot(shape_of(graph, D), Rng(0), similarity="dot")
    scorer = head(Embeddings(user, items, user, items))
    given = Batch(p.row[:1], p.column[:1], torch.ones(1), torch.tensor([item]))
    objective(a_step(user, items, scorer), given, Rng(0)).backward()
    assert items.grad is not None
    assert items.grad.any(1).nonzero().squeeze(1).tolist() == [beside]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DirectAU(gamma=-1), "objective.gamma is -1"),
        (lambda: CCL(negatives=0), "ccl needs at least 1"),
        (lambda: CCL(margin=1.0), "margin is 1.0"),
        (lambda: UltraGCN(neighbours=0), "ultragcn needs at least 1"),
        (lambda: UltraGCN(w3=-1), "weights are 0 or more"),
    ],
)
def test_settings_that_cannot_be_are_one_sentence(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["head=dot", "objective=directau"],
            "directau: needs a head without parameters of its own",
        ),
        (["head=posthoc", "objective=directau"], "directau: needs a head without parameters"),
        (["head=segments", "objective=ccl"], "ccl: needs a head that is the cosine alone"),
        (["head=dot", "head.similarity=dot", "objective=ccl"], "ccl: needs a head that is the"),
        (
            ["head=dot", "objective=ultragcn"],
            "ultragcn: needs an encoder of free vectors.*not ligh",
        ),
        (["encoder=mf", "objective=ultragcn"], "ultragcn: needs a head whose scores are logits"),
    ],
)
def test_what_makes_no_sense_together_is_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(InputError, match=f"objective={said}"):
        config.check(config.compose(overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        ["encoder=mf", "head=dot", "objective=ultragcn"],
        ["encoder=lightgcn", "head=dot", "head.bias=false", "objective=directau"],
        ["head=posthoc", "head.similarity=dot", "objective=directau"],
        ["encoder=mf", "head=dot", "head.bias=false", "objective=ccl", "objective.sampling=own"],
    ],
)
def test_what_makes_sense_is_not(overrides: list[str]) -> None:
    config.check(config.compose(overrides))
