"""Each part obeys gnnseg's laws, is what gnnseg has at its neutral setting, and meets a slow
oracle. python -m pytest experiments/back"""

import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from parts import BiasedDot, BiasedSegments, Memberships, SegmentLikelihood, SegmentSoftmax, Worst

from gnnseg.models.heads import Dot, Head, Segments
from gnnseg.models.objectives import Likelihood, Objective, SampledSoftmax
from gnnseg.rng import Rng
from gnnseg.testing import HeadContract, ObjectiveContract
from gnnseg.testing.drawn import random_graph
from gnnseg.types import Batch, Embeddings, Shape, Step

SEGMENTS = {
    "segments": 4,
    "tied": False,
    "top": None,
    "centre": True,
    "tau_alpha": 0.2,
    "tau_beta": 0.2,
    "tau": 0.2,
}
PLAIN = {"weights": None, "degree_power": 0.0}
SHAPE = Shape(12, 9, torch.arange(9), width=6)


class TestBiasedDot(HeadContract):
    def make(self, shape: Shape, rng: Rng) -> Head:
        head = BiasedDot(shape, rng, segments=4, tau=0.2, tau_alpha=0.2, pace=0.5)
        head.by_segment_KI.data.normal_(generator=torch.Generator().manual_seed(0))
        return head


class TestBiasedSegments(HeadContract):
    def make(self, shape: Shape, rng: Rng) -> Head:
        head = BiasedSegments(shape, rng, **SEGMENTS, beta="distribution", pace=0.5)
        head.by_segment_KI.data.normal_(generator=torch.Generator().manual_seed(0))
        return head


def weighed(made: SegmentLikelihood | SegmentSoftmax) -> Objective:
    """With segments' weights as some steps leave them, which stay where they are."""
    made.worst.summed_K.copy_(torch.tensor([0.0, 0.5, -1.0, 2.0]))
    return made.eval()


class TestSegmentLikelihood(ObjectiveContract):
    def make(self) -> Objective:
        return weighed(SegmentLikelihood(**PLAIN, eta=0.1, segments=4))


@pytest.mark.parametrize(("own", "eta"), [(1.0, 0.0), (-0.5, 0.1)])
class TestSegmentSoftmax(ObjectiveContract):
    @pytest.fixture(autouse=True)
    def _options(self, own: float, eta: float) -> None:
        self.options = {"own": own, "eta": eta}

    def make(self) -> Objective:
        made = SegmentSoftmax(**PLAIN, **self.options, negatives=8, segments=4, tau_alpha=0.2)
        made.prepare(SHAPE, Rng(0))
        return weighed(made)


def embeddings() -> Embeddings:
    g = torch.Generator().manual_seed(1)
    user, item = torch.randn(12, 6, generator=g), torch.randn(9, 6, generator=g)
    return Embeddings(user, item, user, item)


def batch() -> Batch:
    g = torch.Generator().manual_seed(2)
    users, items = torch.randint(12, (20,), generator=g), torch.randint(9, (20,), generator=g)
    return Batch(
        users, items, torch.rand(20, generator=g) + 0.1, torch.randint(9, (7,), generator=g)
    )


def head_of(kind: str) -> Head:
    if kind == "dot":
        return Dot(SHAPE, Rng(0), similarity="cosine", tau=0.2)
    head = Segments(SHAPE, Rng(0), **SEGMENTS, beta=kind)
    head.reset(embeddings(), random_graph(SHAPE.users, SHAPE.items, 20), Rng(0))
    return head


def softmax_loss(own: float, eta: float) -> SegmentSoftmax:
    loss = SegmentSoftmax(**PLAIN, own=own, eta=eta, negatives=7, segments=4, tau_alpha=0.2)
    loss.prepare(SHAPE, Rng(0))
    return loss


def gradients(loss: Objective, kind: str) -> tuple[float, list[torch.Tensor]]:
    """The loss, and what it does to the head and to the embeddings."""
    e, head = embeddings(), head_of(kind)
    e.user_UD.requires_grad_(), e.item_ID.requires_grad_()
    value = loss(Step(e, head(e)), batch(), Rng(0))
    return value.item(), list(
        torch.autograd.grad(value, [e.user_UD, e.item_ID, *head.parameters()])
    )


@pytest.mark.parametrize("kind", ["dot", "distribution", "membership", "affinity"])
def test_neutral_is_what_gnnseg_has(kind: str) -> None:
    plain = gradients(SampledSoftmax(**PLAIN, sampling="uniform", negatives=7, correct=True), kind)
    torch.testing.assert_close(gradients(softmax_loss(0.0, 0.0), kind), plain)
    still = softmax_loss(0.0, 0.0)
    still.worst.eta = 1e-30  # the worst-segment path with weights that do not move
    torch.testing.assert_close(gradients(still, kind), plain, rtol=1e-5, atol=1e-6)
    if kind == "distribution":
        none = gradients(SegmentLikelihood(**PLAIN, eta=0.0, segments=4), kind)
        torch.testing.assert_close(none, gradients(Likelihood(**PLAIN), kind))


