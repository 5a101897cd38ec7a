"""What a run asks of what it has trained or fitted, and writes into its folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, Scorer, Step

if TYPE_CHECKING:
    from gnnseg.models.encoders.base import Encoder


class Recommending(ABC):
    """A trained model or a fitted baseline: vectors, scores, and all that it has learned."""

    @abstractmethod
    def embed(self, graph: BipartiteGraph, features: Features) -> Embeddings:
        """Return everybody's embeddings."""

    @abstractmethod
    def score(self, embeddings: Embeddings) -> Scorer:
        """Return the scores of these embeddings."""

    @abstractmethod
    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Make, once, what a head makes of finished embeddings."""

    @abstractmethod
    def learned(self) -> dict[str, Tensor]:
        """Return what a run folder keeps of it (model.safetensors), by name."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Return how many numbers it has learned."""

    @property
    def trained(self) -> Encoder | None:
        """Return the encoder that was trained; None of a baseline."""
        return None

    @property
    def negatives(self) -> int | None:
        """Return at how many negatives a pair a score's sigmoid is a chance; None: at none."""
        return None

    def kept(self) -> dict[str, Tensor]:
        """Return what a run folder keeps of a head beside the scores (scores.safetensors)."""
        return {}

    def predict(self, step: Step) -> Tensor | None:
        """Return the chance that each user is in each class, (U,C); None: nothing learns labels."""
        return None
