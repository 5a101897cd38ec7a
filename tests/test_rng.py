"""Draws are functions of (seed, name, step)."""

import numpy as np
import torch

from gnnseg.rng import Rng


def test_same_point_same_draws_and_every_coordinate_counts() -> None:
    base = Rng(0).child("a").at(3)
    assert torch.equal(
        torch.rand(5, generator=base.torch("x")),
        torch.rand(5, generator=Rng(0).child("a").at(3).torch("x")),
    )
    others = [Rng(1).child("a").at(3), Rng(0).child("b").at(3), Rng(0).child("a").at(4)]
    numbers = {point.number("x") for point in [base, *others]} | {base.number("y")}
    assert len(numbers) == 5


def test_zero_is_a_seed() -> None:
    assert Rng(0).number("x") != Rng(1).number("x")
    assert np.array_equal(Rng(0).numpy("x").random(3), Rng(0).numpy("x").random(3))
