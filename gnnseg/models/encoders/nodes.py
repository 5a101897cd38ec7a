"""Layer 0 of encoders with layers: a vector of one's own, what attributes say, or both.

Shape legend: U users, I items, R rows, D width, F attribute columns.
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.encoders.capabilities import (
    EmbedsNewUsers,
    EmbedsSomeRows,
    HasLayers,
    ReadsWeights,
)
from gnnseg.models.encoders.tables import EmbeddingTables, Init, check_first_values, weights
from gnnseg.models.vectors import pick
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, InputError, Setting, Shape

Attributes = Literal["beside", "alone"]


class NodeEncoder(Encoder, EmbedsNewUsers, EmbedsSomeRows, HasLayers, ReadsWeights):
    """An encoder whose layer 0 is a vector of one's own, what attributes say, or both.

    ``attributes``: null; 'beside': a vector of one's own plus a weighted sum of the attributes;
    'alone': that sum alone, so that whoever has attributes can be embedded (inductive). Beside a
    spectral start, which fits already, attributes learn little of whoever has no vector, or the
    opposite: ``init`` normal for new users (experiments/modalities).
    """

    def __init__(
        self,
        shape: Shape,
        rng: Rng,
        *,
        dim: int,
        init: Init,
        scale: float,
        attributes: Attributes | None,
    ) -> None:
        super().__init__()
        check_first_values(dim, scale)
        _check_attributes(attributes, shape)
        self.width = dim
        self.free_users = attributes != "alone"
        self.tables = (
            None
            if attributes == "alone"
            else EmbeddingTables(shape, rng, dim=dim, init=init, scale=scale)
        )
        widths = {"user": shape.user_features, "item": shape.item_features}
        # beside a vector of one's own, attributes begin by saying nothing
        spread = scale if attributes == "alone" else 0.0
        self.read = nn.ModuleDict(
            {
                kind: weights(width, dim, spread, rng.torch(f"attributes-{kind}"))
                for kind, width in widths.items()
                if width and attributes is not None
            }
        )

    @classmethod
    def requires(cls, **settings: Any) -> frozenset[str]:
        """Return 'features' where attributes stand in layer 0."""
        return frozenset({"features"} if settings.get("attributes") is not None else set())

    @classmethod
    def provides(cls, **settings: Any) -> frozenset[str]:
        """Return 'view' and 'layers' where there is a layer."""
        return frozenset({"view", "layers"} if settings.get("layers") else set())

    @classmethod
    def reads_weights(cls, **settings: Any) -> bool:
        """Return whether messages, or a spectral start, read weights with these settings."""
        starts = settings.get("init") == "spectral" and settings.get("attributes") != "alone"
        return starts or (settings.get("layers") != 0 and cls.weighs_messages(**settings))

    @classmethod
    def weighs_messages(cls, **settings: Any) -> bool:
        """Return whether a message weighs what its edge does, with these settings."""
        return True

    def reset(self, graph: BipartiteGraph, features: Features, rng: Rng) -> None:
        """Set the first values of the vectors of one's own."""
        if self.tables is not None:
            self.tables.reset(graph)

    def expected(
        self, embeddings: Embeddings, known: Tensor, count: int, features: Features
    ) -> Tensor:
        """Return what attributes say, plus the mean of what else the trained users have.

        Without attributes, the mean of the trained users.
        """
        if features.user is None or "user" not in self.read:
            return super().expected(embeddings, known, count, features)
        said_BD: Tensor = self.read["user"](features.user)
        if self.tables is None:
            return said_BD
        return said_BD + self.tables.user[known].mean(0)

    def start(self, kind: str, features: Features, rows: Tensor | None = None) -> Tensor:
        """Return layer 0, (R,D), of some rows of a kind, None: of all."""
        own: Tensor | None = None
        if self.tables is not None:
            own = pick(getattr(self.tables, kind), rows)
        if kind not in self.read:
            assert own is not None
            return own
        attributes: Tensor | None = getattr(features, kind)
        assert attributes is not None
        said: Tensor = self.read[kind](attributes if rows is None else attributes[rows])
        return said if own is None else own + said


def _check_attributes(attributes: Attributes | None, shape: Shape) -> None:
    if attributes is not None and not shape.user_features and not shape.item_features:
        raise InputError(
            where=f"encoder.attributes={attributes}",
            problem="this set has no attributes",
            advice=(
                "give ",
                Setting("data.users", "FILE"),
                " or ",
                Setting("data.items", "FILE"),
                ", or set encoder.attributes to null",
            ),
        )
    if attributes == "alone" and not (shape.user_features and shape.item_features):
        lacking = "users" if not shape.user_features else "items"
        raise InputError(
            where="encoder.attributes=alone",
            problem=f"this set has no attributes of {lacking}, who would all be alike",
            advice=(
                "give ",
                Setting(f"data.{lacking}", "FILE"),
                ", or set encoder.attributes=beside",
            ),
        )
