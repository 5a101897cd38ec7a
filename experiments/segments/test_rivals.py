"""Every rival recovers easy blocks; the oracles of its arithmetic. python -m pytest
experiments/segments"""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import adjusted_rand_score

sys.path.insert(0, str(Path(__file__).parent))
import communities
import fits
import latent
import rivals

from gnnseg.data import clean, split
from gnnseg.data.sets.planted import Planted
from gnnseg.evaluation.segments import structure
from gnnseg.models.heads import posthoc
from gnnseg.types import Pairs, Split


def drawn(**options: object) -> Split:
    settings = {"users": 300, "items": 160, "segments": 4, "interactions": 7500, "model": "blocks"}
    data = Planted(**{**settings, **options}).draw()
    whole = clean.build(data, min_weight=None, k_core=0, say=lambda line: None)
    target = {"_target_": "gnnseg.data.split.RandomOverall", "seed": 0, "ratios": [0.8, 0.1, 0.1]}
    return split.make(whole, target)


@pytest.fixture(scope="module")
def easy() -> Split:
    return drawn()


@pytest.mark.parametrize("name", [name for name in rivals.RIVALS if name != "rfm-kmeans"])
def test_a_rival_recovers_easy_blocks(name: str, easy: Split) -> None:
    made = rivals.Problem(fits.matrix(easy.train, 300, 160), 4, 0, easy.train, starts=4)
    found = rivals.RIVALS[name](made)
    assert easy.truth is not None
    assert adjusted_rand_score(easy.truth.alpha.argmax(1), found.label) > 0.9
    assert found.label.shape == (300,)
    if found.alpha is not None:
        np.testing.assert_allclose(found.alpha.sum(1), 1)
    if found.beta is not None:
        np.testing.assert_allclose(found.beta.sum(1), 1)
    again = rivals.RIVALS[name](made)
    np.testing.assert_array_equal(found.label, again.label)


def test_rfm_reads_what_there_is(easy: Split) -> None:
    table = rivals.rfm(easy.train, 300)
    assert table.shape == (300, 4)
    count = np.bincount(easy.train.user, minlength=300)
    np.testing.assert_array_equal(
        np.argsort(table[:, 0], kind="stable"), np.argsort(count, kind="stable")
    )
    dated = Pairs(
        np.array([0, 0, 1]), np.array([0, 1, 1]), np.ones(3), np.array([2, 1, 1]),
        first=np.zeros(3), last=np.array([5.0, 9.0, 3.0]), spend=np.array([1.0, 2.0, 4.0]),
    )  # fmt: skip
    assert np.sign(rivals.rfm(dated, 2)[0]).tolist() == [1, 1, -1, 1, -1]


def small(seed: int = 0) -> tuple[csr_matrix, Pairs]:
    g = np.random.default_rng(seed)
    key = np.sort(g.choice(20 * 15, 90, replace=False))
    pairs = Pairs(key // 15, key % 15, np.ones(90), np.ones(90, dtype=np.int64))
    return fits.matrix(pairs, 20, 15), pairs


def test_modularity_is_gnnsegs_and_barbers_sum_whatever_the_numbers() -> None:
    matrix, pairs = small()
    g = np.random.default_rng(1)
    user, item = g.integers(4, size=20), g.integers(4, size=15)
    found = communities.modularity(user, item, matrix)
    assert found == pytest.approx(structure.modularity(user, item, pairs))
    renumber = g.permutation(4)
    assert found == pytest.approx(communities.modularity(renumber[user], renumber[item], matrix))
    dense, edges = matrix.toarray(), 90
    slow = sum(
        dense[i, j] - dense[i].sum() * dense[:, j].sum() / edges
        for i in range(20)
        for j in range(15)
        if user[i] == item[j]
    )
    assert found == pytest.approx(slow / edges)
    assert communities.modularity(np.zeros(20, int), np.zeros(15, int), matrix) == pytest.approx(0)


def test_brim_stops_where_no_user_or_item_gains_alone() -> None:
    matrix, _ = small()
    found = communities.brim(matrix, 3, 0, 5)
    item = communities._gain(matrix.T.tocsr(), np.eye(3)[found.label]).argmax(1)
    assert communities.modularity(found.label, item, matrix) == pytest.approx(found.objective)
    for user in range(20):
        for k in range(3):
            moved = found.label.copy()
            moved[user] = k
            assert communities.modularity(moved, item, matrix) <= found.objective + 1e-12


def test_em_is_hofmanns_by_a_loop() -> None:
    matrix, pairs = small()
    g = np.random.default_rng(2)
    alpha, beta = g.dirichlet(np.ones(3), 20), g.dirichlet(np.ones(15), 3)
    to_users, to_items = np.zeros((20, 3)), np.zeros((3, 15))
    for user, item in zip(pairs.user, pairs.item, strict=True):
        given = alpha[user] * beta[:, item] / (alpha[user] @ beta[:, item])
        to_users[user] += given
        to_items[:, item] += given
    found = latent.em(matrix, alpha, beta, 1)
    known = to_users.sum(1) > 0
    np.testing.assert_allclose(
        found[0][known], to_users[known] / to_users[known].sum(1, keepdims=True)
    )
    np.testing.assert_allclose(found[1], to_items / to_items.sum(1, keepdims=True))
    likelihoods = [latent.em(matrix, alpha, beta, steps)[2] for steps in (1, 2, 5, 50)]
    assert likelihoods == sorted(likelihoods)


def test_shares_are_posthocs(easy: Split) -> None:
    import torch

    from gnnseg.graph import BipartiteGraph
    from gnnseg.sparse import Csr

    matrix, pairs = small()
    label = np.arange(20) % 3
    graph = BipartiteGraph(Csr.of(pairs.user, pairs.item, (20, 15)))
    theirs = posthoc.shares(torch.from_numpy(label), 3, graph).numpy()
    np.testing.assert_allclose(fits.shares(np.eye(3)[label], matrix), theirs, rtol=1e-5)
    scorer = fits.ThroughSegments(np.eye(3)[label], theirs)
    scores = scorer.block(torch.arange(20)).numpy()
    np.testing.assert_allclose(scores, np.log(theirs[label]), rtol=1e-5)
