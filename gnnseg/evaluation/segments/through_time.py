"""Segments of two runs of the same people: which is which, who moved, what became of each.

Shape legend: C users common to both, J items common to both, L earlier segments, K later ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gnnseg.types import Floats, Ints

LEAST = 0.3  # Jaccard below which two segments are not one (Greene, Doyle & Cunningham 2010)
MOST = 0.5  # share of a segment's people above which it came from, or went to, one other
Kind = Literal["born", "dissolved", "split", "merged"]


@dataclass(frozen=True)
class Event:
    """What became of segments that were not simply kept; segments from 0.

    born: ``to`` alone; dissolved: ``was`` alone; split: people of ``was``, which goes on as
    ``beside``, stand in ``to`` too; merged: people of ``was`` stand in ``to``, which is ``beside``
    of before. ``users``: the common users concerned; ``share``: of the new (old) segment's.
    """

    kind: Kind
    was: int | None
    to: int | None
    users: int
    share: float
    beside: int | None = None


def jaccard(alpha_CL: Floats, beta_CK: Floats) -> Floats:
    """Return the soft Jaccard index of every earlier and later segment's members, (L,K).

    J_lk = sum_i min(a_il, b_ik) / sum_i max(a_il, b_ik): of hard memberships the usual one.
    """
    both_LK = np.stack(
        [np.minimum(alpha_CL[:, [k]], beta_CK).sum(0) for k in range(alpha_CL.shape[1])]
    )
    either_LK = alpha_CL.sum(0)[:, None] + beta_CK.sum(0)[None, :] - both_LK
    index_LK: Floats = both_LK / np.maximum(either_LK, 1e-12)
    return index_LK


def tastes(beta_LJ: Floats, later_KJ: Floats) -> Floats:
    """Return the correlation of what two segments want beyond what all of their run do, (L,K).

    Of a probability its logarithm, of a real-valued affinity itself, less the mean over the run's
    segments; 0 where it is below, or where there is nothing to compare.
    """
    if beta_LJ.shape[1] < 2:
        return np.zeros((len(beta_LJ), len(later_KJ)))

    def beyond(beta: Floats) -> Floats:
        probability = beta.min() >= 0
        said = np.log(np.maximum(beta, 1e-12)) if probability else beta
        said = said - said.mean(0)
        said = said - said.mean(1, keepdims=True)
        length = np.linalg.norm(said, axis=1, keepdims=True)
        rows: Floats = said / np.where(length > 1e-9, length, np.inf)
        return rows

    return np.maximum(beyond(beta_LJ) @ beyond(later_KJ).T, 0.0)


def match(members_LK: Floats, tastes_LK: Floats) -> dict[int, int]:
    """Match earlier segments to later ones, {earlier: later}, by both matrices' mean.

    The assignment of the largest sum (Kuhn 1955); of its pairs those whose members' Jaccard index
    is at least ``LEAST`` are one segment.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(-(members_LK + tastes_LK) / 2)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {was: now for was, now in pairs if members_LK[was, now] >= LEAST}


def align(alpha_CK: Floats, later_CK: Floats) -> Ints:
    """Return which later segment stands where each earlier one stood, (K,): all are matched.

    For two fits of the same people with as many segments: the assignment of the largest total
    overlap sum_i a_il b_ik (Kuhn 1955).
    """
    from scipy.optimize import linear_sum_assignment

    columns: Ints = linear_sum_assignment(-(alpha_CK.T @ later_CK))[1].astype(np.int64)
    return columns


def numbering(matched: dict[int, int], later: int) -> Ints:
    """Return the later segments in the order that gives each matched one its earlier number, (K,).

    Numbers that do not exist any more, and those nobody bears, go to the others in their order.
    """
    order = np.full(later, -1, dtype=np.int64)
    for was, now in matched.items():
        if was < later:
            order[was] = now
    rest = iter([k for k in range(later) if k not in order])
    return np.array([k if k >= 0 else next(rest) for k in order], dtype=np.int64)


def moves(was_C: Ints, now_C: Ints, earlier: int, later: int) -> Ints:
    """Count common users by earlier and later segment, (L,K)."""
    counts = np.bincount(was_C * later + now_C, minlength=earlier * later)
    return counts.reshape(earlier, later).astype(np.int64)


def events(moved_LK: Ints, matched: dict[int, int]) -> list[Event]:
    """Name what became of segments that no other matches.

    A later one most of whose common users (``MOST``) come from one earlier segment that goes on has
    split off from it, else it is born; an earlier one most of whose users stand in one later
    segment has merged into it, else it is dissolved.
    """
    back = {now: was for was, now in matched.items()}
    found = []
    for k in range(moved_LK.shape[1]):
        if k not in back:
            from_L, whole = moved_LK[:, k], max(int(moved_LK[:, k].sum()), 1)
            was = int(from_L.argmax())
            share = float(from_L[was] / whole)
            if share >= MOST and was in matched:
                found.append(Event("split", was, k, int(from_L[was]), share, matched[was]))
            else:
                found.append(Event("born", None, k, int(from_L.sum()), 1.0))
    for l in range(len(moved_LK)):
        if l not in matched:
            to_K, whole = moved_LK[l], max(int(moved_LK[l].sum()), 1)
            now = int(to_K.argmax())
            share = float(to_K[now] / whole)
            if share >= MOST:
                found.append(Event("merged", l, now, int(to_K[now]), share, back.get(now)))
            else:
                found.append(Event("dissolved", l, None, int(to_K.sum()), 1.0))
    return found


@dataclass(frozen=True)
class Noise:
    """How many would move by a refit alone.

    Args:
        counts_RLK: common users by earlier segment and that of each refit.
        stays_C: share of the refits in which each common user stays in the earlier segment.
    """

    counts_RLK: Ints
    stays_C: Floats

    @property
    def expected(self) -> Floats:
        """Return the mean over the refits, (L,K)."""
        mean: Floats = self.counts_RLK.mean(0)
        return mean

    @property
    def limit(self) -> Floats:
        """Return what a count must exceed to be told from noise, (L,K).

        Mean and two standard deviations, of the refits or of Poisson's law, whichever is larger.
        """
        mean = self.expected
        spread = np.sqrt(np.maximum(self.counts_RLK.var(0), np.maximum(mean, 1.0)))
        limit: Floats = np.maximum(mean + 2 * spread, self.counts_RLK.max(0))
        return limit

    def moved(self, same_LK: Any) -> Floats:
        """Return the share of common users that each refit moves, (R,).

        ``same_LK``: (L,K) bool, which later segment an earlier one goes on as.
        """
        total = max(int(self.counts_RLK[0].sum()), 1)
        shares: Floats = np.where(same_LK, 0, self.counts_RLK).sum((1, 2)) / total
        return shares


def noise(was_C: Ints, refits: Sequence[Ints], earlier: int, later: int, to: Ints) -> Noise:
    """Measure the noise floor from refits' segments.

    Args:
        was_C: Common users' earlier segments.
        refits: Their segments in each refit, numbered as the later run numbers them.
        earlier: L.
        later: K.
        to: (L,) the later segment that an earlier one goes on as, -1: none.
    """
    counts = np.stack([moves(was_C, now_C, earlier, later) for now_C in refits])
    stays = np.mean([to[was_C] == now_C for now_C in refits], axis=0)
    return Noise(counts, stays)
