"""Which counts of people may be shown, so that none of few can be worked out from the others.

Primary suppression of groups of fewer than ``SMALLEST``, and complementary suppression of as many
others as keep totals from giving them away (Hundepool et al. 2012).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

SMALLEST = 10  # people of a group that others may see
FEW = f"fewer than {SMALLEST}"
BESIDE = "not shown: it would give another one away"
Counts = np.ndarray[tuple[int, ...], np.dtype[Any]]


def withheld(counts: Sequence[float], also: Collection[int] = ()) -> list[str | None]:
    """Return why each of some groups, which add up to a known total, is not shown; None: it is.

    Those of fewer than ``SMALLEST`` people, empty ones too, and, where one of these has people, the
    smallest of the others until at least two are withheld that have ``SMALLEST`` people together.

    Args:
        counts: People by group.
        also: Places of groups that are withheld whatever their size.
    """
    why: list[str | None] = [
        FEW if count < SMALLEST else BESIDE if at in also else None
        for at, count in enumerate(counts)
    ]
    left = sorted((count, at) for at, count in enumerate(counts) if why[at] is None)
    while small := [count for count, said in zip(counts, why, strict=True) if said and count > 0]:
        if not left or (len(small) > 1 and sum(small) >= SMALLEST):
            break
        why[left.pop(0)[1]] = BESIDE
    return why


def shown(counts: Counts, columns: Collection[int] = ()) -> Counts:
    """Return which cells of a table with known totals are shown, (R,C) bool.

    Each row and each column obeys ``withheld``; beyond that, cells are withheld until, by what is
    shown and all totals, no cell of few people can be told within ``SMALLEST`` (linear programs say
    so). An empty cell looks like one of few.

    Args:
        counts: People, (R,C).
        columns: Those that are withheld whole.
    """
    open_ = np.ones(counts.shape, dtype=bool)
    open_[:, sorted(columns)] = False
    _lines(counts, open_)
    while (cell := _told(counts, open_)) is not None:
        row, column = cell
        places = [(row, int(c)) for c in np.flatnonzero(open_[row])]
        places += [(int(r), column) for r in np.flatnonzero(open_[:, column])]
        beside = [(float(counts[place]), *place) for place in places]
        if not beside:  # its whole row and column are withheld: what is left is told by totals
            open_[:] = False
            break
        _, r, c = min(beside)
        open_[r, c] = False
        _lines(counts, open_)
    return open_


def _lines(counts: Counts, open_: Counts) -> None:
    """Withhold cells until every row and every column obeys ``withheld``."""
    before = -1
    while before != (before := int(open_.sum())):
        for cells, free in ((counts, open_), (counts.T, open_.T)):
            for line, some in zip(cells, free, strict=True):
                why = withheld(line.tolist(), np.flatnonzero(~some).tolist())
                some &= np.array([said is None for said in why])


def _told(counts: Counts, open_: Counts) -> tuple[int, int] | None:
    """Return a cell of few people that totals tell within ``SMALLEST``; None: there is none."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    rows, columns = np.nonzero(~open_)
    if not len(rows):
        return None
    at = np.arange(len(rows))
    lines = np.concatenate([rows, len(counts) + columns])
    size = (sum(counts.shape), len(rows))
    totals = csr_array((np.ones(2 * len(rows)), (lines, np.concatenate([at, at]))), shape=size)
    hidden = counts[rows, columns].astype(float)
    known = totals @ hidden
    for n in np.flatnonzero((hidden > 0) & (hidden < SMALLEST)):
        goal = np.zeros(len(rows))
        goal[n] = 1.0
        low, high = (
            sign * linprog(sign * goal, A_eq=totals, b_eq=known, bounds=(0, None)).fun
            for sign in (1.0, -1.0)
        )
        if high - low < SMALLEST - 0.5:
            return int(rows[n]), int(columns[n])
    return None
