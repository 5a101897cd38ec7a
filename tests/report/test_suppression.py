"""Tables with known totals: what is shown tells of no few, by every way to fill in the rest."""

import itertools

import numpy as np
import pytest

from gnnseg.report import suppression


def told(counts, shown):
    """Bounds of each cell, by all whole numbers that fit the shown cells and the totals."""
    found, free = [], counts.shape[1] - 1
    for first in itertools.product(*(range(int(c.sum()) + 1) for c in counts.T[:free])):
        last = counts[0].sum() - sum(first)
        table = np.array([[*first, last], counts.sum(0) - [*first, last]])
        if (table >= 0).all() and (table == counts)[shown].all():
            found.append(table)
    return np.min(found, 0), np.max(found, 0)


@pytest.mark.parametrize("seed", range(12))
def test_no_cell_of_few_is_told_by_totals(seed):
    counts = np.random.default_rng(seed).choice([0, 2, 5, 11, 18, 24], (2, 3))
    shown = suppression.shown(counts)
    assert not shown[counts < 10].any()
    low, high = told(counts, shown)
    few = (counts > 0) & (counts < 10)
    if shown.any():
        assert ((high - low)[few] >= 10).all()


def test_most_of_a_large_table_is_shown_and_withheld_columns_are_not():
    counts = np.full((5, 5), 40) + 400 * np.eye(5, dtype=int)
    assert suppression.shown(counts).all()
    counts[1, 2] = 3
    shown = suppression.shown(counts)
    assert 19 <= shown.sum() <= 21  # 21: it, one of its row, one of its column, and their fourth
    assert shown[3:].all()
    assert not suppression.shown(counts, [4])[:, 4].any()


def test_two_lines_of_two_may_still_tell():
    # Each line that hides anything hides two cells of ten people together; and yet the totals of
    # the first two rows, less those of the first two columns, tell the cell that joins the squares.
    counts = np.full((4, 4), 50)
    for square in (slice(0, 2), slice(2, 4)):
        counts[square, square] = 6
    counts[1, 2] = 4
    lines = np.ones((4, 4), dtype=bool)
    suppression._lines(counts, lines)
    assert (~lines).sum() == 9
    assert (~suppression.shown(counts)).sum() > 9


def test_nothing_is_shown_of_few_people():
    assert not suppression.shown(np.array([[3, 2], [1, 4]])).any()
