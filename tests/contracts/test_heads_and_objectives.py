"""Every head, objective and regulariser obeys the laws."""

import pytest
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads import MLP, Dot, Head, Hybrid, NeuMF, Posthoc, Segments
from gnnseg.models.objectives import (
    BCE,
    BPR,
    BSL,
    L2,
    Balance,
    Entropy,
    Labels,
    Likelihood,
    Margin,
    Network,
    Objective,
    SampledSoftmax,
    SimGCL,
    Social,
    XSimGCL,
)
from gnnseg.rng import Rng
from gnnseg.testing import HeadContract, ObjectiveContract, with_ties
from gnnseg.types import Embeddings, Shape

GROUP = {"segments": 4, "tied": False, "top": None, "tau_alpha": 0.2, "tau_beta": 0.2, "tau": 0.2}


class TestDot(HeadContract):
    def make(self, shape: Shape, rng: Rng) -> Head:
        return Dot(shape, rng, similarity="cosine", tau=0.2)


class TestRawDot(HeadContract):
    def make(self, shape: Shape, rng: Rng) -> Head:
        return Dot(shape, rng, similarity="dot", tau=0.2)


class TestPosthoc(HeadContract):
    def make(self, shape: Shape, rng: Rng) -> Head:
        return Posthoc(shape, rng, segments=4, similarity="cosine", tau=0.2)


@pytest.mark.parametrize("beta", ["distribution", "membership", "affinity"])
@pytest.mark.parametrize("top", [None, 2])
class TestSegments(HeadContract):
    @pytest.fixture(autouse=True)
    def _options(self, beta: str, top: int | None) -> None:
        self.options = {"beta": beta, "top": top, "centre": True}

    def make(self, shape: Shape, rng: Rng) -> Head:
        return Segments(shape, rng, **{**GROUP, **self.options})  # type: ignore[arg-type]


class TestTied(HeadContract):
    def make(self, shape: Shape, rng: Rng) -> Head:
        return Segments(shape, rng, **{**GROUP, "tied": True}, beta="distribution", centre=True)  # type: ignore[arg-type]


class TestHybrid(HeadContract):
    def make(self, shape: Shape, rng: Rng) -> Head:
        return Hybrid(shape, rng, **GROUP)  # type: ignore[arg-type]


@pytest.mark.parametrize("segments", [None, 3])
class TestMLP(HeadContract):
    @pytest.fixture(autouse=True)
    def _segments(self, segments: int | None) -> None:
        self.segments = segments

    def make(self, shape: Shape, rng: Rng) -> Head:
        return MLP(shape, rng, layers=[12, 8], segments=self.segments, tau_alpha=0.1)


class TestFinishedMLP(HeadContract):
    """With its segments made: what it then says of them obeys the laws too."""

    def make(self, shape: Shape, rng: Rng) -> Head:
        return MLP(shape, rng, layers=[12, 8], segments=3, tau_alpha=0.1)

    def _ready(self, graph: BipartiteGraph) -> tuple[Head, Embeddings]:
        head, embeddings = super()._ready(graph)
        with torch.no_grad():
            head.finish(embeddings, graph, Rng(0))
        return head, embeddings


@pytest.mark.parametrize("gmf", [None, 3])
class TestNeuMF(HeadContract):
    @pytest.fixture(autouse=True)
    def _gmf(self, gmf: int | None) -> None:
        self.gmf = gmf

    def make(self, shape: Shape, rng: Rng) -> Head:
        return NeuMF(shape, rng, gmf=self.gmf, layers=[12, 8])


class TestLikelihood(ObjectiveContract):
    def make(self) -> Objective:
        return Likelihood(weights=None, degree_power=-0.3)


class TestBPR(ObjectiveContract):
    def make(self) -> Objective:
        return BPR(weights=None, degree_power=0.0, negatives=2)


class WithTies(ObjectiveContract):
    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        return with_ties(graph)


class TestSocial(WithTies):
    def make(self) -> Objective:
        return Social()


class TestNetwork(WithTies):
    def make(self) -> Objective:
        return Network(weights=None, degree_power=0.0, collapse=1.0)


class TestBCE(ObjectiveContract):
    def make(self) -> Objective:
        return BCE(weights=None, degree_power=0.0, negatives=2)


@pytest.mark.parametrize("sampling", ["uniform", "in_batch"])
class TestSampledSoftmax(ObjectiveContract):
    @pytest.fixture(autouse=True)
    def _sampling(self, sampling: str) -> None:
        self.sampling = sampling

    def make(self) -> Objective:
        return SampledSoftmax(
            weights=None, degree_power=0.0, sampling=self.sampling, negatives=8, correct=True
        )  # type: ignore[arg-type]


@pytest.mark.parametrize("positives", ["pair", "user"])
class TestBSL(ObjectiveContract):
    @pytest.fixture(autouse=True)
    def _positives(self, positives: str) -> None:
        self.positives = positives

    def make(self) -> Objective:
        more = {"sampling": "uniform", "negatives": 8, "positives": self.positives, "power": 0.9}
        return BSL(weights=None, degree_power=0.0, **more)  # type: ignore[arg-type]


class TestMargin(ObjectiveContract):
    def make(self) -> Objective:
        return Margin(weights=None, degree_power=0.0, negatives=3, hard=1, hops=1, margin=1.0)


class TestSimGCL(ObjectiveContract):
    def make(self) -> Objective:
        return SimGCL(tau=0.2, noise=0.1)


class TestXSimGCL(ObjectiveContract):
    def make(self) -> Objective:
        return XSimGCL(tau=0.2, noise=0.2, layer=0)


class TestL2(ObjectiveContract):
    def make(self) -> Objective:
        return L2()


class TestBalance(ObjectiveContract):
    def make(self) -> Objective:
        return Balance()


class TestEntropy(ObjectiveContract):
    def make(self) -> Objective:
        return Entropy()


@pytest.mark.parametrize("readout", ["alpha", "linear"])
class TestLabels(ObjectiveContract):
    @pytest.fixture(autouse=True)
    def _readout(self, readout: str) -> None:
        self.readout = readout

    def make(self) -> Objective:
        return Labels(column="kind", share=0.5, readout=self.readout)  # type: ignore[arg-type]
