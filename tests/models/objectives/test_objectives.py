"""Objectives and their gradients against loops in float64."""

import math
from dataclasses import replace

import pytest
import torch

from gnnseg.models.heads import Segments
from gnnseg.models.objectives import BPR, L2, Balance, Entropy, Likelihood, SampledSoftmax
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Batch, Embeddings, InputError, Shape, Step

U, I, D, K = 7, 6, 5, 3
PLAIN = {"weights": None, "degree_power": 0.0}


def pattern() -> Csr:
    return Csr.of([0, 0, 1, 2, 3, 3, 3, 4, 5, 6], [1, 2, 0, 5, 1, 2, 3, 4, 4, 0], (U, I))


def model() -> tuple[Segments, torch.nn.Parameter, torch.nn.Parameter]:
    g = torch.Generator().manual_seed(3)
    user, item = (torch.nn.Parameter(torch.randn(n, D, generator=g)) for n in (U, I))
    counts = pattern().degrees()[1]
    head = Segments(
        Shape(U, I, counts, width=D), Rng(0), segments=K, beta="distribution", tied=False,
        top=None, centre=True,
        tau_alpha=0.3, tau_beta=0.3, tau=0.2,
    )  # fmt: skip
    return head, user, item


def step_of(head: Segments, user: torch.Tensor, item: torch.Tensor) -> Step:
    e = Embeddings(user, item, user, item)
    return Step(e, head(e))


def batch_of(p: Csr, weight: torch.Tensor, **options: object) -> Batch:
    return Batch(p.row, p.column, weight, **options)  # type: ignore[arg-type]


def test_likelihood_and_its_gradient_equal_a_loop() -> None:
    head, user, item = model()
    p = pattern()
    weight = torch.rand(p.entries, generator=torch.Generator().manual_seed(1))
    weight = weight / weight.sum()
    loss = Likelihood(**PLAIN)(step_of(head, user, item), batch_of(p, weight, pattern=p), Rng(0))  # type: ignore[arg-type]
    loss.backward()
    got = [x.grad.clone() for x in (user, item, head.user_KD, head.item_KD, head.bias.value)]  # type: ignore[union-attr]

    x = [
        t.detach().double().requires_grad_()
        for t in (user, item, head.user_KD, head.item_KD, head.bias.value)
    ]  # type: ignore[union-attr]
    total = torch.zeros((), dtype=torch.float64)
    for u, i, w in zip(p.row.tolist(), p.column.tolist(), weight.tolist(), strict=True):
        cos_k = torch.stack([torch.cosine_similarity(x[0][u], x[2][k], dim=0) for k in range(K)])
        log_alpha = cos_k / 0.3 - torch.logsumexp(cos_k / 0.3, 0)
        log_beta = []
        for k in range(K):
            row = torch.stack(
                [torch.cosine_similarity(x[3][k], x[1][j], dim=0) / 0.3 + x[4][j] for j in range(I)]
            )
            log_beta.append(row[i] - torch.logsumexp(row, 0))
        total = total - w * torch.logsumexp(log_alpha + torch.stack(log_beta), 0)
    assert loss.item() == pytest.approx(total.item(), rel=1e-5)
    total.backward()
    for mine, theirs in zip(got, x, strict=True):
        torch.testing.assert_close(mine.double(), theirs.grad, atol=1e-5, rtol=1e-4)


def test_mini_batches_of_everything_equal_the_full_batch() -> None:
    head, user, item = model()
    p = pattern()
    weight = torch.rand(p.entries)
    objective = Likelihood(**PLAIN)  # type: ignore[arg-type]
    full = objective(
        step_of(head, user, item), batch_of(p, weight / weight.sum(), pattern=p), Rng(0)
    )
    mini = objective(step_of(head, user, item), batch_of(p, weight), Rng(0))
    torch.testing.assert_close(full, mini)


def test_pair_weights() -> None:
    p = pattern()
    degrees = p.degrees()[0]
    value = torch.arange(1.0, p.entries + 1)
    plain = Likelihood(**PLAIN).pair_weights(p.row, degrees, value)  # type: ignore[arg-type]
    torch.testing.assert_close(plain, torch.full((p.entries,), 1 / p.entries))
    w = Likelihood(weights="log", degree_power=-0.5).pair_weights(p.row, degrees, value)
    raw = [
        math.log1p(float(v)) * int(degrees[u]) ** -0.5 for u, v in zip(p.row, value, strict=True)
    ]
    torch.testing.assert_close(w, torch.tensor(raw) / sum(raw))
    with pytest.raises(InputError, match=r"objective\.weights"):
        Likelihood(weights="value", degree_power=0.0).pair_weights(
            p.row, degrees, torch.zeros(p.entries)
        )


