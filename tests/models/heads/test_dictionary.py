"""Prototypes that make up the users: the distance against a loop, few entries found again."""

import math

import pytest
import torch
from torch import Tensor

from gnnseg.models.heads import dictionary
from gnnseg.rng import Rng

U, D, K = 120, 8, 8


def two_of_eight(seed: int = 0) -> Tensor:
    """Users made of two of eight directions each."""
    g = torch.Generator().manual_seed(seed)
    pair = torch.stack([torch.randperm(K, generator=g)[:2] for _ in range(U)])
    share = 0.35 + 0.3 * torch.rand(U, 1, generator=g)
    directions = torch.linalg.qr(torch.randn(D, D, generator=g)).Q
    return share * directions[pair[:, 0]] + (1 - share) * directions[pair[:, 1]]


def test_the_distance_is_the_loops() -> None:
    g = torch.Generator().manual_seed(1)
    x, c, t = torch.randn(5, 3, generator=g), torch.randn(4, 3, generator=g), torch.randn(4, 3)
    total = 0.0
    for i in range(5):
        cos = [float(x[i] @ c[k] / (x[i].norm() * c[k].norm())) for k in range(4)]
        largest = sorted(range(4), key=lambda k: -cos[k])[:2]
        weight = {k: math.exp(cos[k] / 0.3) for k in largest}
        m = sum(weight[k] / sum(weight.values()) * t[k] for k in largest)
        assert isinstance(m, Tensor)
        total += 1 - float(m @ x[i] / (m.norm() * x[i].norm()))
    found = dictionary.distance(dictionary.mixed(x, c, t, 0.3, 2), x)
    assert float(found) == pytest.approx(total / 5, abs=1e-5)


@pytest.mark.parametrize("tied", [False, True])
def test_users_of_two_directions_are_made_of_two_entries(tied: bool) -> None:
    x = two_of_eight()
    start = x[:K].clone()
    given = start.clone()
    c, t = dictionary.fit(x, start, Rng(0), tau=0.2, top=2, centre=False, tied=tied)
    before = float(dictionary.distance(dictionary.mixed(x, start, start, 0.2, 2), x))
    after = float(dictionary.distance(dictionary.mixed(x, c, t, 0.2, 2), x))
    assert after < 0.5 * before
    assert torch.equal(start, given)
    assert torch.equal(c, t) == tied
    again, _ = dictionary.fit(x, start, Rng(0), tau=0.2, top=2, centre=False, tied=tied)
    assert torch.equal(c, again)


def test_centred_tastes_are_fitted_centred() -> None:
    x = two_of_eight(1)
    c, t = dictionary.fit(x, x[:K], Rng(0), tau=0.2, top=2, centre=True)
    fitted = float(dictionary.distance(dictionary.mixed(x, c, t - t.mean(0), 0.2, 2), x))
    start = x[:K] - x[:K].mean(0)
    assert fitted < 0.6 * float(dictionary.distance(dictionary.mixed(x, x[:K], start, 0.2, 2), x))


def test_users_without_a_vector_say_nothing() -> None:
    x = two_of_eight(2)
    more = torch.cat([torch.zeros(7, D), x])
    with_them = dictionary.fit(more, x[:K], Rng(0), tau=0.2, top=2, centre=True)
    without = dictionary.fit(x, x[:K], Rng(0), tau=0.2, top=2, centre=True)
    assert all(torch.equal(a, b) for a, b in zip(with_them, without, strict=True))
    nobody = dictionary.fit(torch.zeros(3, D), x[:K], Rng(0), tau=0.2, top=None, centre=True)
    assert all(torch.equal(each, x[:K]) for each in nobody)


def test_a_step_looks_at_some_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "USERS", 30)
    x = two_of_eight(3)
    fits = [
        dictionary.fit(x, x[:K], Rng(seed), tau=0.2, top=2, centre=False)[0] for seed in (0, 0, 1)
    ]
    assert torch.equal(fits[0], fits[1])
    assert not torch.equal(fits[0], fits[2])
