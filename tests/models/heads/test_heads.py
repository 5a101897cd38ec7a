"""Every head against a loop in float64; sums of distributions; parts that add up; gradients that
arrive."""

import math

import pytest
import torch
from torch.nn import functional as F

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads import Dot, Hybrid, Posthoc, Segments
from gnnseg.models.heads.base import Head
from gnnseg.models.heads.readings import keep_top
from gnnseg.models.kmeans import prototypes
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing.drawn import random_graph
from gnnseg.types import Embeddings, InputError, Policy, Segmentation, Shape

U, I, D, K = 13, 10, 6, 4
COUNTS = torch.tensor([5, 4, 3, 3, 2, 2, 1, 1, 1, 0])
SHAPE = Shape(U, I, COUNTS, width=D)
GRAPH = random_graph(U, I, 40)
SEGMENTS = {
    "segments": K,
    "tied": False,
    "top": None,
    "tau_alpha": 0.3,
    "tau_beta": 0.25,
    "tau": 0.2,
}


def embeddings(seed: int = 0) -> Embeddings:
    g = torch.Generator().manual_seed(seed)
    user, item = torch.randn(U, D, generator=g), torch.randn(I, D, generator=g)
    return Embeddings(user, item, user, item)


def make(kind: str, **options: object) -> Head:
    if kind == "dot":
        return Dot(SHAPE, Rng(0), **{"similarity": "cosine", "tau": 0.2, **options})  # type: ignore[arg-type]
    if kind == "hybrid":
        head: Head = Hybrid(SHAPE, Rng(0), **{**SEGMENTS, **options})  # type: ignore[arg-type]
    else:
        head = Segments(SHAPE, Rng(0), **{**SEGMENTS, "beta": kind, "centre": True, **options})  # type: ignore[arg-type]
    head.reset(embeddings(), GRAPH, Rng(0))
    if not options.get("tied"):
        with torch.no_grad():
            group = head.group if isinstance(head, Hybrid) else head
            assert isinstance(group, Segments)
            assert group.item_KD is not None
            group.item_KD.add_(torch.randn(K, D, generator=torch.Generator().manual_seed(5)))
    return head


