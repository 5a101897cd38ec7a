"""What every encoder is, and the first values of an embedding table: normal draws or the graph's
own spectrum."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, InputError, Shape

Init = Literal["normal", "spectral"]


class Encoder(nn.Module):
    """Parameters only, never the graph: the same weights serve another graph. ``width``: D of its
    embeddings."""

    width: int
    partial: bool = False  # embeds the rows that are asked for alone, at their cost
    hides: ClassVar[bool] = (
        False  # reads histories: while training, what a step asks for must not stand in them
    )
    epoch: int = 0  # of training, for what is drawn once an epoch
    free_users: bool = (
        True  # has each user a layer 0 of their own, to be solved for in those who come later?
    )

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        """What it reads beside the interactions, with these settings: 'features', 'social'."""
        return frozenset()

    @classmethod
    def weighs(cls, **node: Any) -> bool:
        """Does it read what an edge weighs, with these settings?"""
        return True

    @classmethod
    def provides(cls, **node: Any) -> frozenset[str]:
        """What a term may need of it with these settings: 'view' (a pass that noise moves),
        'layers' (each layer's rows)."""
        return frozenset()

    @classmethod
    def embeds_as(cls, **node: Any) -> int | None:
        """The layer that its embedding is, with these settings; None where it is of several."""
        return 0 if node.get("layers") == 0 else None

    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        """First values, once, before the first step (a spectral start reads the graph)."""

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
        """Embeddings of all users and items; where ``partial``, of the rows asked for alone, each
        once. ``rng`` None: no dropout, no noise."""

    def expected(
        self, embeddings: Embeddings, known: Tensor, count: int, features: Features
    ) -> Tensor:
        """(B,D) layer 0 of ``count`` users of whom no interaction is known: the mean of those
        trained, (U,) bool ``known``."""
        return embeddings.user0_UD[known].mean(0, keepdim=True).repeat(count, 1)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        """How users who were not in training are embedded: from their layer 0, (B,D), to their
        embeddings, (B,D).

        They receive from items and friends as trained, and send nothing back. graph: (B,I), as
        ``BipartiteGraph.with_users`` makes it; embeddings: of everybody who was in training;
        features.user: (B,F), or None where nothing is known.
        """
        raise InputError(
            f"encoder {type(self).__name__.lower()}: does not know how to embed users it was not "
            "trained on."
        )


class AttributeEncoder(Encoder):
    """An encoder of attributes alone: ``embed`` is all that differs. Who has met nothing is
    embedded like anybody else."""

    partial = True

    @classmethod
    def requires(cls, **node: Any) -> frozenset[str]:
        return frozenset({"features"})

    @classmethod
    def weighs(cls, **node: Any) -> bool:
        return False

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        for kind, columns in (("users", shape.user_features), ("items", shape.item_features)):
            if columns == 0:
                raise InputError(
                    f"encoder={type(self).__name__.lower()}: this set has no attributes of {kind}; "
                    f"give data.{kind}=FILE, "
                    "set features.derived=true, or choose an encoder of interactions."
                )

    @abstractmethod
    def embed(self, kind: str, features_BF: Tensor, rng: Rng | None) -> Tensor:
        """(B,D) of rows of attributes; kind: 'user' or 'item'."""

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
        assert features.user is not None
        assert features.item is not None
        user = self.embed("user", features.user if users is None else features.user[users], rng)
        item = self.embed("item", features.item if items is None else features.item[items], rng)
        return Embeddings(user, item, user, item, users, items)

    def expected(
        self, embeddings: Embeddings, known: Tensor, count: int, features: Features
    ) -> Tensor:
        if features.user is None:
            return super().expected(embeddings, known, count, features)
        return self.embed("user", features.user, None)

    def embed_new_users(
        self, graph: BipartiteGraph, embeddings: Embeddings, features: Features
    ) -> Callable[[Tensor], Tensor]:
        return lambda start_BD: start_BD


class ReadableEncoder(AttributeEncoder):
    """An encoder of attributes whose weights can be read, one vector an attribute."""

    @abstractmethod
    def attribute_weights(self) -> dict[str, Tensor]:
        """Return what one unit of an attribute adds to an embedding, (F,D), by 'user' and 'item'."""


def weights(
    features: int, dim: int, scale: float, generator: torch.Generator, bias: bool = False
) -> nn.Linear:
    """A weighted sum of attributes, (F,) -> (D,), whose first results have entries of standard
    deviation ``scale``."""
    layer = nn.Linear(features, dim, bias=bias)
    with torch.no_grad():
        layer.weight.normal_(0, scale / max(features, 1) ** 0.5, generator=generator)
        if bias:
            layer.bias.zero_()
    return layer


def check_first_values(dim: int, scale: float) -> None:
    """InputError for a width or first values that cannot be."""
    if dim < 1:
        raise InputError(f"encoder.dim is {dim}: the width of an embedding must be at least 1.")
    if scale <= 0:
        raise InputError(
            f"encoder.scale is {scale}: the first values' standard deviation must be above 0."
        )


class EmbeddingTables(nn.Module):
    """One embedding a user and one an item, U x D and I x D, with their first values.

    ``normal``: N(0, scale^2). ``spectral``: the D leading singular vectors of the degree-normalised
    matrix D_u^-1/2 A D_i^-1/2 (randomised SVD, Halko et al. 2011), times the root of singular value
    and degree; on large sparse sets it puts training near its end before it starts.
    """

    def __init__(self, shape: Shape, rng: Rng, *, dim: int, init: Init, scale: float) -> None:
        super().__init__()
        check_first_values(dim, scale)
        self.init, self.scale = init, scale
        self.user = nn.Parameter(
            torch.empty(shape.users, dim).normal_(0, scale, generator=rng.torch("user"))
        )
        self.item = nn.Parameter(
            torch.empty(shape.items, dim).normal_(0, scale, generator=rng.torch("item"))
        )

    @torch.no_grad()
    def reset(self, graph: BipartiteGraph, rng: Rng) -> None:
        """Who has no edge has no vector of their own: zero."""
        if self.init == "spectral":
            user, item = spectral(graph, self.user.shape[1], rng)
            found = user.shape[1]
            self.user[:, :found] = user.to(self.user.device)
            self.item[:, :found] = item.to(self.item.device)
        for table, degree in zip((self.user, self.item), graph.pattern.degrees(), strict=True):
            table[degree == 0] = 0.0


def spectral(graph: BipartiteGraph, dim: int, rng: Rng) -> tuple[Tensor, Tensor]:
    """Left and right singular vectors of the normalised matrix, (U,d), (I,d), times sqrt(s)
    sqrt(degree); d <= dim.

    One thread, so that the result does not depend on their number.
    """
    from scipy.sparse import csr_array
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits

    p = graph.pattern
    value = graph.normalised(0.5, 0.5)[0].cpu().numpy()
    matrix = csr_array((value, p.column.cpu().numpy(), p.start.cpu().numpy()), shape=p.shape)
    rank = min(dim, min(p.shape))
    seed = rng.number("spectral") % 2**32
    with threadpool_limits(1):
        left, s, right = randomized_svd(matrix, rank, n_iter=4, random_state=seed)
    users, items = graph.degrees()
    root = torch.from_numpy(np.sqrt(s)).float()
    user = torch.from_numpy(np.ascontiguousarray(left)).float() * root * users.cpu().sqrt()[:, None]
    item = (
        torch.from_numpy(np.ascontiguousarray(right.T)).float() * root * items.cpu().sqrt()[:, None]
    )
    return user, item
