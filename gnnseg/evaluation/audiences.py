"""Who will take some items: expected numbers and chances, and how well they rank people.

Shape legend: U users, I items, Q items asked for, B users in a chunk, P pairs, R
resamples, G groups of users with one score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gnnseg.data.values import Bools
from gnnseg.sparse import Csr
from gnnseg.types import Floats, HabitScorer, Ints, Policy, Scorer

SHRUNK = 20.0  # events of the usual user that stand beside a user's own
CELLS = 1 << 23  # of (users, items) scored at once


@dataclass(frozen=True)
class Own:
    """What users have taken, (U,I) with one entry a pair, and in how many events each, (P,)."""

    taken: Csr
    count: Tensor


def expected(visits: Floats, items_a_visit: Floats, share: Floats) -> Floats:
    """Return in how many of their visits users take any of the items asked for, (U,).

    visits_i (1 - (1 - share_i)^m_i): a visit is of m_i items, each one of those with chance
    share_i. Of few items it is the user's items times their share; of all items the visits.

    Args:
        visits: Expected of each user, (U,).
        items_a_visit: m, (U,), at least 1.
        share: As ``interest`` returns it, (U,).
    """
    found: Floats = visits * (1.0 - (1.0 - share) ** np.maximum(items_a_visit, 1.0))
    return found


def repeating(own: Own) -> Tensor:
    """Return the part w_i of a user's events that are of what they had taken before, (U,).

    w_i = (n_i - d_i + S w)/(n_i + S): n_i events of d_i different items; w the same over all
    users; S = ``SHRUNK``.
    """
    events_U = _sums(own)
    again_U = events_U - own.taken.degrees()[0]
    usual = again_U.sum() / events_U.sum().clamp(min=1)
    found: Tensor = (again_U + SHRUNK * usual) / (events_U + SHRUNK)
    return found


@torch.no_grad()
def interest(scorer: Scorer, asked: Tensor, own: Own, *, again: bool) -> Floats:
    """Return the part of each user's next events that is of the items asked for, (U,).

    s_ij = softmax_j(score_ij), which is rec_ij itself of a head whose scores are log rec.
    Where nothing is taken twice (``again`` false) what a user has is left out: s_ij / (1 - sum
    of s over what they have). Where things are taken again, and the head has no habits that say
    so, the user's own past stands beside: (1 - w_i) s_ij + w_i n_ij/n_i (``repeating``).

    Args:
        scorer: Of the users and items of ``own``.
        asked: (Q,), item numbers, none twice.
        own: What users have taken.
        again: Whether things are taken again.
    """
    users, items = own.taken.shape
    wanted = torch.zeros(items, dtype=torch.bool)
    wanted[asked] = True
    found = torch.zeros(users, dtype=torch.float64)
    alone = again and isinstance(scorer, Policy)  # rows sum to 1: the other items are not needed
    step = max(1, CELLS // max(items, 1))
    for rows in torch.split(torch.arange(users), step):
        if alone:
            found[rows] = scorer.block(rows, asked).double().exp().sum(1)
            continue
        share_BI = scorer.block(rows).double().softmax(1)
        if not again:
            where, entry = own.taken.entries_of(rows)
            share_BI[where, own.taken.column[entry]] = 0.0
            share_BI /= share_BI.sum(1, keepdim=True).clamp(min=1e-12)
        found[rows] = share_BI[:, wanted].sum(1)
    if again and not isinstance(scorer, HabitScorer):
        w_U, events_U = repeating(own), _sums(own)
        kept = wanted[own.taken.column]
        mine_U = torch.zeros(users, dtype=torch.float64)
        mine_U = mine_U.index_add(0, own.taken.row[kept], own.count[kept].double())
        past_U = mine_U / events_U.clamp(min=1)
        found = torch.where(events_U > 0, (1 - w_U) * found + w_U * past_U, found)
    result: Floats = found.clamp(0, 1).numpy()
    return result


def chance(expected: Floats) -> Floats:
    """Return the chance of at least one such visit, 1 - exp(-expected) (Poisson)."""
    found: Floats = -np.expm1(-expected)
    return found


def auc(score: Floats, took: Bools, weight: Floats | None = None) -> Floats:
    """Return the chance that somebody who took is above somebody who did not, a tie half, (R,).

    Args:
        score: (U,).
        took: (U,).
        weight: (U,R): how often each user is in a resample; None: once, R = 1.
    """
    weight = np.ones((len(score), 1)) if weight is None else weight
    order, group = _ranked(score)
    taken, other = _grouped(weight, order, group, took), _grouped(weight, order, group, ~took)
    below = np.cumsum(other, axis=0) - other / 2
    pairs = taken.sum(0) * other.sum(0)
    with np.errstate(invalid="ignore"):
        found: Floats = (taken * below).sum(0) / pairs
    return found


def lift(score: Floats, took: Bools, top: float = 0.1, weight: Floats | None = None) -> Floats:
    """Return the rate of takers among the ``top`` share of users over the rate of all, (R,).

    Of users with one score as many are in as there is room for, at their own rate.
    """
    weight = np.ones((len(score), 1)) if weight is None else weight
    order, group = _ranked(-score)
    taken, users = _grouped(weight, order, group, took), _grouped(weight, order, group)
    room = top * users.sum(0)
    before = np.cumsum(users, axis=0) - users
    part = np.clip((room - before) / np.maximum(users, 1e-12), 0.0, 1.0)
    with np.errstate(invalid="ignore"):
        found: Floats = (part * taken).sum(0) / room / (taken.sum(0) / users.sum(0))
    return found


def _sums(own: Own) -> Tensor:
    """Return each user's events, (U,) float64."""
    total = torch.zeros(own.taken.shape[0], dtype=torch.float64)
    return total.index_add(0, own.taken.row, own.count.double())


def _ranked(score: Floats) -> tuple[Ints, Ints]:
    """Return the ascending order, and where in it each group of equal scores begins."""
    order = np.argsort(score, kind="stable")
    begin = np.flatnonzero(np.append(True, np.diff(score[order]) != 0))
    return order, begin


def _grouped(weight: Floats, order: Ints, begin: Ints, only: Bools | None = None) -> Floats:
    """Return the sum of the weights of each group of equal scores, of some users alone, (G,R)."""
    ranked = weight[order] if only is None else weight[order] * only[order, None]
    found: Floats = np.add.reduceat(ranked, begin, axis=0)
    return found