def cos(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def oracle(kind: str, head: Head, e: Embeddings) -> torch.Tensor:
    """Logits (U,I), by the formulas of the docstrings, one number at a time."""
    user, item = e.user_UD.double(), e.item_ID.double()
    bias = [math.log(max(int(n), 1) / int(COUNTS.sum())) for n in COUNTS]
    if kind == "dot":
        return torch.tensor(
            [[cos(user[i], item[j]) / 0.2 + bias[j] for j in range(I)] for i in range(U)]
        )
    group = head.group if isinstance(head, Hybrid) else head
    assert isinstance(group, Segments)
    c = group.user_KD.detach().double()
    d = c if group.item_KD is None else group.item_KD.detach().double()
    alpha = torch.zeros(U, K, dtype=torch.float64)
    for i in range(U):
        e_k = [math.exp(cos(user[i], c[k]) / 0.3) for k in range(K)]
        if group.top is not None:
            smallest = sorted(e_k, reverse=True)[group.top - 1]
            e_k = [x if x >= smallest else 0.0 for x in e_k]
        alpha[i] = torch.tensor([x / sum(e_k) for x in e_k])
    out = torch.zeros(U, I, dtype=torch.float64)
    if kind in ("distribution", "hybrid"):
        beta = [[math.exp(cos(d[k], item[j]) / 0.25 + bias[j]) for j in range(I)] for k in range(K)]
        beta = [[x / sum(row) for x in row] for row in beta]
        for i in range(U):
            for j in range(I):
                out[i, j] = math.log(sum(float(alpha[i, k]) * beta[k][j] for k in range(K)))
                if kind == "hybrid":
                    out[i, j] += cos(user[i], item[j]) / 0.2
    elif kind == "membership":
        for j in range(I):
            e_k = [math.exp(cos(d[k], item[j]) / 0.25) for k in range(K)]
            for i in range(U):
                rec = sum(float(alpha[i, k]) * e_k[k] / sum(e_k) for k in range(K))
                out[i, j] = math.log(rec) / 0.2 + bias[j]
    else:
        t = d - d.mean(0) if group.centre else d
        for i in range(U):
            m = sum(alpha[i, k] * t[k] for k in range(K))
            for j in range(I):
                out[i, j] = cos(m, item[j]) / 0.2 + bias[j]
    return out


CASES = [
    ("dot", {}), ("distribution", {}), ("distribution", {"tied": True}),
    ("distribution", {"top": 2}), ("membership", {}),
    ("affinity", {}), ("affinity", {"centre": False}), ("affinity", {"top": 2}), ("hybrid", {}),
    ("hybrid", {"top": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_scores_equal_a_loop(kind: str, options: dict[str, object]) -> None:
    head, e = make(kind, **options), embeddings(1)
    scorer = head(e)
    expected = oracle(kind, head, e).float()
    everyone, everything = torch.arange(U), torch.arange(I)
    tolerance = {"atol": 2e-5, "rtol": 2e-5}
    torch.testing.assert_close(scorer.block(everyone), expected, **tolerance)
    some = torch.tensor([3, 0, 7])
    torch.testing.assert_close(
        scorer.block(torch.tensor([2, 5]), some), expected[[2, 5]][:, some], **tolerance
    )
    torch.testing.assert_close(
        scorer.pairs(torch.arange(I), everything), expected[:I].diagonal(), **tolerance
    )
    own = torch.tensor([[1, 2], [9, 0], [4, 4]])
    got = scorer.pairs(torch.tensor([0, 3, 12]), own)
    torch.testing.assert_close(
        got,
        torch.stack([expected[u][o] for u, o in zip([0, 3, 12], own, strict=True)]),
        **tolerance,
    )
    pattern = Csr.of([0, 0, 5, 12], [1, 9, 3, 0], (U, I))
    torch.testing.assert_close(
        scorer.edges(pattern), expected[pattern.row, pattern.column], **tolerance
    )


@pytest.mark.parametrize(("kind", "options"), [c for c in CASES if c[0] != "dot"])
def test_sums_and_parts(kind: str, options: dict[str, object]) -> None:
    head, e = make(kind, **options), embeddings(1)
    scorer = head(e)
    assert isinstance(scorer, Segmentation)
    torch.testing.assert_close(scorer.alpha.sum(1), torch.ones(U))
    users, items = torch.tensor([0, 4, 9]), torch.tensor([3, 3, 8])
    torch.testing.assert_close(scorer.memberships(users), scorer.alpha[users])
    why, logit = scorer.explain(users, items), scorer.pairs(users, items)
    if kind in ("distribution", "hybrid"):
        torch.testing.assert_close(scorer.beta.sum(1), torch.ones(K))
    if kind == "distribution":
        torch.testing.assert_close(scorer.block(torch.arange(U)).exp().sum(1), torch.ones(U))
    if kind == "membership":
        torch.testing.assert_close(scorer.beta.sum(0), torch.ones(I))
    if kind == "affinity":
        assert not why.shares
        torch.testing.assert_close(why.segments.sum(1) + why.bias, logit, atol=1e-4, rtol=1e-4)
    else:
        assert why.shares
        torch.testing.assert_close(why.segments.sum(1), torch.ones(3))
        expected = scorer.alpha[users] * scorer.beta.T[items]
        torch.testing.assert_close(why.segments, expected / expected.sum(1, keepdim=True))
    if kind == "hybrid":
        torch.testing.assert_close(why.bias + why.personal, logit)


@pytest.mark.parametrize("kind", ["distribution", "membership", "affinity", "hybrid"])
def test_one_segment_ranks_everyone_alike(kind: str) -> None:
    if kind == "hybrid":
        return
    options = {"segments": 1, "centre": False}
    head = Segments(SHAPE, Rng(0), **{**SEGMENTS, "beta": kind, **options})  # type: ignore[arg-type]
    head.reset(embeddings(), GRAPH, Rng(0))
    scores = head(embeddings(1)).block(torch.arange(U))
    torch.testing.assert_close(scores, scores[:1].expand(U, I))


@pytest.mark.parametrize("kind", ["distribution", "membership", "affinity", "hybrid", "dot"])
def test_gradients_reach_every_side(kind: str) -> None:
    head = make(kind)
    user, item = (torch.nn.Parameter(x) for x in (embeddings(1).user_UD, embeddings(1).item_ID))
    before = {name: p.detach().clone() for name, p in head.named_parameters()}
    optimizer = torch.optim.Adam([user, item, *head.parameters()], lr=0.01)
    first_user, first_item = user.detach().clone(), item.detach().clone()
    for _ in range(2):
        optimizer.zero_grad()
        scores = head(Embeddings(user, item, user, item)).block(torch.arange(U))
        F.cross_entropy(scores, torch.arange(U) % I).backward()
        for name, p in [("user", user), ("item", item), *head.named_parameters()]:
            assert p.grad is not None, name
            assert p.grad.abs().sum() > 0, name
        optimizer.step()
    assert not torch.equal(user, first_user)
    assert not torch.equal(item, first_item)
    for name, p in head.named_parameters():
        assert not torch.equal(p, before[name]), name


def test_raw_products_have_no_temperature_and_no_bias() -> None:
    e = embeddings(1)
    head = make("dot", similarity="dot")
    torch.testing.assert_close(head(e).block(torch.arange(U)), e.user_UD @ e.item_ID.T)
    assert not list(head.parameters())


def test_keep_top_keeps_the_lowest_number_on_ties() -> None:
    alpha = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.1, 0.4, 0.1, 0.4]])
    torch.testing.assert_close(
        keep_top(alpha, 2), torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.0, 0.5]])
    )
    assert keep_top(alpha, 1)[1].tolist() == [0, 1, 0, 0]
    for more in (4, 9):  # of two segments the top 3 are both
        torch.testing.assert_close(keep_top(alpha, more), alpha / alpha.sum(1, keepdim=True))


