"""Every encoder obeys the laws: a line each, with what differs from conf/."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from gnnseg import config
from gnnseg.config.targets import locate
from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders import (
    DGCF,
    DNN,
    MF,
    NGCF,
    RGCN,
    SAGE,
    Encoder,
    LightGCN,
    LightGCNPP,
    Linear,
    PinSage,
    PyG,
    RawAttributes,
    SimpleX,
    SocialSpectral,
    TwoTower,
)
from gnnseg.rng import Rng
from gnnseg.testing import EncoderContract, telling_features, with_relations, with_ties
from gnnseg.types import Features, Shape


@dataclass(frozen=True)
class Case:
    """An encoder's class and settings, what it reads, and whether it finds planted segments.

    ``recovers`` False: prototypes that start on noise, or on fresh weights, may stay there.
    """

    encoder: Any
    options: dict[str, Any] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    recovers: bool = True


DIM = {"dim": 12}
WALKS = {**DIM, "walks": 20, "top": 6}
BESIDE = {"dim": 12, "init": "normal", "attributes": "beside"}
ALONE = {**BESIDE, "attributes": "alone"}
SAGE_CONV = {"conv": "SAGEConv"}
UNTYPED = {"relations": "none", "bases": 3}
CASES = {
    "mf": Case(MF, DIM),
    "mf, normal": Case(MF, {**DIM, "init": "normal"}, recovers=False),
    "lightgcn": Case(LightGCN, DIM),
    "lightgcn, normal": Case(LightGCN, {**DIM, "init": "normal"}),
    "lightgcn, dropout": Case(LightGCN, {**DIM, "dropout": 0.3}),
    "lightgcn, no layer": Case(LightGCN, {**DIM, "layers": 0}),
    "lightgcn, beside": Case(LightGCN, BESIDE, ("features",)),
    "lightgcn, alone": Case(LightGCN, ALONE, ("features",)),
    "lightgcn, friends": Case(LightGCN, {**DIM, "social": 0.5}, ("social",)),
    "lightgcnpp": Case(LightGCNPP, DIM),
    "ngcf": Case(NGCF, DIM),
    "ngcf, normal": Case(NGCF, {**DIM, "init": "normal"}, recovers=False),
    "ngcf, no layer": Case(NGCF, {**DIM, "layers": 0}),
    "ngcf, beside": Case(NGCF, BESIDE, ("features",), recovers=False),
    "ngcf, alone": Case(NGCF, ALONE, ("features",)),
    "dgcf": Case(DGCF, DIM),
    "dgcf, normal": Case(DGCF, {**DIM, "init": "normal"}),
    "dgcf, two layers": Case(DGCF, {**DIM, "layers": 2, "iterations": 3, "intents": 3}),
    "dgcf, no layer": Case(DGCF, {**DIM, "layers": 0}),
    "dgcf, beside": Case(DGCF, BESIDE, ("features",)),
    "dgcf, alone": Case(DGCF, ALONE, ("features",)),
    "sage": Case(SAGE, DIM),
    "sage, max": Case(SAGE, {**DIM, "aggregate": "max"}),
    "sage, pool": Case(SAGE, {**DIM, "aggregate": "pool"}),
    "sage, unit, last": Case(SAGE, {**DIM, "unit": True, "combine": "last"}),
    "sage, sampled": Case(SAGE, {**DIM, "neighbours": [3, 2]}),
    "sage, no layer": Case(SAGE, {**DIM, "layers": 0, "neighbours": []}),
    "sage, beside": Case(SAGE, BESIDE, ("features",)),
    "sage, alone": Case(SAGE, ALONE, ("features",)),
    "pyg": Case(PyG, {**DIM, "heads": 2, "dropout": 0.2}),
    "pyg, sampled": Case(PyG, {**DIM, "heads": 2, "dropout": 0.2, "neighbours": [3, 2]}),
    "pyg, SAGEConv": Case(PyG, {**DIM, **SAGE_CONV}),
    "pyg, SAGEConv, sampled": Case(PyG, {**DIM, **SAGE_CONV, "neighbours": [3, 2]}),
    "pyg, GraphConv": Case(PyG, {"dim": 16, "conv": "GraphConv"}),
    "pyg, GraphConv, sampled": Case(PyG, {"dim": 16, "conv": "GraphConv", "neighbours": [3, 2]}),
    "pyg, beside": Case(PyG, {**BESIDE, **SAGE_CONV}, ("features",), recovers=False),
    "pyg, alone": Case(PyG, {**ALONE, **SAGE_CONV}, ("features",), recovers=False),
    "pinsage": Case(PinSage, WALKS),
    "pinsage, last": Case(PinSage, {**WALKS, "combine": "last"}, recovers=False),
    "pinsage, batched": Case(PinSage, {**WALKS, "batched": True}),
    "pinsage, each step": Case(PinSage, {**WALKS, "batched": True, "refresh": "step"}),
    "pinsage, beside": Case(PinSage, {**WALKS, **BESIDE}, ("features",)),
    "pinsage, alone": Case(PinSage, {**WALKS, **ALONE}, ("features",)),
    "simplex": Case(SimpleX, DIM),
    "simplex, dropout": Case(SimpleX, {**DIM, "dropout": 0.2}),
    "simplex, user": Case(SimpleX, {**DIM, "pooling": "user_attention"}),
    "simplex, self": Case(SimpleX, {**DIM, "pooling": "self_attention"}),
    "simplex, normal": Case(SimpleX, {**DIM, "init": "normal"}, recovers=False),
    "rgcn": Case(RGCN, {**DIM, "bases": 3}, ("relations",)),
    "rgcn, free": Case(RGCN, {**DIM, "bases": None}, ("relations",)),
    "rgcn, merged": Case(RGCN, {**DIM, "bases": 3, "relations": "merged"}, ("relations",)),
    "rgcn, none": Case(RGCN, {**DIM, **UNTYPED}, ("relations",)),
    "rgcn, sampled": Case(RGCN, {**DIM, "bases": 3, "neighbours": [3, 2]}, ("relations",)),
    "rgcn, ties": Case(RGCN, {**DIM, "bases": 3, "ties": True}, ("relations", "social")),
    "rgcn, beside": Case(RGCN, {**BESIDE, **UNTYPED}, ("features",), recovers=False),
    "rgcn, alone": Case(RGCN, {**ALONE, **UNTYPED}, ("features",), recovers=False),
    "social": Case(SocialSpectral, DIM, ("social",)),
    "linear": Case(Linear, DIM, ("features",)),
    "raw": Case(RawAttributes, {}, ("features",)),
    "dnn": Case(DNN, {"layers": [16, 12]}, ("features",)),
    "dnn, dropout": Case(DNN, {"layers": [16, 12], "dropout": 0.2}, ("features",)),
    "two_tower": Case(TwoTower, {**DIM, "layers": [24, 12], "dropout": 0.1}, ("features",)),
    "two_tower, no attributes": Case(TwoTower, {**DIM, "layers": [24, 12]}),
}


@pytest.mark.parametrize("name", CASES)
class TestEncoders(EncoderContract):
    @pytest.fixture(autouse=True)
    def _case(self, name: str) -> None:
        self.case = CASES[name]
        self.recovers = self.case.recovers

    def make(self, shape: Shape, rng: Rng) -> Encoder:
        made = self.case.encoder(shape, rng, **self.case.options)
        assert isinstance(made, Encoder)
        return made

    def features(self, graph: BipartiteGraph) -> Features:
        return telling_features(graph) if "features" in self.case.reads else Features()

    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        graph = with_relations(graph) if "relations" in self.case.reads else graph
        return with_ties(graph) if "social" in self.case.reads else graph


def test_every_encoder_of_conf_is_here() -> None:
    choices = [path.stem for path in (config.conf_folder() / "encoder").glob("*.yaml")]
    named = [config.compose([f"encoder={choice}"])["encoder"]["_target_"] for choice in choices]
    assert {locate(target, "encoder", []) for target in named} == {
        c.encoder for c in CASES.values()
    }
