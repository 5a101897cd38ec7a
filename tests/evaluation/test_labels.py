"""Accuracy and macro-F1 against scikit-learn and by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from gnnseg.evaluation.labels import accuracy, macro_f1, majority


@pytest.mark.parametrize("classes", [2, 3, 12])
@pytest.mark.parametrize("seed", range(5))
def test_equal_to_scikit_learn(classes: int, seed: int) -> None:
    g = np.random.default_rng(seed)
    true = g.integers(classes, size=25)  # with 12 classes some are in neither, some in one alone
    said = np.where(g.random(25) < 0.5, true, g.integers(classes, size=25))
    assert accuracy(true, said) == pytest.approx(accuracy_score(true, said))
    assert macro_f1(true, said) == pytest.approx(
        f1_score(true, said, average="macro", zero_division=0)
    )


def test_by_hand() -> None:
    true, said = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    assert accuracy(true, said) == 0.5
    assert macro_f1(true, said) == pytest.approx((2 / 3 + 2 / 4 + 0) / 3)
    assert math.isnan(accuracy(true[:0], said[:0]))
    assert math.isnan(macro_f1(true[:0], said[:0]))


def test_the_majority_is_the_lowest_of_equals() -> None:
    assert majority(np.array([2, 1, 1, 2, 0])) == 1