def test_truncated_scores_are_those_of_a_head_with_that_top() -> None:
    full, e = make("distribution"), embeddings(1)
    cut = make("distribution", top=2)
    cut.load_state_dict(full.state_dict())
    torch.testing.assert_close(
        full(e).truncated(2).block(torch.arange(U)), cut(e).block(torch.arange(U))
    )


def test_posthoc_clusters_once_and_counts() -> None:
    g = torch.Generator().manual_seed(0)
    centres = torch.eye(3, D) * 5
    label = torch.arange(U) % 3
    user = centres[label] + 0.1 * torch.randn(U, D, generator=g)
    e = Embeddings(user, embeddings().item_ID, user, embeddings().item_ID)
    row = torch.arange(U).repeat_interleave(2)
    column = torch.stack([label, label + 3], 1).reshape(-1)
    graph = BipartiteGraph(Csr.of(row, column, (U, I)))
    head = Posthoc(SHAPE, Rng(0), segments=3, similarity="cosine", tau=0.2)
    torch.testing.assert_close(head(e).block(torch.arange(U)), head.dot(e).block(torch.arange(U)))
    head.finish(e, graph, Rng(0))
    scorer = head(e)
    hard = scorer.alpha.argmax(1)
    assert (
        len({(int(a), int(b)) for a, b in zip(hard, label, strict=True)}) == 3
    )  # the planted clusters, renamed
    k = int(hard[0])
    members = label == label[0]
    n_k, edges = 2 * int(members.sum()), len(row)
    for j in range(I):
        n_kj = int(((column == j) & members[row]).sum())
        n_j = int((column == j).sum())
        assert float(scorer.beta[k, j]) == pytest.approx(
            (n_kj + 100 * n_j / edges) / (n_k + 100), rel=1e-5
        )
    torch.testing.assert_close(scorer.beta.sum(1), torch.ones(3))
    again = Posthoc(SHAPE, Rng(1), segments=3, similarity="cosine", tau=0.2)
    again.load_state_dict(head.state_dict())
    assert torch.equal(again(e).block(torch.arange(U)), scorer.block(torch.arange(U)))


def test_fewer_users_than_segments_still_start() -> None:
    head = Segments(
        SHAPE, Rng(0), **{**SEGMENTS, "segments": 40, "beta": "distribution", "centre": True}
    )  # type: ignore[arg-type]
    head.reset(embeddings(), GRAPH, Rng(0))
    assert torch.isfinite(head(embeddings()).block(torch.arange(U))).all()


def test_of_several_starts_the_tightest_prototypes_are_kept() -> None:
    """24 groups of users: one start often merges two and cuts a third, ten find them."""
    groups = 24
    g = torch.Generator().manual_seed(0)
    group = torch.arange(20 * groups) % groups
    middle = F.normalize(torch.randn(groups, D, generator=g), dim=1)
    user = middle[group] + 0.05 * torch.randn(len(group), D, generator=g)
    unit = F.normalize(user, dim=1)

    def spread(seed: int, starts: int) -> float:
        centres = prototypes(user, groups, Rng(seed), starts=starts)
        return float(torch.cdist(unit, centres).min(1).values.square().sum())

    once, often = ([spread(seed, starts) for seed in range(8)] for starts in (1, 10))
    assert all(many <= one + 1e-4 for one, many in zip(once, often, strict=True))
    assert sum(many < 0.9 * one for one, many in zip(once, often, strict=True)) >= 2
    options = {
        **SEGMENTS,
        "segments": groups,
        "beta": "distribution",
        "centre": True,
        "start": "k-means",
    }
    head = Segments(SHAPE, Rng(0), **options, starts=10)  # type: ignore[arg-type]
    head.reset(Embeddings(user, user, user, user), GRAPH, Rng(0))
    torch.testing.assert_close(head.user_KD.detach(), prototypes(user, groups, Rng(0), starts=10))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"segments": 0}, "segments"),
        ({"top": 9}, "top"),
        ({"starts": 0}, "starts"),
        ({"starts": 5}, "starts=5: head.start=varimax starts once"),
        ({"tau_alpha": 0.0}, "tau_alpha"),
        ({"tau_beta": -1.0}, "tau_beta"),
    ],
)
def test_bad_values_are_one_sentence(options: dict[str, object], key: str) -> None:
    with pytest.raises(InputError, match=rf"head\.{key}"):
        Segments(SHAPE, Rng(0), **{**SEGMENTS, "beta": "distribution", "centre": True, **options})  # type: ignore[arg-type]


