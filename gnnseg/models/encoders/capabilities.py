"""What some encoders can do and others cannot: a small class each, inherited beside ``Encoder``.

    class Mine(Encoder, EmbedsNewUsers, ReadsWeights): ...

Whoever needs one asks ``isinstance(encoder, EmbedsNewUsers)``. Shape legend: U users, B new users,
I items, F attribute columns, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.neighbours import Draw
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features


class EmbedsNewUsers(ABC):
    """An encoder that embeds users it was not trained on.

    ``free_users``: each user has a layer 0 of their own, to be solved for in those who come later;
    False: what is known of a user says all. ``free_while_short``: then one is solved for all the
    same in whose history is shorter than nearly all that were trained on, of which attributes say
    little yet. ``reads_ties_alone``: nothing but friends says who a user is.
    """

    free_users: bool = True
    free_while_short: bool = False
    reads_ties_alone: bool = False

    @abstractmethod
    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return how new users are embedded: from their layer 0, (B,D), to their embeddings, (B,D).

        They receive from items and friends as trained, and send nothing back.

        Args:
            graph: What they have met, (B,I), as ``BipartiteGraph.with_users`` makes it.
            embeddings: Of everybody who was in training.
            features: ``user`` (B,F), or None where nothing is known.
        """

    def expected(
        self, embeddings: Embeddings, known: Tensor, count: int, features: Features
    ) -> Tensor:
        """Return layer 0, (B,D), of new users of whom no interaction is known.

        Args:
            embeddings: Of everybody who was in training, whose mean it is.
            known: (U,) bool, who of them has interactions.
            count: B.
            features: ``user`` (B,F), or None where nothing is known.
        """
        return embeddings.user0_UD[known].mean(0, keepdim=True).repeat(count, 1)


class EmbedsSomeRows:
    """An encoder that embeds the users and items it is asked for alone, at their cost.

    Its ``forward`` gives the rows of ``users`` and ``items``, each asked for once, as they would
    stand among all.
    """


class ShardsUsers:
    """An encoder that can be given some users alone, the others being other processes'.

    What items receive it takes from ``graph.messages``, which sums over all processes; all else it
    says of users is of one row alone. ``user_rows``: the names of its parameters, of a row a user.
    """

    user_rows: tuple[str, ...] = ()

    @property
    def shards_users(self) -> bool:
        """Return whether it can, as it is set."""
        return True


class ReadsHistories:
    """An encoder that reads what each user has met.

    While training, what a step asks for must not stand in a history: the graph it is given hides
    those pairs.
    """


class ReadsWeights:
    """An encoder that reads what an edge weighs (``graph.weights``)."""

    @classmethod
    def reads_weights(cls, **settings: Any) -> bool:
        """Return whether it reads weights with these settings."""
        return True


class StartsAtSpectrum(ReadsWeights):
    """An encoder whose first values may be of the weighted graph's spectrum (``init=spectral``)."""

    @classmethod
    def reads_weights(cls, **settings: Any) -> bool:
        """Return whether it starts there."""
        return settings.get("init") == "spectral"


class HasLayers:
    """An encoder whose ``Embeddings.layers`` hold each layer's rows, for contrastive terms."""

    @classmethod
    def embeds_as(cls, **settings: Any) -> int | None:
        """Return the layer that is its embedding, with these settings; None: it is of several."""
        return 0 if settings.get("layers") == 0 else None


class SamplesNeighbours(ABC):
    """An encoder whose training step may read a drawn part of the neighbours, not all.

    ``samples``: does it, as it is set; ``epoch``: of training, for what is drawn once an epoch.
    """

    samples: bool
    epoch: int = 0

    @abstractmethod
    def draw(self, rng: Rng | None) -> Draw:
        """Return how the neighbours of some nodes are found; ``rng`` None: outside training."""
