"""How well users' classes are predicted: accuracy and macro-averaged F1 over those held out.

Shape legend: N users evaluated, C classes.
"""

from __future__ import annotations

import numpy as np

from gnnseg.types import Ints


def measured(true_N: Ints, predicted_N: Ints) -> dict[str, float]:
    """Return label/accuracy and label/macro_f1."""
    return {
        "label/accuracy": accuracy(true_N, predicted_N),
        "label/macro_f1": macro_f1(true_N, predicted_N),
    }


def accuracy(true_N: Ints, predicted_N: Ints) -> float:
    """Return the share of users whose class is predicted right; NaN where there are no users."""
    return float((true_N == predicted_N).mean()) if len(true_N) else float("nan")


def macro_f1(true_N: Ints, predicted_N: Ints) -> float:
    """Return the mean over classes of 2 tp / (2 tp + fp + fn).

    The classes are those that somebody is in or is predicted to be in: a rare class counts as much
    as a common one. NaN where there are no users.
    """
    if not len(true_N):
        return float("nan")
    classes = int(max(true_N.max(), predicted_N.max())) + 1
    of = np.bincount(true_N, minlength=classes)
    predicted = np.bincount(predicted_N, minlength=classes)
    right = np.bincount(true_N[true_N == predicted_N], minlength=classes)
    there = of + predicted > 0
    return float((2 * right[there] / (of + predicted)[there]).mean())


def majority(labelled_N: Ints) -> int:
    """Return the class that most labelled users are in; the lowest number on ties."""
    return int(np.bincount(labelled_N).argmax())
