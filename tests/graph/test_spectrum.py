"""The randomised SVD of sparse matrices against whole decompositions."""

import numpy as np
import pytest
import torch
from numpy.typing import DTypeLike

from gnnseg.graph.spectrum import randomized_svd
from gnnseg.sparse import Csr, Fixed


def sparse(dense: np.ndarray) -> Fixed:
    row, column = dense.nonzero()
    return Fixed.of(Csr.of(row, column, dense.shape), torch.from_numpy(dense[row, column]))


def drawn(shape: tuple[int, int], dtype: DTypeLike = np.float64) -> np.ndarray:
    g = np.random.default_rng(0)
    low = g.random((shape[0], 3)) @ g.random((3, shape[1]))
    return np.where(g.random(shape) < 0.3, low, 0.0).astype(dtype)


@pytest.mark.parametrize("shape", [(60, 20), (20, 60), (30, 30)])
@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-8), (np.float32, 1e-5)])
def test_it_is_the_whole_decompositions_first_triplets(
    shape: tuple[int, int], dtype: DTypeLike, near: float
) -> None:
    dense = drawn(shape, dtype)
    left, s, right = randomized_svd(sparse(dense), 4, rounds=30)
    u, all_s, vt = np.linalg.svd(dense.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(s, all_s[:4], rtol=near)
    assert left.dtype == right.dtype == dtype
    for k in range(4):
        sign = np.sign(u[np.abs(u[:, k]).argmax(), k])
        np.testing.assert_allclose(left[:, k], sign * u[:, k], atol=10 * near)
        np.testing.assert_allclose(right[:, k], sign * vt[k], atol=10 * near)


def test_few_rounds_come_as_near_as_scikit_learns() -> None:
    """The same draws and powers: the same span, so the same triplets, whatever makes it stable."""
    from scipy.sparse import csr_array
    from sklearn.utils.extmath import randomized_svd as theirs

    for shape in ((80, 50), (50, 80)):
        dense = drawn(shape)
        found = randomized_svd(sparse(dense), 5, rounds=4, seed=3)
        others = theirs(csr_array(dense), 5, n_iter=4, random_state=3)
        np.testing.assert_allclose(found[1], others[1], rtol=1e-6)
        np.testing.assert_allclose(np.abs(found[0]), np.abs(others[0]), atol=1e-5)


def test_what_the_matrix_does_not_have_has_no_value() -> None:
    """Rank 1, fewer columns than asked for, and rows without entries."""
    dense = np.outer(np.r_[np.arange(1.0, 9.0), 0.0], [1.0, 2.0, 0.0, 3.0])
    left, s, right = randomized_svd(sparse(dense), 6, rounds=4)
    assert s.shape == (4,)
    assert s[0] == pytest.approx(np.linalg.norm(dense))
    assert (s[1:] < 1e-12 * s[0]).all()
    assert (left[-1] == 0).all()
    np.testing.assert_allclose(left * s @ right.T, dense, atol=1e-12)
    assert not randomized_svd(sparse(np.zeros((5, 3))), 2, rounds=4)[1].any()


def test_it_does_not_depend_on_threads_nor_on_what_was_drawn_before() -> None:
    matrix, threads = sparse(drawn((400, 90), np.float32)), torch.get_num_threads()
    found = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            np.random.seed(count)
            found.append(randomized_svd(matrix, 8, rounds=4))
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