def test_bpr_equals_a_loop() -> None:
    head, user, item = model()
    p = pattern()
    negatives = torch.randint(I, (p.entries, 2), generator=torch.Generator().manual_seed(0))
    weight = torch.rand(p.entries)
    step = step_of(head, user, item)
    got = BPR(**PLAIN, negatives=2)(step, batch_of(p, weight, negatives=negatives), Rng(0))  # type: ignore[arg-type]
    scores = step.scorer.block(torch.arange(U)).detach()
    total = 0.0
    for e, (u, i) in enumerate(zip(p.row.tolist(), p.column.tolist(), strict=True)):
        terms = [
            math.log(1 + math.exp(float(scores[u, j] - scores[u, i])))
            for j in negatives[e].tolist()
        ]
        total += float(weight[e]) * sum(terms) / 2
    assert got.item() == pytest.approx(total / float(weight.sum()), rel=1e-5)


@pytest.mark.parametrize("correct", [False, True])
def test_sampled_softmax_equals_a_loop(correct: bool) -> None:
    head, user, item = model()
    p = pattern()
    negatives = torch.tensor([1, 1, 4, 0])
    log_q = torch.log(torch.tensor([0.3, 0.2, 0.2, 0.1, 0.1, 0.1]))
    step = step_of(head, user, item)
    objective = SampledSoftmax(**PLAIN, sampling="in_batch", negatives=4, correct=correct)  # type: ignore[arg-type]
    got = objective(
        step, batch_of(p, torch.ones(p.entries), negatives=negatives, log_q=log_q), Rng(0)
    )
    scores = step.scorer.block(torch.arange(U)).detach() - (log_q if correct else 0.0)
    total = 0.0
    for u, i in zip(p.row.tolist(), p.column.tolist(), strict=True):
        others = [math.exp(float(scores[u, j])) for j in negatives.tolist() if j != i]
        mine = math.exp(float(scores[u, i]))
        total += -math.log(mine / (mine + sum(others)))
    assert got.item() == pytest.approx(total / p.entries, rel=1e-5)


def test_softmax_over_the_whole_catalogue_is_the_likelihood() -> None:
    """With every item as a negative, the sampled softmax of log-probabilities is the exact
    likelihood."""
    head, user, item = model()
    p = pattern()
    step = step_of(head, user, item)
    weight = torch.full((p.entries,), 1 / p.entries)
    exact = Likelihood(**PLAIN)(step, batch_of(p, weight, pattern=p), Rng(0))  # type: ignore[arg-type]
    sampled = SampledSoftmax(**PLAIN, sampling="uniform", negatives=I, correct=True)(  # type: ignore[arg-type]
        step, batch_of(p, weight, negatives=torch.arange(I)), Rng(0)
    )
    torch.testing.assert_close(exact, sampled)


def test_a_batch_in_which_nothing_weighs_anything_teaches_nothing() -> None:
    """Free goods under weights=spend: it neither moves nor ends a training."""
    head, user, item = model()
    step, weight = step_of(head, user, item), torch.zeros(2)
    loss = SampledSoftmax(**PLAIN, sampling="uniform", negatives=I, correct=True)(  # type: ignore[arg-type]
        step, Batch(torch.tensor([0, 1]), torch.tensor([1, 2]), weight, torch.arange(I)), Rng(0)
    )
    assert loss.item() == 0


def test_regularisers_equal_loops() -> None:
    head, user, item = model()
    p = pattern()
    step = step_of(head, user, item)
    full, mini = batch_of(p, torch.ones(p.entries), pattern=p), batch_of(p, torch.ones(p.entries))
    squares = [
        ((user[u] ** 2).sum() + (item[i] ** 2).sum()).item()
        for u, i in zip(p.row, p.column, strict=True)
    ]
    assert L2()(step, full, Rng(0)).item() == pytest.approx(sum(squares) / 2 / p.entries, rel=1e-5)
    assert L2()(step, mini, Rng(0)).item() == pytest.approx(sum(squares) / 2 / p.entries, rel=1e-5)
    negatives = torch.arange(2 * p.entries).remainder(I).view(p.entries, 2)
    more = sum((item[j] ** 2).sum().item() for j in negatives.reshape(-1).tolist())
    for batch in (replace(full, negatives=negatives), replace(mini, negatives=negatives)):
        assert L2()(step, batch, Rng(0)).item() == pytest.approx(
            (sum(squares) + more) / 2 / p.entries, rel=1e-5
        )
    alpha = step.scorer.alpha.detach()  # type: ignore[attr-defined]
    mean = [float(alpha[:, k].mean()) for k in range(K)]
    assert Balance()(step, full, Rng(0)).item() == pytest.approx(
        math.log(K) + sum(m * math.log(m) for m in mean), abs=1e-5
    )
    entropy = -sum(float(a) * math.log(float(a)) for row in alpha for a in row) / U
    assert Entropy()(step, full, Rng(0)).item() == pytest.approx(entropy, rel=1e-5)


def test_bad_values_are_one_sentence() -> None:
    with pytest.raises(InputError, match=r"objective\.negatives"):
        BPR(**PLAIN, negatives=0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"objective\.negatives"):
        SampledSoftmax(**PLAIN, sampling="uniform", negatives=0, correct=True)  # type: ignore[arg-type]
