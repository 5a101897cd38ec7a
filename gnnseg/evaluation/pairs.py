"""Accuracy, AUC and log loss of pairs, for scores whose sigmoid is a probability.

Can a model tell a pair that comes true from one that does not?

Shape legend: E asked pairs, N negatives a pair.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from gnnseg.data.batches import uniform_own
from gnnseg.evaluation.protocol import Task, union
from gnnseg.evaluation.ranking import NOT_A_NUMBER
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Floats, InputError, Scorer, Split

CHUNK = 1 << 16  # pairs scored at once


def known(split: Split) -> Csr:
    """Return (U,I) every pair of all three parts: what a user is known to have."""
    return union(split.parts.values(), (len(split.users), len(split.items)))


@torch.no_grad()
def evaluate(
    scorer: Scorer, task: Task, taken: Csr, negatives: int, rng: Rng, *, trained: int
) -> tuple[dict[str, float], dict[str, int]]:
    """Compare each asked pair with negatives of its user.

    ``accuracy/negN``, ``auc/negN`` and ``logloss/negN`` of the task's pairs, each against N
    negatives: uniform among the items that the user has in no part, the same for every model of one
    seed; one may be drawn for two pairs of a user. Left out, and counted: users without training
    data, and users who have every item. All pairs count alike, whoever's they are.

    - accuracy: share of the E (1 + N) pairs whose chance is above 1/2 just where they came true.
      Saying no always: N/(1 + N).
    - auc: chance that a pair that came true scores above one that did not, of any user, ties
      counted half.
    - logloss: -mean log of the chance given to what happened, in nats.

    Args:
        scorer: whose logits are compared.
        task: the pairs asked.
        taken: (U,I) what users have; none of it is a negative.
        negatives: N, a pair.
        rng: of the negatives.
        trained: negatives a pair at which sigmoid(s) was trained, M. At other odds the chance that
            a pair came true is sigmoid(s + log(M/N)), by Bayes' rule; so models trained with
            different M are compared at one N.

    Returns:
        The figures, and counts of what was asked.
    """
    device = task.relevant.column.device
    full = taken.degrees()[0].to(device) == taken.shape[1]
    user, item = task.relevant.row, task.relevant.column
    asked = ~(task.cold.to(device) | full)[user]
    user, item = user[asked], item[asked]
    other_EN = uniform_own(user, negatives, taken.to(device), rng)
    step = max(1, CHUNK // (1 + negatives))
    parts = [
        scorer.pairs(
            user[at : at + step],
            torch.cat([item[at : at + step, None], other_EN[at : at + step]], 1),
        )
        for at in range(0, len(user), step)
    ]
    score = (
        torch.cat(parts).double().cpu()
        if parts
        else torch.zeros(0, 1 + negatives, dtype=torch.float64)
    )
    score = score + math.log(trained / negatives)
    found = {
        f"{name}/neg{negatives}": value
        for name, value in measures(score[:, 0], score[:, 1:].reshape(-1)).items()
    }
    return found, {
        "pairs asked": len(user),
        "pairs of users cold or with every item": int((~asked).sum()),
    }


def measures(positive: Tensor, negative: Tensor) -> dict[str, float]:
    """Return accuracy, auc and logloss of logits of pairs that came true, and of others.

    NaN where there are none.

    Raises:
        InputError: where a score is NaN.
    """
    pos, neg = positive.double().numpy(), negative.double().numpy()
    if len(pos) == 0 or len(neg) == 0:
        return dict.fromkeys(("accuracy", "auc", "logloss"), float("nan"))
    if np.isnan(pos).any() or np.isnan(neg).any():
        raise InputError(NOT_A_NUMBER)
    count = len(pos) + len(neg)
    return {
        "accuracy": float((pos > 0).sum() + (neg <= 0).sum()) / count,
        "auc": auc(pos, neg),
        "logloss": float(np.logaddexp(0, -pos).sum() + np.logaddexp(0, neg).sum()) / count,
    }


def auc(positive: Floats, negative: Floats) -> float:
    """Return the area under the ROC curve (Mann & Whitney 1947).

    P(positive > negative) + P(positive = negative)/2.
    """
    order = np.sort(negative)
    below, upto = (
        np.searchsorted(order, positive, side).sum(dtype=np.float64) for side in ("left", "right")
    )
    return float((below + upto) / 2 / (len(positive) * len(negative)))
