"""How often an item is taken again by those who take it: milk is, a present is not.

Shape legend: I items, P pairs of a user and an item that was taken, in order of both.
"""

from __future__ import annotations

import numpy as np

from gnnseg.types import Floats, Interactions, Ints

SHRUNK = 10.0  # takers of the usual item who stand beside an item's own


def of_items(visits: Interactions, items: int) -> Floats:
    """Return each item's repeat propensity r_j, (I,), as those meet it who are not in the visits.

    r_j = sqrt((n_j + S m)/(b_j + S)): b_j users took j in n_j visits, m is the mean number of
    visits of a pair, S = ``SHRUNK``: a Gamma-Poisson mean (Bhagat et al. 2018). Its root, as a part
    of it is in what a user has taken again already.

    Args:
        visits: As ``visits.of`` returns them.
        items: I.
    """
    _, item, times = _pairs(visits, items)
    usual = times.mean() if len(times) else 1.0
    takings = np.bincount(item, times, minlength=items)
    takers = np.bincount(item, minlength=items)
    found: Floats = np.sqrt((takings + SHRUNK * usual) / (takers + SHRUNK))
    return found


def of_pairs(visits: Interactions, items: int) -> Floats:
    """Return r_ij of each pair, (P,): r_j as the others say it, with all of user i left out.

    So no event is evidence of its own that its item is taken again.
    """
    user, item, times = _pairs(visits, items)
    takings = np.bincount(item, times, minlength=items)
    takers = np.bincount(item, minlength=items)
    theirs = np.bincount(user, times)
    pairs = np.bincount(user)
    others = len(times) - pairs[user]
    usual = np.divide(times.sum() - theirs[user], others, out=np.ones(len(times)), where=others > 0)
    found: Floats = np.sqrt((takings[item] - times + SHRUNK * usual) / (takers[item] - 1 + SHRUNK))
    return found


def of_new_users(again_I: Floats, visits: Interactions) -> Floats:
    """Return r_j of each pair of users who are not in what ``again_I`` was made of, (P,)."""
    _, item, _ = _pairs(visits, len(again_I))
    found: Floats = again_I[item]
    return found


def _pairs(visits: Interactions, items: int) -> tuple[Ints, Ints, Ints]:
    """Return the user and the item of each pair, and in how many visits it is."""
    key, times = np.unique(visits.user * items + visits.item, return_counts=True)
    return key // items, key % items, times
