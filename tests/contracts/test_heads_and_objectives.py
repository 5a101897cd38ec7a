"""Every head, objective and regulariser obeys the laws: a line each."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.models.heads import (
    MLP,
    Dot,
    Filtered,
    FinishedHead,
    Head,
    Hybrid,
    NeuMF,
    Posthoc,
    ProtoMF,
    Segments,
)
from gnnseg.models.objectives import (
    BCE,
    BPR,
    BSL,
    CCL,
    L2,
    Balance,
    DirectAU,
    Entropy,
    Independence,
    Labels,
    LightGCL,
    Likelihood,
    Margin,
    NCLPrototypes,
    NCLStructure,
    Network,
    Objective,
    PolicyGradient,
    SampledSoftmax,
    SimGCL,
    SocialLaplacian,
    UltraGCN,
    XSimGCL,
)
from gnnseg.rng import Rng
from gnnseg.testing import HeadContract, ObjectiveContract, with_ties
from gnnseg.types import Embeddings, Shape

SOFT = {"segments": 4, "tau_alpha": 0.2, "tau_beta": 0.2, "tau": 0.2}


def _started(shape: Shape, rng: Rng) -> Head:
    """A head whose warm-up is over; until then its scores are those of ``Dot``."""
    head = Segments(shape, rng, **SOFT, beta="affinity", warmup=0.5)
    head.started.fill_(True)
    return head


def _with_habits(shape: Shape, rng: Rng) -> Head:
    """A head that has learned of habits; until it has, nobody has any."""
    head = Segments(shape, rng, **SOFT, habit=True)
    assert head.habits is not None
    with torch.no_grad():
        head.habits.level.fill_(0.5)
    return head


HEADS: dict[str, Callable[..., Head]] = {
    "dot": partial(Dot, tau=0.2),
    "dot, raw": partial(Dot, similarity="dot"),
    "dot, no bias": partial(Dot, bias=False),
    "posthoc": partial(Posthoc, segments=4, tau=0.2),
    "filtered": partial(Filtered, factors=5, tau=0.2),
    "distribution": partial(Segments, **SOFT),
    "distribution, top 2": partial(Segments, **SOFT, top=2),
    "distribution, habit": _with_habits,
    "distribution, tied": partial(Segments, **SOFT, tied=True),
    "membership": partial(Segments, **SOFT, beta="membership"),
    "membership, top 2": partial(Segments, **SOFT, beta="membership", top=2),
    "affinity": partial(Segments, **SOFT, beta="affinity"),
    "affinity, top 2": partial(Segments, **SOFT, beta="affinity", top=2),
    "affinity, after a warm-up": _started,
    "hybrid": partial(Hybrid, **SOFT),
    "protomf": partial(ProtoMF, segments=4, item_prototypes=3),
    "protomf, of users": partial(ProtoMF, segments=4, item_prototypes=0),
    "mlp": partial(MLP, layers=[12, 8]),
    "mlp, segments": partial(MLP, layers=[12, 8], segments=3, tau_alpha=0.1),
    "neumf": partial(NeuMF, layers=[12, 8]),
    "neumf, 3 in the product": partial(NeuMF, gmf=3, layers=[12, 8]),
}

OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "likelihood": Likelihood,
    "bpr": partial(BPR, negatives=2),
    "bce": partial(BCE, negatives=2),
    "sampled softmax": partial(SampledSoftmax, negatives=8),
    "sampled softmax, in batch": partial(SampledSoftmax, sampling="in_batch", negatives=8),
    "bsl": partial(BSL, negatives=8, power=0.9),
    "bsl, user": partial(BSL, positives="user", negatives=8, power=0.9),
    "ccl": partial(CCL, negatives=8, margin=0.1),
    "ccl, own": partial(CCL, sampling="own", negatives=3, margin=0.1),
    "directau": DirectAU,
    "ultragcn": partial(UltraGCN, negatives=8, neighbours=3),
    "ultragcn, own": partial(UltraGCN, sampling="own", negatives=3, neighbours=3),
    "margin": partial(Margin, negatives=3, hard=1),
    "network": Network,
    "policy": PolicyGradient,
    "policy, learned": partial(PolicyGradient, importance="learned", top=3, entropy=0.01),
    "simgcl": SimGCL,
    "xsimgcl": partial(XSimGCL, layer=0),
    "lightgcl": LightGCL,
    "ncl, structure": NCLStructure,
    "ncl, structure, all": partial(NCLStructure, negatives="all", items=0.5),
    "ncl, prototypes": partial(NCLPrototypes, prototypes=4, warmup=0),
    "independence": Independence,
    "l2": L2,
    "balance": Balance,
    "entropy": Entropy,
    "social": SocialLaplacian,
    "labels, alpha": partial(Labels, column="kind"),
    "labels, linear": partial(Labels, column="kind", readout="linear"),
}


@pytest.mark.parametrize("part", HEADS.values(), ids=HEADS)
class TestHeads(HeadContract):
    @pytest.fixture(autouse=True)
    def _part(self, part: Callable[..., Head]) -> None:
        self.part = part

    def make(self, shape: Shape, rng: Rng) -> Head:
        return self.part(shape, rng)


class TestFinishedMLP(HeadContract):
    """With its segments made: what it then says of them obeys the laws too."""

    def make(self, shape: Shape, rng: Rng) -> Head:
        return MLP(shape, rng, layers=[12, 8], segments=3, tau_alpha=0.1)

    def _ready(self, graph: BipartiteGraph) -> tuple[Head, Embeddings]:
        head, embeddings = super()._ready(graph)
        assert isinstance(head, FinishedHead)
        with torch.no_grad():
            head.finish(embeddings, graph, Rng(0))
        return head, embeddings


@pytest.mark.parametrize("part", OBJECTIVES.values(), ids=OBJECTIVES)
class TestObjectives(ObjectiveContract):
    @pytest.fixture(autouse=True)
    def _part(self, part: Callable[[], Objective]) -> None:
        self.part = part

    def make(self) -> Objective:
        return self.part()

    def given(self, graph: BipartiteGraph) -> BipartiteGraph:
        return with_ties(graph)


@pytest.mark.parametrize("base", [Head, Objective, HeadContract, ObjectiveContract])
def test_what_is_abstract_cannot_be_made(base: type) -> None:
    with pytest.raises(TypeError, match="abstract"):
        base()
