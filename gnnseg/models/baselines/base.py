"""What a baseline is: a recommender that is fitted at once, without a training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod

from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.types import Features, Pairs, Scorer

RESERVED = (  # names of baselines of ours
    "popularity",
    "own history",
    "own history (decay)",
    "own history (decay, repeats)",
    "posthoc (own embeddings)",
)


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
