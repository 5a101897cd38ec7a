"""Rows at length 1, and a derivative with a bound where there is nothing to scale."""

import pytest
import torch
from torch.nn import functional as F

from gnnseg.models.heads.dot import DotScorer
from gnnseg.models.vectors import TILE, products, unit
from gnnseg.types import Embeddings


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


@pytest.mark.parametrize("columns", [1, TILE - 1, TILE, TILE + 1, 3 * TILE + 7])
@pytest.mark.parametrize("transposed", [False, True])
def test_products_by_tiles_are_the_matrix_product(columns: int, transposed: bool) -> None:
    g = torch.Generator().manual_seed(columns)
    left = torch.randn(5, 8, generator=g, dtype=torch.float64)
    right = torch.randn(columns, 8, generator=g, dtype=torch.float64)
    right = right.T.contiguous().T if transposed else right
    with torch.no_grad():
        torch.testing.assert_close(products(left, right), left @ right.T)
    left.requires_grad_()
    products(left, right).sum().backward()
    assert left.grad is not None
    torch.testing.assert_close(left.grad, right.sum(0).expand(5, -1))


def test_items_factors_are_made_once_where_no_gradient_is_asked_for() -> None:
    g = torch.Generator().manual_seed(0)
    user, item = torch.randn(3, 4, generator=g), torch.randn(6, 4, generator=g)
    item.requires_grad_()
    scorer = DotScorer(Embeddings(user, item, user, item), 0.5, None)
    some = torch.arange(3)
    with torch.no_grad():
        kept = scorer.block(some)
        assert scorer._item_factors() is scorer._item_factors()
    learned = scorer.block(some)
    assert learned.requires_grad
    torch.testing.assert_close(learned.detach(), kept)
