"""Every encoder obeys the laws."""

import pytest

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import (
    DNN,
    MF,
    RGCN,
    SAGE,
    Encoder,
    LightGCN,
    Linear,
    PinSage,
    PyG,
    Raw,
    Social,
    TwoTower,
)
from gnnseg.rng import Rng
from gnnseg.testing import EncoderContract, telling_features, with_relations, with_ties
from gnnseg.types import Features, Shape

LIGHTGCN = {
    "dim": 12, "layers": 2, "layer_weights": None, "init": "spectral", "scale": 0.1,
    "alpha": 0.5, "beta": 0.5, "gamma": None, "unit": False, "dropout": 0.0, "attributes": None,
    "social": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("init", ["normal", "spectral"])
class TestMF(EncoderContract):
    @pytest.fixture(autouse=True)
    def _init(self, init: str) -> None:
        self.init = init
        self.recovers = (
            init == "spectral"
        )  # prototypes that start on noise, unsmoothed by neighbours, may stay there

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return MF(shape, rng, dim=12, init=self.init, scale=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"init": "normal"},
        {"dropout": 0.3},
        {"alpha": 0.6, "beta": -0.1, "gamma": 0.2, "unit": True},
        {"layers": 0},
    ],
    ids=["spectral", "normal", "dropout", "lightgcn++", "no layer"],
)
class TestLightGCN(EncoderContract):
    @pytest.fixture(autouse=True)
    def _options(self, options: dict[str, object]) -> None:
        self.options = options

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return LightGCN(shape, rng, **{**LIGHTGCN, **self.options})  # type: ignore[arg-type]


GRAPH = {
    "dim": 12, "layers": 2, "init": "spectral", "scale": 0.1, "attributes": None,
    "neighbours": None, "combine": "mean",
}  # fmt: skip
SAGE_ = {**GRAPH, "aggregate": "mean", "unit": False}
WALKS = {"walks": 20, "hops": 2, "restart": 0.5, "top": 6, "refresh": "epoch", "batched": False}
PINSAGE = {**{key: value for key, value in GRAPH.items() if key != "neighbours"}, **WALKS}
RGCN_ = {**GRAPH, "relations": "typed", "ties": False, "bases": 3}


@pytest.mark.parametrize(
    "options",
    [
        {}, {"aggregate": "max"}, {"aggregate": "pool"}, {"unit": True, "combine": "last"},
        {"neighbours": [3, 2]}, {"layers": 0, "neighbours": []},
    ],
    ids=["mean", "max", "pool", "unit, last", "sampled", "no layer"],
)  # fmt: skip
class TestSAGE(EncoderContract):
    @pytest.fixture(autouse=True)
    def _options(self, options: dict[str, object]) -> None:
        self.options = options

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return SAGE(shape, rng, **{**SAGE_, **self.options})  # type: ignore[arg-type]


@pytest.mark.parametrize("conv", ["GATv2Conv", "SAGEConv", "GraphConv"])
@pytest.mark.parametrize("neighbours", [None, [3, 2]], ids=["whole", "sampled"])
class TestPyG(EncoderContract):
    @pytest.fixture(autouse=True)
    def _options(self, conv: str, neighbours: list[int] | None) -> None:
        attends = conv == "GATv2Conv"
        own = {"heads": 2, "dropout": 0.2} if attends else {"heads": 1, "dropout": 0.0}
        self.options = {"conv": conv, "neighbours": neighbours, "options": {}, "skip": True, **own}

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return PyG(shape, rng, **{**GRAPH, **self.options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options", [{}, {"combine": "last"}, {"batched": True}, {"batched": True, "refresh": "step"}]
)
class TestPinSage(EncoderContract):
    @pytest.fixture(autouse=True)
    def _options(self, options: dict[str, object]) -> None:
        self.options = options
        self.recovers = (
            "combine" not in options
        )  # prototypes that start on what fresh weights say may stay there

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return PinSage(shape, rng, **{**PINSAGE, **self.options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bases": None},
        {"relations": "merged"},
        {"relations": "none"},
        {"neighbours": [3, 2]},
        {"ties": True},
    ],
    ids=["bases", "free", "merged", "none", "sampled", "ties"],
)
class TestRGCN(EncoderContract):
    @pytest.fixture(autouse=True)
    def _options(self, options: dict[str, object]) -> None:
        self.options = options

    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        graph = with_relations(graph)
        return with_ties(graph) if self.options.get("ties") else graph

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return RGCN(shape, rng, **{**RGCN_, **self.options})  # type: ignore[arg-type]


class WithAttributes(EncoderContract):
    def features(self, graph: BipartiteGraph) -> Features:
        return telling_features(graph)


@pytest.mark.parametrize("attributes", ["beside", "alone"])
class TestLightGCNWithAttributes(WithAttributes):
    @pytest.fixture(autouse=True)
    def _attributes(self, attributes: str) -> None:
        self.attributes = attributes

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return LightGCN(shape, rng, **{**LIGHTGCN, "attributes": self.attributes, "init": "normal"})  # type: ignore[arg-type]


@pytest.mark.parametrize("attributes", ["beside", "alone"])
@pytest.mark.parametrize("kind", ["sage", "pinsage", "rgcn", "pyg"])
class TestGraphEncodersWithAttributes(WithAttributes):
    @pytest.fixture(autouse=True)
    def _attributes(self, kind: str, attributes: str) -> None:
        self.kind, self.more = kind, {"attributes": attributes, "init": "normal"}
        self.recovers = kind in (
            "sage",
            "pinsage",
        )  # the others' prototypes start on noise, and may stay there

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        if self.kind == "sage":
            return SAGE(shape, rng, **{**SAGE_, **self.more})  # type: ignore[arg-type]
        if self.kind == "pinsage":
            return PinSage(shape, rng, **{**PINSAGE, **self.more})  # type: ignore[arg-type]
        if self.kind == "rgcn":
            return RGCN(shape, rng, **{**RGCN_, "relations": "none", **self.more})  # type: ignore[arg-type]
        foreign = {"conv": "SAGEConv", "heads": 1, "dropout": 0.0, "options": {}, "skip": True}
        return PyG(shape, rng, **{**GRAPH, **foreign, **self.more})  # type: ignore[arg-type]


class WithTies(EncoderContract):
    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        return with_ties(graph)


class TestLightGCNWithFriends(WithTies):
    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return LightGCN(shape, rng, **{**LIGHTGCN, "social": 0.5})  # type: ignore[arg-type]


class TestSocial(WithTies):
    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return Social(shape, rng, dim=12, layers=2, scale=0.1)


class TestLinear(WithAttributes):
    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return Linear(shape, rng, dim=12, scale=0.1)


class TestRaw(WithAttributes):
    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return Raw(shape, rng)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
class TestDNN(WithAttributes):
    @pytest.fixture(autouse=True)
    def _dropout(self, dropout: float) -> None:
        self.dropout = dropout

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return DNN(shape, rng, layers=[16, 12], dropout=self.dropout)


class TestTwoTower(WithAttributes):
    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return TwoTower(shape, rng, dim=12, layers=[24, 12], scale=0.1, dropout=0.1)


class TestTwoTowerWithoutAttributes(EncoderContract):
    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return TwoTower(shape, rng, dim=12, layers=[24, 12], scale=0.1, dropout=0.0)