def test_the_policy_is_exact_with_and_without_seen_items() -> None:
    head, e = make("distribution"), embeddings(1)
    scorer = head(e)
    assert isinstance(scorer, Policy)
    every = torch.arange(U)
    rec = scorer.block(every).exp()
    users, items = every.repeat_interleave(I), torch.arange(I).repeat(U)
    torch.testing.assert_close(scorer.log_prob(users, items).exp().view(U, I), rec)
    seen = Csr.of([0, 0, 3, 12], [1, 2, 9, 0], (U, I))
    served = scorer.log_prob(users, items, seen).exp().view(U, I)
    torch.testing.assert_close(served.sum(1), torch.ones(U))
    left = rec * (1 - seen.dense())
    torch.testing.assert_close(served, left / left.sum(1, keepdim=True))


def test_what_is_left_of_a_sharp_policy_is_no_rounding() -> None:
    """Who has taken all that their segment is shown: 1 less the sum of that is float32's rounding,
    or 0."""
    head = make("distribution", tau_alpha=0.01, tau_beta=0.04)
    scorer = head(embeddings(1))
    assert isinstance(scorer, Policy)
    every = torch.arange(U)
    users, items = every.repeat_interleave(I), torch.arange(I).repeat(U)
    order_UI = scorer.block(every).argsort(dim=1, descending=True)
    taken = torch.arange(1, U + 1).clamp(
        max=I - 2
    )  # the first user's best item, the second's best two, ...
    seen = Csr.of(
        every.repeat_interleave(taken), torch.cat([order_UI[u, : taken[u]] for u in every]), (U, I)
    )
    left_UI = scorer.block(every).double().masked_fill(seen.dense() > 0, -math.inf)
    assert float(left_UI.detach().logsumexp(1).min()) < math.log(
        1e-7
    )  # less than float32 tells from 0 in 1 - sum
    served, expected = scorer.log_prob(users, items, seen).view(U, I), left_UI.log_softmax(1)
    torch.testing.assert_close(served.double(), expected, atol=1e-4, rtol=1e-4)
    few = seen.dense() == 0
    found = torch.autograd.grad(served[few].sum(), list(head.parameters()), retain_graph=True)
    wanted = torch.autograd.grad(expected[few].sum(), list(head.parameters()))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-2, rtol=1e-3)

    best = scorer.block(every).double().gather(1, order_UI)
    slates = sum(
        best[:, place:].log_softmax(1)[:, 0] for place in range(5)
    )  # Plackett-Luce, from the best item on
    torch.testing.assert_close(
        scorer.slate_log_prob(every, order_UI[:, :5]).double(), slates, atol=1e-3, rtol=1e-3
    )


def test_the_policy_draws_by_its_probabilities_and_never_what_was_seen() -> None:
    scorer = make("distribution")(embeddings(1))
    assert isinstance(scorer, Policy)
    seen = Csr.of([2, 2], [0, 5], (U, I))
    users = torch.full((20000,), 2)
    drawn = scorer.sample(users, 3, Rng(0), seen)
    assert not ((drawn == 0) | (drawn == 5)).any()
    assert (drawn.sort(1).values.diff(dim=1) > 0).all()  # without replacement
    share = torch.bincount(drawn[:, 0], minlength=I) / len(users)
    expected = scorer.log_prob(torch.full((I,), 2), torch.arange(I), seen).exp().detach()
    assert float((share - expected).abs().max()) < 0.015


def test_a_slates_probability_is_plackett_luce_and_all_slates_sum_to_one() -> None:
    import itertools

    scorer = make("distribution")(embeddings(1))
    assert isinstance(scorer, Policy)
    seen = Csr.of([2] * (I - 5), list(range(5, I)), (U, I))  # five items are left
    slates = torch.tensor(list(itertools.permutations(range(5), 3)))
    users = torch.full((len(slates),), 2)
    found = scorer.slate_log_prob(users, slates, seen).exp().detach()
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-4)
    pi = scorer.log_prob(torch.full((5,), 2), torch.arange(5), seen).exp().tolist()
    for slate, probability in zip(slates.tolist(), found.tolist(), strict=True):
        left, expected = 1.0, 1.0
        for j in slate:
            expected *= pi[j] / left
            left -= pi[j]
        assert probability == pytest.approx(expected, rel=1e-3)
    assert scorer.slate_log_prob(users[:1], torch.tensor([[1, 2, 1]]), seen).tolist() == [-math.inf]
    assert scorer.slate_log_prob(users[:1], torch.tensor([[1, 7, 0]]), seen).tolist() == [-math.inf]
