"""Rates by hand; ours draw what the functions draw; what a sampler may not do."""

import math

import pytest
import torch

from gnnseg.data import batches
from gnnseg.models.objectives.base import Sampling
from gnnseg.rng import Rng
from gnnseg.testing import random_graph
from gnnseg.training.samplers import (
    InBatch,
    UniformOwn,
    UniformShared,
    refuse_foreign,
    sampler_of,
)
from gnnseg.training.schedules import Constant, OneCycle
from gnnseg.types import InputError

P = random_graph(edges=150).pattern


def test_one_cycle_rises_and_falls() -> None:
    rates = [OneCycle().rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[29] == max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(1e-5)
    assert rates[:30] == sorted(rates[:30])
    assert rates[29:] == sorted(rates[29:], reverse=True)
    middle = 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * 14.5 / 29)) / 2
    assert (rates[14] + rates[15]) / 2 == pytest.approx(middle, rel=1e-2)
    assert OneCycle().rate(0, 1) == Constant().rate(7, 100) == 1.0


@pytest.mark.parametrize("kind", ["shared", "own", "in_batch"])
def test_ours_draw_what_the_functions_draw(kind: str) -> None:
    users, items, rng = P.row[:40], P.column[:40], Rng(3).at(2)
    sampler = sampler_of(Sampling(kind, 5))
    assert sampler is not None
    drawn = sampler.draw(users, items, P, rng, count=5, epoch=4)
    expected = {
        "shared": lambda: batches.uniform_shared(5, P.shape[1], rng, "cpu"),
        "own": lambda: batches.uniform_own(users, 5, P, rng),
        "in_batch": lambda: batches.in_batch(items, 5, rng),
    }[kind]()
    assert torch.equal(drawn, expected)
    assert drawn.dim() == (2 if sampler.own else 1)
    popularity = torch.randn(P.shape[1])
    assert (sampler.log_q(popularity) is popularity) == (kind == "in_batch")


def test_no_negatives_no_sampler() -> None:
    assert sampler_of(Sampling()) is None


@pytest.mark.parametrize(
    ("sampler", "drawn"),
    [
        (UniformOwn(), torch.zeros(4, 2, dtype=torch.int64)),
        (UniformOwn(), torch.zeros(4, 3)),
        (UniformShared(), torch.zeros(4, 3, dtype=torch.int64)),
        (InBatch(), torch.zeros(0, dtype=torch.int64)),
        (UniformOwn(), torch.full((4, 3), -1)),
    ],
)
def test_what_nobody_can_use_is_refused(sampler, drawn) -> None:
    with pytest.raises(InputError, match=r"^trainer\.sampler: "):
        refuse_foreign(drawn, sampler, (4, 3) if sampler.own else (3,), 10)
