"""Latent-class rivals: PLSA by EM, NMF, LDA, and classes of users by classification EM.

Several short runs, of which the likeliest go on (em-EM: Biernacki, Celeux & Govaert 2003).
Shape legend: U users, I items, E pairs, K segments.
"""

from __future__ import annotations

import warnings

import numpy as np
from fits import Array, Fit, soft
from scipy.sparse import csr_matrix
from sklearn.decomposition import NMF, LatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning

TINY = 1e-12
SHORT, LONG, KEPT = 30, 300, 3  # steps of a short and of a long run; short runs that go on


def plsa(pairs: csr_matrix, segments: int, seed: int, starts: int) -> Fit:
    """Probabilistic latent semantic analysis (Hofmann 1999) by EM, the likeliest start."""
    g = np.random.default_rng([seed, 1])
    users, items = pairs.shape
    first = [
        (g.dirichlet(np.ones(segments), users), g.dirichlet(np.ones(items), segments))
        for _ in range(starts)
    ]
    short = [em(pairs, alpha, beta, SHORT) for alpha, beta in first]
    short.sort(key=lambda run: -run[2])
    long = [em(pairs, alpha, beta, LONG) for alpha, beta, _ in short[:KEPT]]
    alpha, beta, likelihood = max(long, key=lambda run: run[2])
    return soft(alpha, beta, likelihood)


def em(
    pairs: csr_matrix, alpha: Array, beta: Array, steps: int, enough: float = 1e-7
) -> tuple[Array, Array, float]:
    """Run steps of PLSA's EM until the mean log-likelihood gains no more than ``enough``.

    W_e = 1 / sum_k alpha_uk beta_ki at the pairs; alpha <- alpha * (W beta'), beta <- beta *
    (alpha' W), rows normalised. Returns alpha, beta, and the likelihood of the last but one.
    """
    row = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    before = -np.inf
    likelihood = before
    for _ in range(steps):
        chance = np.einsum("ek,ek->e", alpha[row], beta.T[pairs.indices]) + TINY
        likelihood = float(np.log(chance).mean())
        if likelihood - before <= enough:
            break
        before = likelihood
        weight = csr_matrix((1 / chance, pairs.indices, pairs.indptr), shape=pairs.shape)
        to_users, to_items = alpha * (weight @ beta.T), beta * (weight.T @ alpha).T
        alpha = to_users / np.maximum(to_users.sum(1, keepdims=True), TINY)
        beta = to_items / np.maximum(to_items.sum(1, keepdims=True), TINY)
    return alpha, beta, likelihood


def nmf(pairs: csr_matrix, segments: int, seed: int, starts: int) -> Fit:
    """Non-negative matrix factorisation by Kullback-Leibler (Lee & Seung 1999), sklearn."""

    def run(init: str, number: int, steps: int) -> tuple[NMF, Array]:
        model = NMF(
            segments,
            init=init,
            solver="mu",
            beta_loss="kullback-leibler",
            max_iter=steps,
            random_state=number,
            tol=1e-5,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model, model.fit_transform(pairs)

    ways = [("nndsvda", seed)] + [("random", 1000 * seed + n) for n in range(1, starts)]
    short = sorted(ways, key=lambda way: run(*way, SHORT)[0].reconstruction_err_)
    model, left = run(*short[0], LONG)
    scale = model.components_.sum(1)
    return soft(left * scale, _rows(model.components_), -float(model.reconstruction_err_))


def lda(pairs: csr_matrix, segments: int, seed: int, starts: int) -> Fit:
    """Latent Dirichlet allocation (Blei, Ng & Jordan 2003), variational, sklearn."""

    def run(number: int, steps: int, inner: int) -> LatentDirichletAllocation:
        model = LatentDirichletAllocation(
            segments,
            max_iter=steps,
            max_doc_update_iter=inner,
            random_state=number,
            mean_change_tol=1e-2,
        )
        return model.fit(pairs)

    numbers = [1000 * seed + n for n in range(starts)]
    best = numbers[0]
    if starts > 1:
        best = max(numbers, key=lambda number: run(number, 3, 10).score(pairs))
    model = run(best, 25, 50)
    return soft(model.transform(pairs), _rows(model.components_), float(model.score(pairs)))


def classes(pairs: csr_matrix, first: list[Array], segments: int, smoothing: float = 100.0) -> Fit:
    """Latent classes of users by classification EM (Celeux & Govaert 1992), likeliest start.

    Each user is of one class, whose items are multinomial: beta smoothed towards everybody's, and
    unequal class weights. ``first``: (U,) labels that it starts from.
    """
    runs = [_classified(pairs, label, segments, smoothing) for label in first]
    return max(runs, key=lambda run: run.objective)


def _classified(pairs: csr_matrix, label: Array, segments: int, smoothing: float) -> Fit:
    overall = np.asarray(pairs.sum(0)).ravel() / pairs.sum()
    for _ in range(100):
        one = np.eye(segments)[label]
        counts = (pairs.T @ one).T
        total = counts.sum(1, keepdims=True)
        beta = (counts + smoothing * overall) / (total + smoothing)
        weight = (one.sum(0) + 1) / (len(label) + segments)
        joint = pairs @ np.log(beta + TINY).T + np.log(weight)
        new = joint.argmax(1)
        if (new == label).all():
            break
        label = new
    top = joint.max(1)
    posterior = np.exp(joint - top[:, None])
    return Fit(label, float(top.sum()), posterior / posterior.sum(1, keepdims=True), beta)


def _rows(beta: Array) -> Array:
    found: Array = beta / np.maximum(beta.sum(1, keepdims=True), TINY)
    return found
