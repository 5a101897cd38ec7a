"""Community rivals on the bipartite graph: BRIM, Louvain, spectral co-clustering.

Shape legend: U users, I items, E pairs, K segments.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
from fits import Array, Fit
from scipy.sparse import csr_matrix
from sklearn.cluster import SpectralCoclustering


def modularity(user: Array, item: Array, pairs: csr_matrix) -> float:
    """Return Barber's (2007) bipartite modularity of users' and items' segments."""
    k = int(max(user.max(), item.max())) + 1
    right = np.eye(k)[item]
    gain = _gain(pairs, right)
    return float(gain[np.arange(len(user)), user].sum() / pairs.sum())


def brim(
    pairs: csr_matrix, segments: int, seed: int, starts: int, first: Array | None = None
) -> Fit:
    """Bipartite, recursively induced modules (Barber 2007), the start of largest modularity.

    Users go where Barber's modularity gains most given the items' segments, then items given the
    users', until nothing is gained. Starts: random item labels, and ``first`` (I,) if given.
    """
    g = np.random.default_rng([seed, 2])
    items = pairs.shape[1]
    labels = [g.integers(segments, size=items) for _ in range(starts)]
    if first is not None:
        labels[0] = first
    runs = [_induced(pairs, label, segments) for label in labels]
    return max(runs, key=lambda run: run.objective)


def _induced(pairs: csr_matrix, item: Array, segments: int) -> Fit:
    back = pairs.T.tocsr()
    before, user = -np.inf, np.zeros(pairs.shape[0], dtype=np.int64)
    for _ in range(500):
        user = _gain(pairs, np.eye(segments)[item]).argmax(1)
        gain = _gain(back, np.eye(segments)[user])
        item = gain.argmax(1)
        found = float(gain.max(1).sum() / pairs.sum())
        if found <= before + 1e-12:
            break
        before = found
    return Fit(user, before)


def _gain(pairs: csr_matrix, other: Array) -> Array:
    """Return what each row of the matrix gains in each segment, (rows,K): A T - d (d'T)/E."""
    degree = np.asarray(pairs.sum(1)).ravel()
    beside = np.asarray(pairs.sum(0)).ravel()
    found: Array = pairs @ other - np.outer(degree, beside @ other) / pairs.sum()
    return found


def louvain(pairs: csr_matrix, seed: int, starts: int) -> Fit:
    """Louvain (Blondel et al. 2008) on the graph of users and items; K is its own."""
    users = pairs.shape[0]
    row, column = pairs.nonzero()
    graph = nx.Graph()
    graph.add_nodes_from(range(sum(pairs.shape)))
    graph.add_edges_from(zip(row.tolist(), (column + users).tolist(), strict=True))
    best = Fit(np.zeros(users, dtype=np.int64), -np.inf)
    for n in range(starts):
        found = nx.community.louvain_communities(graph, seed=1000 * seed + n)
        value = nx.community.modularity(graph, found)
        if value > best.objective:
            label = np.empty(sum(pairs.shape), dtype=np.int64)
            for number, members in enumerate(found):
                label[list(members)] = number
            _, own = np.unique(label[:users], return_inverse=True)
            best = Fit(own, float(value))
    return best


def cocluster(pairs: csr_matrix, segments: int, seed: int, starts: int) -> tuple[Fit, Array]:
    """Spectral co-clustering (Dhillon 2001), sklearn; items' clusters (I,) beside.

    Who has no pair has no place in it, and is put into the first.
    """
    rows = np.flatnonzero(np.asarray(pairs.sum(1)).ravel())
    columns = np.flatnonzero(np.asarray(pairs.sum(0)).ravel())
    model = SpectralCoclustering(segments, n_init=starts, random_state=seed)
    model.fit(pairs[rows][:, columns])
    user, item = (np.zeros(count, dtype=np.int64) for count in pairs.shape)
    user[rows], item[columns] = model.row_labels_, model.column_labels_
    return Fit(user, modularity(user, item, pairs)), item
