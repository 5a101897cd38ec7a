"""Every encoder obeys the laws."""

import pytest

from gnnseg.encoders import DNN, MF, Encoder, LightGCN, Linear, Raw, Social, TwoTower
from gnnseg.graph import BipartiteGraph
from gnnseg.rng import Rng
from gnnseg.testing import EncoderContract, telling_features, with_ties
from gnnseg.types import Features, Shape

LIGHTGCN = {
    "dim": 12, "layers": 2, "layer_weights": None, "init": "spectral", "scale": 0.1,
    "alpha": 0.5, "beta": 0.5, "gamma": None, "unit": False, "dropout": 0.0, "attributes": None, "social": 0.0,
}  # fmt: skip


@pytest.mark.parametrize("init", ["normal", "spectral"])
class TestMF(EncoderContract):
    @pytest.fixture(autouse=True)
    def _init(self, init: str) -> None:
        self.init = init
        self.recovers = init == "spectral"  # prototypes that start on noise, unsmoothed by neighbours, may stay there

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return MF(shape, rng, dim=12, init=self.init, scale=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{}, {"init": "normal"}, {"dropout": 0.3}, {"alpha": 0.6, "beta": -0.1, "gamma": 0.2, "unit": True}, {"layers": 0}],
    ids=["spectral", "normal", "dropout", "lightgcn++", "no layer"],
)
class TestLightGCN(EncoderContract):
    @pytest.fixture(autouse=True)
    def _options(self, options: dict[str, object]) -> None:
        self.options = options

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        return LightGCN(shape, rng, **{**LIGHTGCN, **self.options})  # type: ignore[arg-type]


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
