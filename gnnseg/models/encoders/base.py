"""What every encoder is, and encoders of attributes alone.

Shape legend: B rows, F attribute columns, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.capabilities import EmbedsNewUsers, EmbedsSomeRows
from gnnseg.models.hooks import refuse_unasked
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, InputError, Setting, Shape

FORMER = {  # a hook's name of before: its name of today, or the class to inherit
    "wants": "requires",
    "offers": "provides",
    "newcomers": "embed_new_users",
    "weighs": "reads_weights",
    "flows": "edge_types",
    "partial": "EmbedsSomeRows",
    "hides": "ReadsHistories",
}
OWNERS = {  # a hook that not every encoder has: the class that has it
    "embed_new_users": "EmbedsNewUsers",
    "expected": "EmbedsNewUsers",
    "free_users": "EmbedsNewUsers",
    "free_while_short": "EmbedsNewUsers",
    "reads_ties_alone": "EmbedsNewUsers",
    "reads_weights": "ReadsWeights",
    "embeds_as": "HasLayers",
    "epoch": "SamplesNeighbours",
}


class Encoder(nn.Module, ABC):
    """Embeddings of users and items from the graph and their attributes.

    Parameters only, never the graph: the same weights serve another graph. ``width``: D of its
    embeddings. Made as ``MyEncoder(shape, rng, *, …)``: sizes and draws come from the run,
    keyword-only arguments from ``conf/encoder``. What one family can do beside is a class of
    ``gnnseg.models.encoders.capabilities`` that it also inherits.
    """

    width: int

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse, with an InputError, a hook that nobody would ask."""
        super().__init_subclass__(**options)
        refuse_unasked(cls, FORMER, OWNERS)

    @classmethod
    def requires(cls, **settings: Any) -> frozenset[str]:
        """Return what it reads beside the interactions, with these settings.

        'features', 'social' or 'relations': a set that has none is refused before training.
        """
        return frozenset()

    @classmethod
    def provides(cls, **settings: Any) -> frozenset[str]:
        """Return what an objective or term may need of it, with these settings.

        'view': a pass that noise moves; 'layers': each layer's rows; 'tables': free vectors alone.
        """
        return frozenset()

    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        """Set first values, once, before the first step (a spectral start reads the graph)."""

    @abstractmethod
    def forward(
        self,
        graph: BipartiteGraph,
        features: Features,
        users: Tensor | None = None,
        items: Tensor | None = None,
        *,
        rng: Rng | None = None,
        noise: float = 0.0,
    ) -> Embeddings:
        """Return the embeddings of users and items.

        Args:
            graph: Who has met what, on the device of the parameters.
            features: Attributes of users and items, where they are known.
            users: Ids asked for, each once, where the encoder ``EmbedsSomeRows``; None: all. Others
                embed all, whatever is asked.
            items: The same of items.
            rng: Of a training step; None: no dropout, no noise.
            noise: Length of the noise added at each layer in training (SimGCL, Yu et al. 2022).
        """


class AttributeEncoder(Encoder, EmbedsNewUsers, EmbedsSomeRows):
    """An encoder of attributes alone: ``embed`` is all that differs.

    Who has met nothing is embedded like anybody else.
    """

    free_users = False
    free_while_short = True

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        for kind, columns in (("users", shape.user_features), ("items", shape.item_features)):
            if columns == 0:
                raise InputError(
                    where=f"encoder={type(self).__name__.lower()}",
                    problem=f"this set has no attributes of {kind}",
                    advice=(
                        "give ",
                        Setting(f"data.{kind}", "FILE"),
                        ", set features.derived=true, or choose an encoder of interactions",
                    ),
                )

    @classmethod
    def requires(cls, **settings: Any) -> frozenset[str]:
        """Return that it reads attributes."""
        return frozenset({"features"})

    @abstractmethod
    def embed(self, kind: str, features_BF: Tensor, rng: Rng | None) -> Tensor:
        """Return embeddings, (B,D), of rows of attributes; kind: 'user' or 'item'."""

    def forward(
        self,
        graph: BipartiteGraph,
        features: Features,
        users: Tensor | None = None,
        items: Tensor | None = None,
        *,
        rng: Rng | None = None,
        noise: float = 0.0,
    ) -> Embeddings:
        """Return the embeddings of the rows asked for; layer 0 is the embedding."""
        assert features.user is not None
        assert features.item is not None
        user = self.embed("user", features.user if users is None else features.user[users], rng)
        item = self.embed("item", features.item if items is None else features.item[items], rng)
        return Embeddings(user, item, user, item, users, items)

    def expected(
        self, embeddings: Embeddings, known: Tensor, count: int, features: Features
    ) -> Tensor:
        """Return what attributes say; without them, the mean of the trained users."""
        if features.user is None:
            return super().expected(embeddings, known, count, features)
        return self.embed("user", features.user, None)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """Return layer 0 as it is."""
        return lambda start_BD: start_BD


class ReadableEncoder(AttributeEncoder):
    """An encoder of attributes whose weights can be read, one vector an attribute."""

    @abstractmethod
    def attribute_weights(self) -> dict[str, Tensor]:
        """Return what one unit of an attribute adds to an embedding, (F,D), by kind."""
