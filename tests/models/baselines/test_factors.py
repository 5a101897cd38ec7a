"""PureSVD, GF-CF and iALS against dense linear algebra and loops."""

import numpy as np
import pytest
from scipy import sparse

from gnnseg.models.baselines import GFCF, IALS, PureSVD


@pytest.mark.parametrize("factors", [1, 4, 64])
def test_puresvd_projects_on_leading_directions(fitted, graph, whole, factors):
    x = whole(graph)
    right = np.linalg.svd(x, full_matrices=False)[2][:factors].T
    np.testing.assert_allclose(
        fitted(PureSVD(factors=factors), graph), x @ right @ right.T, atol=1e-5
    )


def test_a_large_matrix_is_decomposed_by_lanczos(monkeypatch, fitted, graph, whole):
    monkeypatch.setattr("gnnseg.models.baselines.factors.DENSE", 1)
    x = whole(graph)
    right = np.linalg.svd(x, full_matrices=False)[2][:5].T
    np.testing.assert_allclose(fitted(PureSVD(factors=5), graph), x @ right @ right.T, atol=1e-5)


@pytest.mark.parametrize(("factors", "alpha"), [(3, 0.3), (256, 1.0), (5, 0.0)])
def test_gfcf_equals_dense_filters(fitted, graph, whole, factors, alpha):
    x = whole(graph)
    of_user, of_item = (np.diag(1 / np.sqrt(np.maximum(x.sum(axis), 1))) for axis in (1, 0))
    r = of_user @ x @ of_item
    right = np.linalg.svd(r, full_matrices=False)[2][:factors].T
    low = of_item @ right @ right.T @ np.linalg.inv(of_item)
    expected = x @ (r.T @ r + alpha * low)
    np.testing.assert_allclose(
        fitted(GFCF(factors=factors, alpha=alpha), graph), expected, atol=1e-5
    )


def loss(x, user, item, *, unobserved, l2, nu):
    """Return iALS's loss by a loop over all pairs."""
    users, items = x.shape
    total = 0.0
    for u in range(users):
        for j in range(items):
            score = float(user[u] @ item[j])
            total += unobserved * score**2 + (x[u, j] > 0) * (1 - score) ** 2
    for u in range(users):
        total += l2 * (x[u].sum() + unobserved * items) ** nu * float(user[u] @ user[u])
    for j in range(items):
        total += l2 * (x[:, j].sum() + unobserved * users) ** nu * float(item[j] @ item[j])
    return total


@pytest.mark.parametrize("nu", [0.0, 1.0])
def test_ials_ends_where_no_item_can_be_better(fitted, graph, whole, nu):
    x = whole(graph)
    settings = {"unobserved": 0.1, "l2": 0.02, "nu": nu}
    baseline = IALS(factors=3, epochs=60, **settings)
    fitted(baseline, graph)
    user, item = (baseline.state[name].double().numpy() for name in ("user", "item"))
    best = loss(x, user, item, **settings)
    direction = np.random.default_rng(0)
    for _ in range(6):  # the items were solved last: no step makes the loss smaller
        moved = item + 1e-2 * direction.standard_normal(item.shape)
        assert loss(x, user, moved, **settings) > best
    start = IALS(factors=3, epochs=1, **settings)
    fitted(start, graph)
    assert best < loss(x, *(start.state[n].double().numpy() for n in ("user", "item")), **settings)


def test_ials_solves_the_same_in_small_blocks(monkeypatch, fitted, graph):
    before = fitted(IALS(factors=4, epochs=3), graph)
    monkeypatch.setattr("gnnseg.models.baselines.ials.BLOCK_BYTES", 500)
    np.testing.assert_allclose(
        fitted(IALS(factors=4, epochs=3), graph), before, rtol=1e-5, atol=1e-7
    )


def test_ials_of_nothing_unobserved_leaves_people_without_history_at_zero(fitted, graph):
    got = fitted(IALS(factors=3, unobserved=0.0, epochs=2), graph)
    assert np.isfinite(got).all()
    assert (got[-1] == 0).all()


@pytest.mark.parametrize("unobserved", [0.0, 0.1])
@pytest.mark.parametrize("nu", [0.0, 1.0])
@pytest.mark.parametrize("l2", [1e-6, 0.01, 3.0])
@pytest.mark.parametrize("factors", [1, 5, 40])
def test_ials_solves_short_and_long_rows_as_one_by_one(unobserved, nu, l2, factors):
    g = np.random.default_rng(1)
    taken = g.random((30, 20)) < np.linspace(0, 1, 30)[:, None]  # from nothing to everything
    other = g.standard_normal((20, factors)) @ np.diag(np.linspace(1, 0, factors) ** 3)
    baseline = IALS(factors=factors, unobserved=unobserved, l2=l2, nu=nu)
    found = baseline.solved(sparse.csr_matrix(taken.astype(float)), other)
    for row, got in zip(taken, found, strict=True):
        penalty = l2 * (row.sum() + unobserved * 20) ** nu
        if not row.any():
            assert (got == 0).all()
            continue
        left = other[row].T @ other[row] + unobserved * other.T @ other + penalty * np.eye(factors)
        np.testing.assert_allclose(left @ got, other[row].sum(0), atol=1e-7)
