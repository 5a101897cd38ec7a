"""Distance correlation against loops over rows, and where it is 0 and 1."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gnnseg.models.objectives import Independence
from gnnseg.rng import Rng
from gnnseg.types import Batch, Embeddings, InputError, Step

NOBODY: Any = None  # no score is asked for
BATCH = Batch(torch.tensor([0]), torch.tensor([0]), torch.ones(1))


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def step(user: Tensor, item: Tensor, intents: int) -> Step:
    return Step(Embeddings(user, item, user, item, intents=intents), NOBODY)


def distances(x: Tensor) -> list[list[float]]:
    n = len(x)
    d = [[float((x[r] - x[s]).norm()) for s in range(n)] for r in range(n)]
    of_row = [sum(row) / n for row in d]
    all_ = sum(of_row) / n
    return [[d[r][s] - of_row[r] - of_row[s] + all_ for s in range(n)] for r in range(n)]


def covariance(x: Tensor, y: Tensor) -> float:
    a, b, n = distances(x), distances(y), len(x)
    total = sum(a[r][s] * b[r][s] for r in range(n) for s in range(n))
    return math.sqrt(max(total, 0.0)) / n


def correlation(x: Tensor, y: Tensor) -> float:
    return covariance(x, y) / math.sqrt(covariance(x, x) * covariance(y, y))


def test_it_is_a_loop_over_rows_and_pairs_of_intents() -> None:
    user, item = draw(7, 6), draw(5, 6, seed=1)
    x = torch.cat([user, item])
    parts = [x[:, :2], x[:, 2:4], x[:, 4:]]
    wanted = sum(correlation(parts[k], parts[m]) for k, m in ((0, 1), (0, 2), (1, 2))) / 3
    found = Independence()(step(user, item, 3), BATCH, Rng(0))
    assert float(found) == pytest.approx(wanted, rel=1e-4)  # 1e-8 stands under its roots


def test_of_equal_intents_it_is_1_and_of_independent_ones_nearly_0() -> None:
    same = draw(400, 2)
    nothing = torch.zeros(0, 4, dtype=torch.float64)
    alike = Independence()(step(torch.cat([same, -3 * same], 1), nothing, 2), BATCH, Rng(0))
    assert float(alike) == pytest.approx(1, abs=1e-4)
    apart = Independence()(step(draw(400, 4), nothing, 2), BATCH, Rng(0))
    assert float(apart) < 0.2


def test_what_does_not_differ_has_a_finite_gradient() -> None:
    user = torch.zeros(6, 4, dtype=torch.float64, requires_grad=True)
    Independence()(step(user, user, 2), BATCH, Rng(0)).backward()
    assert user.grad is not None
    assert bool(torch.isfinite(user.grad).all())


def test_of_many_rows_some_are_drawn_by_the_step() -> None:
    user, item = draw(40, 4), draw(30, 4, seed=1)
    term = Independence(rows=8)
    a, b = (float(term(step(user, item, 2), BATCH, Rng(0).at(n))) for n in (1, 2))
    assert a == float(term(step(user, item, 2), BATCH, Rng(0).at(1)))
    assert a != b


def test_fewer_than_two_rows_are_refused() -> None:
    with pytest.raises(InputError, match=r"rows is 1 in regularisers.independence"):
        Independence(rows=1)
