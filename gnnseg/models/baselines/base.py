"""What a baseline is: a recommender that is fitted at once, without a training loop.

Shape legend: U users, I items, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import psutil
from scipy import sparse
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.types import Features, InputError, Pairs, Scorer

RESERVED = (  # names of baselines of ours
    "popularity",
    "own history",
    "own history (decay)",
    "own history (decay, repeats)",
    "posthoc (own embeddings)",
)
GB = 1e9


class Baseline(ABC):
    """A recommender to be beaten, whose figures stand beside every run's.

    Settings are keyword-only arguments of its constructor, as a configuration gives them.
    """

    @abstractmethod
    def fit(self, train: Pairs, users: int, items: int, rng: Rng) -> None:
        """Learn from the training pairs, once, before the first score.

        Args:
            train: the training pairs.
            users: how many users there are.
            items: how many items there are.
            rng: of whatever is drawn.
        """

    @abstractmethod
    def scorer(self, graph: BipartiteGraph, features: Features) -> Scorer:
        """Return the scores of what was fitted, on the graph's device.

        Args:
            graph: the training graph.
            features: attributes of users and items, as far as the run reads them.
        """

    def memory(self, users: int, items: int) -> tuple[float, str]:
        """Return the bytes that a fit takes beyond a small multiple of the data, and for what.

        More than the machine has free is refused before anything is trained.
        """
        return 0.0, ""


@dataclass(frozen=True)
class Vectors:
    """What a baseline says of users and items by themselves: user_UD, item_ID."""

    user_UD: Tensor
    item_ID: Tensor


class FittedBaseline(Baseline):
    """A baseline that can be a run of its own: what it has learned is ``state``, named tensors.

    ``scorer`` reads ``state`` and the training graph alone, so that a run's folder answers by it.
    """

    state: dict[str, Tensor]

    @abstractmethod
    def learn(self, taken: sparse.csr_matrix, rng: Rng) -> dict[str, Tensor]:
        """Return what is learned of who took what, (U,I) of 0 and 1."""

    def fit(self, train: Pairs, users: int, items: int, rng: Rng) -> None:
        """Learn from the training pairs, each of which counts once."""
        learned = self.learn(matrix(train, users, items), rng)
        self.state = {name: tensor.contiguous() for name, tensor in learned.items()}

    def vectors(self) -> Vectors | None:
        """Return the users' and the items' vectors, where it is a model of factors."""
        return None


def matrix(train: Pairs, users: int, items: int) -> sparse.csr_matrix:
    """Return who took what, (U,I) float64 of 0 and 1, columns ascending."""
    ones = np.ones(len(train))
    found = sparse.csr_matrix((ones, (train.user, train.item)), shape=(users, items))
    found.sort_indices()
    return found


def refuse_memory(name: str, baseline: Baseline, users: int, items: int) -> None:
    """Refuse what does not fit into the memory that is free.

    Args:
        name: How the settings call it, such as ``baseline=ease``.
        baseline: Not fitted yet.
        users: U.
        items: I.

    Raises:
        InputError: It would take more than there is, with both figures.
    """
    needed, what = baseline.memory(users, items)
    free = float(psutil.virtual_memory().available)
    if needed > free:
        raise InputError(
            f"{name}: {what} takes {needed / GB:.1f} GB, and {free / GB:.1f} GB are free here; "
            "take a larger machine, fewer items (data.k_core), or a baseline that keeps the "
            "nearest neighbours alone, such as rp3beta."
        )
