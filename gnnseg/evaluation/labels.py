"""How well classes are told: accuracy and macro-averaged F1 over the users who were held out.

Shape legend: N users judged, C classes.
"""

from __future__ import annotations

import numpy as np

from gnnseg.types import Ints


def accuracy(true_N: Ints, said_N: Ints) -> float:
    """Share of users whose class is told right; NaN where nobody is judged."""
    return float((true_N == said_N).mean()) if len(true_N) else float("nan")


def macro_f1(true_N: Ints, said_N: Ints) -> float:
    """Mean over classes of 2 tp / (2 tp + fp + fn), the classes being those that somebody judged is
    in or is said to be in: a rare class counts as much as a common one. NaN where nobody is judged.
    """
    if not len(true_N):
        return float("nan")
    classes = int(max(true_N.max(), said_N.max())) + 1
    of, said = np.bincount(true_N, minlength=classes), np.bincount(said_N, minlength=classes)
    right = np.bincount(true_N[true_N == said_N], minlength=classes)
    there = of + said > 0
    return float((2 * right[there] / (of + said)[there]).mean())


def majority(told_N: Ints) -> int:
    """The class that most of those told are in; the lowest number on ties."""
    return int(np.bincount(told_N).argmax())
