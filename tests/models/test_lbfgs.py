"""Many problems minimised at once, against scipy and by laws."""

import itertools

import numpy as np
import torch
from scipy.optimize import minimize

from gnnseg.models.lbfgs import minimise


def bowls(count=5, dim=6):
    draw = np.random.default_rng(0)
    root = draw.normal(size=(count, dim, dim))
    curve = torch.from_numpy(root @ root.transpose(0, 2, 1) + 0.1 * np.eye(dim))
    centre = torch.from_numpy(draw.normal(size=(count, dim)))
    return curve, centre


def value_of(curve, centre):
    return lambda x: torch.einsum("bd,bde,be->b", x - centre, curve, x - centre)


def rosenbrock(x):
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def test_bowls_are_solved():
    curve, centre = bowls()
    found = minimise(value_of(curve, centre), torch.zeros_like(centre), 80)
    torch.testing.assert_close(found, centre, atol=1e-4, rtol=0)


def test_a_curved_valley_is_solved_as_by_scipy():
    start = torch.tensor([[-1.2, 1.0], [0.0, 0.0], [2.0, -1.0]], dtype=torch.float64)
    found = minimise(rosenbrock, start, 150)
    for row, at in zip(found, start, strict=True):
        best = minimize(
            lambda x: float(rosenbrock(torch.from_numpy(x)[None])), at.numpy(), tol=1e-12
        )
        np.testing.assert_allclose(row, best.x, atol=1e-3)


def test_the_value_never_rises_and_problems_do_not_meet():
    start = torch.tensor([[-1.2, 1.0], [0.5, 3.0]], dtype=torch.float64)
    values = [rosenbrock(minimise(rosenbrock, start, steps)) for steps in range(0, 30, 3)]
    for before, after in itertools.pairwise(values):
        assert bool((after <= before).all())
    both, alone = minimise(rosenbrock, start, 25), minimise(rosenbrock, start[1:], 25)
    torch.testing.assert_close(both[1:], alone)


def test_where_there_is_nothing_to_gain_nothing_moves():
    start = torch.ones(2, 3)
    found = minimise(lambda x: 0 * x.sum(1), start, 10)
    assert torch.equal(found, start)