def test_no_bias_is_what_gnnseg_has() -> None:
    e, users = embeddings(), torch.arange(12)
    plain, biased = (
        Dot(SHAPE, Rng(0), similarity="cosine", tau=0.2),
        BiasedDot(SHAPE, Rng(0), segments=4, tau=0.2, tau_alpha=0.2, pace=1.0),
    )
    torch.testing.assert_close(plain(e).block(users), biased(e).block(users))
    segments, with_bias = (
        kind(SHAPE, Rng(0), **SEGMENTS, beta="distribution", **more)
        for kind, more in ((Segments, {}), (BiasedSegments, {"pace": 1.0}))
    )
    torch.testing.assert_close(segments(e).block(users), with_bias(e).block(users))


@pytest.mark.parametrize("kind", ["dot", "distribution", "membership", "affinity"])
@pytest.mark.parametrize("own", [1.0, 0.4, -0.7])
def test_tilted_softmax_meets_its_oracle(kind: str, own: float) -> None:
    e, b = embeddings(), batch()
    scorer = head_of(kind)(e)
    loss = softmax_loss(own, 0.0)
    got = loss(Step(e, scorer), b, Rng(0))
    alpha, told = Memberships.forward(loss.memberships.eval(), Step(e, scorer), Rng(0))
    torch.testing.assert_close(told.sum(0), torch.ones(9))
    torch.testing.assert_close(alpha.sum(1), torch.ones(12))
    total, mass = 0.0, 0.0
    for u, i, w in zip(b.users.tolist(), b.items.tolist(), b.weight.tolist(), strict=True):
        near = [
            sum(float(alpha[u, k]) * float(told[k, j]) for k in range(4))
            for j in b.negatives.tolist()
        ]
        near = near if own > 0 else [1 - a for a in near]
        tilt = [1 - abs(own) + abs(own) * a / (sum(near) / len(near)) for a in near]
        score = scorer.block(torch.tensor([u]))[0].tolist()
        below = math.exp(score[i]) + sum(
            t * math.exp(score[j])
            for t, j in zip(tilt, b.negatives.tolist(), strict=True)
            if j != i
        )
        total, mass = total + w * (math.log(below) - score[i]), mass + w
    assert got.item() == pytest.approx(total / mass, rel=1e-4)


def test_worst_segment_weights_meet_their_oracle() -> None:
    g = torch.Generator().manual_seed(3)
    loss, weight, alpha = (
        torch.rand(10, generator=g),
        torch.rand(10, generator=g),
        torch.rand(10, 3, generator=g).softmax(-1),
    )
    worst, summed = Worst(3, 0.5), [0.0] * 3
    for _ in range(3):
        got = worst(loss, weight, alpha)
        mass = [sum(float(weight[e] * alpha[e, k]) for e in range(10)) for k in range(3)]
        means = [
            sum(float(weight[e] * alpha[e, k] * loss[e]) for e in range(10)) / mass[k]
            for k in range(3)
        ]
        summed = [s + 0.5 * m for s, m in zip(summed, means, strict=True)]
        q = [m / sum(mass) * math.exp(s) for m, s in zip(mass, summed, strict=True)]
        assert float(got) == pytest.approx(
            sum(a * b for a, b in zip(q, means, strict=True)) / sum(q), rel=1e-5
        )


def test_bias_by_segment_is_added_as_written() -> None:
    e = embeddings()
    head = BiasedDot(SHAPE, Rng(0), segments=4, tau=0.2, tau_alpha=0.3, pace=0.5)
    head.by_segment_KI.data.normal_(generator=torch.Generator().manual_seed(0))
    plain = Dot(SHAPE, Rng(0), similarity="cosine", tau=0.2)(e).block(torch.arange(12))
    cos = torch.nn.functional.cosine_similarity(e.user_UD[:, None], head.user_KD[None], dim=-1)
    expected = plain + 0.5 * (cos / 0.3).softmax(-1) @ head.by_segment_KI
    torch.testing.assert_close(head(e).block(torch.arange(12)), expected)


def test_clusters_follow_the_embeddings() -> None:
    """Two bundles of users that move: the centres, and so alpha, go with them."""
    ends = torch.eye(6)[:2].repeat_interleave(6, 0) + 0.01
    seen = Memberships(2, 6, 0.1)
    e = replace(embeddings(), user_UD=ends)
    for turn in torch.linspace(0, 1.2, 30):
        turned = torch.cos(turn) * ends + torch.sin(turn) * ends.roll(2, 1)
        alpha, _ = seen(
            Step(replace(e, user_UD=turned), Dot(SHAPE, Rng(0), similarity="cosine", tau=0.2)(e)),
            Rng(0),
        )
    assert len(set(alpha[:6].argmax(1).tolist())) == 1
    assert alpha[:6].argmax(1)[0] != alpha[6:].argmax(1)[0]
    assert float(alpha.max(1).values.min()) > 0.95
