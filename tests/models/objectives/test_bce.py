"""Binary cross-entropy against a loop, sklearn and the odds it is meant to learn."""

import math

import pytest
import torch
from sklearn.metrics import log_loss

from gnnseg.models.objectives import BCE
from gnnseg.rng import Rng
from gnnseg.testing import table_step
from gnnseg.types import Batch, InputError

U, I = 5, 6
PLAIN = {"weights": None, "degree_power": 0.0}


def test_it_equals_a_loop() -> None:
    g = torch.Generator().manual_seed(0)
    score = (3 * torch.randn(U, I, generator=g)).requires_grad_()
    users, items = torch.tensor([0, 1, 4, 4]), torch.tensor([2, 2, 5, 0])
    negatives, weight = torch.randint(I, (4, 3), generator=g), torch.rand(4, generator=g)
    got = BCE(**PLAIN, negatives=3)(
        table_step(score), Batch(users, items, weight, negatives), Rng(0)
    )  # type: ignore[arg-type]
    total, gradient = 0.0, torch.zeros(U, I, dtype=torch.float64)
    for e, (u, i) in enumerate(zip(users.tolist(), items.tolist(), strict=True)):
        share = float(weight[e] / weight.sum()) / 4
        for j, label in [(i, 1.0), *((j, 0.0) for j in negatives[e].tolist())]:
            chance = 1 / (1 + math.exp(-score[u, j].item()))
            total -= share * (label * math.log(chance) + (1 - label) * math.log(1 - chance))
            gradient[u, j] += share * (chance - label)
    assert got.item() == pytest.approx(total, rel=1e-5)
    got.backward()
    assert score.grad is not None
    torch.testing.assert_close(score.grad.double(), gradient, atol=1e-6, rtol=1e-5)


def test_with_equal_weights_it_is_the_log_loss() -> None:
    g = torch.Generator().manual_seed(1)
    score, users = torch.randn(U, I, generator=g), torch.arange(U)
    items, negatives = torch.randint(I, (U,), generator=g), torch.randint(I, (U, 2), generator=g)
    batch = Batch(users, items, torch.full((U,), 0.2), negatives)
    got = BCE(**PLAIN, negatives=2)(table_step(score), batch, Rng(0))  # type: ignore[arg-type]
    chance = score.double().sigmoid()
    asked = torch.cat([chance[users, items], chance[users[:, None], negatives].reshape(-1)])
    assert got.item() == pytest.approx(log_loss([1] * U + [0] * 2 * U, asked.numpy()), rel=1e-5)


def test_extreme_scores_stay_finite() -> None:
    score = torch.tensor([[1e4, -1e4]])
    one = torch.zeros(1, dtype=torch.long)
    for right, expected in ((True, 0.0), (False, 1e4)):
        items, negatives = (one, 1 + one[:, None]) if right else (1 + one, one[:, None])
        batch = Batch(one, items, torch.ones(1), negatives)
        assert BCE(**PLAIN, negatives=1)(table_step(score), batch, Rng(0)).item() == pytest.approx(
            expected
        )  # type: ignore[arg-type]


@pytest.mark.parametrize("negatives", [1, 4])
def test_the_best_constant_is_the_odds(negatives: int) -> None:
    """A model that knows nothing is best at sigmoid(s) = 1/(1 + N)."""
    constant = torch.zeros((), requires_grad=True)
    users, items = torch.arange(U), torch.zeros(U, dtype=torch.long)
    batch = Batch(users, items, torch.ones(U), torch.ones(U, negatives, dtype=torch.long))
    objective = BCE(**PLAIN, negatives=negatives)  # type: ignore[arg-type]
    optimizer = torch.optim.LBFGS([constant], max_iter=50)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = objective(table_step(constant.expand(U, I)), batch, Rng(0))
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    assert constant.sigmoid().item() == pytest.approx(1 / (1 + negatives), abs=1e-4)


def test_what_it_asks_for() -> None:
    objective = BCE(**PLAIN, negatives=4)  # type: ignore[arg-type]
    assert (objective.sampling.kind, objective.sampling.count, objective.negatives) == ("own", 4, 4)
    with pytest.raises(InputError, match=r"objective\.negatives"):
        BCE(**PLAIN, negatives=0)  # type: ignore[arg-type]
