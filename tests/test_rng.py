"""Draws are functions of (seed, name, step)."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from gnnseg.rng import BLOCK, Rng, Stream

WORD = 2**64


def split_mix(begin: int, number: int) -> int:
    """SplitMix64's output of that number, in Python's integers (Steele, Lea & Flood 2014)."""
    x = (begin + number * 0x9E3779B97F4A7C15) % WORD
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


def test_stream_is_split_mix() -> None:
    assert [hex(split_mix(1234567, n)) for n in (1, 2)] == [  # of the authors' own code
        "0x599ed017fb08fc85", "0x2c73f08458540fa5",
    ]  # fmt: skip
    key, step = -(2**62) - 12345, 7
    begin = split_mix(key, step)
    got = Stream(key, step, "cpu").bits((3, 4)).flatten().tolist()
    assert [x % WORD for x in got] == [split_mix(begin, n) for n in range(1, 13)]


def test_stream_goes_on_where_it_ended_and_blocks_do_not_show() -> None:
    many = Rng(0).stream("x", "cpu").bits((2 * BLOCK + 3,))
    stream = Rng(0).stream("x", "cpu")
    parts = [stream.bits((size,)) for size in (5, BLOCK, BLOCK - 2)]
    assert torch.equal(torch.cat(parts), many)


def test_a_step_may_be_a_tensor() -> None:
    wanted = [Rng(3).child("a").at(step).stream("x", "cpu").bits((4,)) for step in (0, 5)]
    for step, want in zip((0, 5), wanted, strict=True):
        at = Rng(3).child("a").at(torch.tensor(step))
        assert torch.equal(at.stream("x", "cpu").bits((4,)), want)
        with pytest.raises(TypeError, match="replayed"):
            at.torch("x")


def test_streams_differ_by_seed_name_and_step() -> None:
    points = [Rng(0), Rng(1), Rng(0).at(1), Rng(0).child("a")]
    drawn = [point.stream(name, "cpu").bits((50,)) for point in points for name in ("x", "y")]
    assert len(torch.cat(drawn).unique()) == 400


def test_stream_draws_what_it_says() -> None:
    stream = Rng(0).stream("x", "cpu")
    for values in (stream.uniform((20000,)), stream.uniform((20000,), torch.float64)):
        assert float(values.min()) >= 0
        assert float(values.max()) < 1
        assert stats.kstest(values.double().numpy(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(values[:-1].numpy(), values[1:].numpy())[0, 1]) < 0.03
    drawn = stream.integers(7, (7000,))
    assert stats.chisquare(torch.bincount(drawn, minlength=7).numpy()).pvalue > 1e-3
    bounds = torch.tensor([[1], [3], [2**40]])
    drawn = stream.integers(bounds, (3, 500))
    assert bool((drawn[0] == 0).all())
    assert set(drawn[1].tolist()) == {0, 1, 2}
    assert bool((drawn[2] > 2**31).any())
    assert bool((drawn < bounds).all())
    assert bool((drawn >= 0).all())


def test_stream_permutes_evenly() -> None:
    orders = [tuple(Rng(0).at(n).stream("x", "cpu").permutation(3).tolist()) for n in range(1200)]
    assert len(set(orders)) == 6
    counts = [orders.count(order) for order in set(orders)]
    assert stats.chisquare(counts).pvalue > 1e-3
    assert all(one != other for one, other in pairwise(sorted(set(orders))))
    assert len(Rng(0).stream("x", "cpu").permutation(0)) == 0


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
