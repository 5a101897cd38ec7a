"""How near segments come to those that drawn data were made of, and how near one could come.

Shape legend: U users, I items, K segments found, L segments drawn, S users of the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from gnnseg.evaluation.protocol import Bools
from gnnseg.evaluation.segments.structure import agreement
from gnnseg.rng import Rng
from gnnseg.types import Floats, Ints, Pairs, Segmentation, Truth

PRIOR = 2_000  # drawn users at most whose memberships stand for the prior
PRODUCTS = 4e8  # of a pair and such a user, at most
FLOOR = 1e-30  # of a probability whose logarithm is taken


@dataclass(frozen=True)
class Matched:
    """Segments found and drawn that belong together, n = min(K, L) of each.

    ``found``, ``drawn`` (n,): their numbers; ``tv``: mean total variation of users' memberships.
    """

    found: Ints
    drawn: Ints
    tv: float


def match(alpha_UK: Floats, true_UL: Floats) -> Matched:
    """Match segments so that memberships differ least (Hungarian method, Kuhn 1955).

    A user's total variation is (1/2) sum_k |alpha_ik - true_im(k)|, m the matching; a segment
    without a partner counts against one that nobody is in.
    """
    from scipy.optimize import linear_sum_assignment

    k, m = alpha_UK.shape[1], true_UL.shape[1]
    wide = max(k, m)
    mine, theirs = (np.pad(a, ((0, 0), (0, wide - a.shape[1]))) for a in (alpha_UK, true_UL))
    cost = np.array([np.abs(mine[:, [c]] - theirs).mean(0) / 2 for c in range(wide)])
    found, drawn = linear_sum_assignment(cost)
    both = (found < k) & (drawn < m)
    return Matched(found[both], drawn[both], float(cost[found, drawn].sum()))


def taste(scorer: Segmentation, train: Pairs) -> Floats | None:
    """Return P(item | segment), (K,I), as the head's reading of beta has it.

    distribution: beta itself; membership, P(segment | item): by Bayes' rule, with the items' shares
    of training; None for readings that are no probabilities.
    """
    beta_KI = scorer.beta.double().cpu().numpy()
    if scorer.kind == "membership":
        beta_KI = beta_KI * np.bincount(train.item, minlength=beta_KI.shape[1])
    elif scorer.kind != "distribution":
        return None
    return np.asarray(beta_KI / np.maximum(beta_KI.sum(1, keepdims=True), 1e-300))


@dataclass(frozen=True)
class Bayes:
    """What is known of users by what they take, alpha and beta of all others being known.

    ``first`` (U,): the most probable first segment; ``alpha`` (U,L): expected memberships.
    """

    first: Ints
    alpha: Floats


def bayes(truth: Truth, train: Pairs, rng: Rng) -> Bayes:
    """Assign users by the posterior under the true parameters: the best that anybody could do.

    The likelihood of a user's training items is prod_j (sum_k a_k beta_kj)^n_ij under the true
    beta, as if they were drawn independently. The prior over memberships a is that of the other
    users' true alpha, each alike (at most ``PRIOR`` of them, drawn); a user's own is never among
    them. ``first`` maximises the posterior probability of the largest a_k, and so the expected
    number of users who are right; ``alpha`` is the posterior mean.

    Args:
        truth: what the data were drawn from.
        train: the training pairs, n_ij of them 0 or 1.
        rng: draws the users of the prior.
    """
    from scipy import sparse

    users, items = len(truth.alpha), truth.beta.shape[1]
    size = int(min(users, PRIOR, max(200, PRODUCTS // max(len(train), 1))))
    prior_S = np.sort(rng.numpy("prior").choice(users, size, replace=False))
    log_IS = np.log(np.maximum(truth.alpha[prior_S] @ truth.beta, FLOOR)).astype(np.float32).T
    shape = (users, items)
    taken = sparse.csr_matrix((np.ones(len(train), np.float32), (train.user, train.item)), shape)
    first_SL = np.eye(truth.alpha.shape[1])[truth.alpha[prior_S].argmax(1)]
    known_S2L = np.concatenate([first_SL, truth.alpha[prior_S]], axis=1)
    found = np.empty((users, known_S2L.shape[1]))
    for at in range(0, users, 4096):
        rows = slice(at, min(at + 4096, users))
        log_US = np.asarray(taken[rows] @ log_IS, dtype=np.float64)
        if size > 1:
            own = (prior_S >= rows.start) & (prior_S < rows.stop)
            log_US[prior_S[own] - at, np.flatnonzero(own)] = -np.inf
        weight_US = np.exp(log_US - log_US.max(1, keepdims=True))
        found[rows] = weight_US @ known_S2L / weight_US.sum(1, keepdims=True)
    half = found.shape[1] // 2
    return Bayes(found[:, :half].argmax(1).astype(np.int64), found[:, half:])


def recovery(
    scorer: Segmentation,
    truth: Truth,
    train: Pairs,
    alpha_UK: Tensor,
    rng: Rng,
    placed: Bools | None = None,
) -> dict[str, float]:
    """Return how near the run's alpha and beta are to the drawn ones, and the best assignment's.

    segment/truth_alpha_tv, segment/truth_beta_tv (mean total variation, 0 to 1; of matched rows;
    NaN where beta is no distribution), and segment/bayes_ari, bayes_nmi, bayes_alpha_tv of
    ``bayes``, to be read beside segment/recovery_ari, recovery_nmi and truth_alpha_tv: all of the
    users who are in a segment, ``placed`` (U,); None: everybody is.
    """
    some = np.ones(len(truth.alpha), dtype=bool) if placed is None else placed
    alpha, drawn = alpha_UK.double().cpu().numpy()[some], truth.alpha[some]
    matched, mine_KI = match(alpha, drawn), taste(scorer, train)
    apart = float("nan")
    if mine_KI is not None:
        between = mine_KI[matched.found] - truth.beta[matched.drawn]
        apart = float(np.abs(between).sum(1).mean() / 2)
    best = bayes(truth, train, rng)
    agreed = agreement(best.first[some], drawn.argmax(1))
    return {
        "segment/truth_alpha_tv": matched.tv,
        "segment/truth_beta_tv": apart,
        "segment/bayes_ari": agreed["ari"],
        "segment/bayes_nmi": agreed["nmi"],
        "segment/bayes_alpha_tv": float(np.abs(best.alpha[some] - drawn).sum(1).mean() / 2),
    }
