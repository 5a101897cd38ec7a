"""Rows at length 1, and a derivative with a bound where there is nothing to scale."""

import torch
from torch.nn import functional as F

from gnnseg.models.vectors import unit


def test_rows_have_length_1_and_zeros_stay() -> None:
    rows = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    rows[3] = 0.0
    assert torch.equal(unit(rows), F.normalize(rows, dim=-1))


def test_the_derivative_is_the_cosines_own_but_at_zero() -> None:
    g = torch.Generator().manual_seed(1)
    rows, away = torch.randn(7, 5, generator=g), torch.randn(7, 5, generator=g)
    rows[3] = 0.0
    found, expected = rows.clone().requires_grad_(), rows.clone().requires_grad_()
    (unit(found) * away).sum().backward()
    (F.normalize(expected, dim=-1) * away).sum().backward()
    assert found.grad is not None
    assert expected.grad is not None
    others = torch.arange(7) != 3
    torch.testing.assert_close(found.grad[others], expected.grad[others])
    assert torch.equal(found.grad[3], away[3])
