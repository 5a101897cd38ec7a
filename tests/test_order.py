"""Orders by packed numbers against numpy's own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.sparse import order

KINDS = {
    "few": lambda g, n: g.integers(-5, 5, n),
    "wide": lambda g, n: g.integers(-(2**62), 2**62, n),
    "byte": lambda g, n: g.integers(0, 3, n).astype(np.int8),
    "unsigned": lambda g, n: g.integers(2**63, 2**64, n, dtype=np.uint64),
    "bool": lambda g, n: g.integers(0, 2, n) > 0,
    "float": lambda g, n: g.normal(size=n),
    "seconds": lambda g, n: g.integers(-9, 9, n).astype(np.float64),
    "zeros": lambda g, n: np.zeros(n),
    "missing": lambda g, n: np.where(g.random(n) < 0.2, np.nan, g.integers(0, 3, n)),
    "endless": lambda g, n: np.where(g.random(n) < 0.2, np.inf, 1.0),
}
KEYS = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(KEYS, st.integers(0, 60), st.integers(0, 10**6))
def test_it_is_numpys_lexsort(kinds: list[str], rows: int, seed: int) -> None:
    g = np.random.default_rng(seed)
    keys = tuple(KINDS[kind](g, rows) for kind in kinds)
    np.testing.assert_array_equal(order.lexsort(keys), np.lexsort(keys))
    np.testing.assert_array_equal(order.argsort(keys[0]), np.argsort(keys[0], kind="stable"))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 60), st.integers(0, 5), st.integers(0, 10**6))
def test_sets_are_numpys(rows: int, others: int, seed: int) -> None:
    g = np.random.default_rng(seed)
    key, among = g.integers(-9, 9, rows), g.integers(-9, 9, others)
    np.testing.assert_array_equal(order.unique(key), np.unique(key))
    np.testing.assert_array_equal(order.isin(key, among), np.isin(key, among))
    theirs = np.unique(key, return_inverse=True, return_counts=True)
    for mine, its in zip(order.grouped(key), theirs, strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_a_tensor_is_ordered_where_it_is(rows: int) -> None:
    key = torch.randint(0, 9, (rows,), generator=torch.Generator().manual_seed(0))
    assert torch.equal(order.argsort_on_device(key), key.argsort(stable=True))


INDEX = st.lists(st.integers(0, 30)).map(lambda found: np.array(found, dtype=np.int64))


@given(INDEX, INDEX)
def test_what_stands_in_indices_is_numpys_sets(a, b):
    here, there = order.present(a, b)
    assert len(here) == len(there)
    assert here.nonzero()[0].tolist() == np.unique(a).tolist()
    assert (here & ~there).nonzero()[0].tolist() == np.setdiff1d(a, b).tolist()
