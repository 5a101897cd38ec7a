"""The plain recommender's scores, by hand."""

import pytest
import torch

from gnnseg.models.heads import Dot, Hybrid, Posthoc
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Shape


@pytest.mark.parametrize(("settings", "scale", "bias"), [
    ({}, "cosine", True), ({"bias": False}, "cosine", False),
    ({"similarity": "dot"}, "product", False),
    ({"similarity": "dot", "bias": True}, "product", False),
])  # fmt: skip
def test_scores_are_cosine_or_product_with_a_bias_or_none(settings, scale, bias):
    count = torch.tensor([1, 2, 4, 8])
    head = Dot(Shape(users=3, items=4, item_counts=count, width=2), Rng(0), tau=0.5, **settings)
    user, item = torch.randn(3, 2), torch.randn(4, 2)
    found = head(Embeddings(user_UD=user, item_ID=item, user0_UD=user, item0_ID=item))
    for u in range(3):
        for i in range(4):
            score = float(user[u] @ item[i])
            if scale == "cosine":
                score /= float(user[u].norm() * item[i].norm()) * 0.5
            score += float((count[i] / count.sum()).log()) if bias else 0.0
            at = torch.tensor([u]), torch.tensor([i])
            assert found.pairs(*at).item() == pytest.approx(score, abs=1e-5)
    assert set(head.stored()) == ({"bias"} if bias else set())


@pytest.mark.parametrize(("users", "items", "tau"), [
    (3, 4, 0.2), (4_000, 6_000, 0.2), (10_000, 90_000, 0.1), (10**6, 10**5, 0.08),
])  # fmt: skip
@pytest.mark.parametrize("kind", [Dot, Hybrid, Posthoc])
def test_the_larger_the_graph_the_sharper_the_cosine_that_nobody_set(kind, users, items, tau):
    shape = Shape(users=users, items=items, item_counts=torch.ones(items), width=2)
    head = kind(shape, Rng(0))
    assert (head.dot if kind is Posthoc else head).tau == pytest.approx(tau)
    asked = kind(shape, Rng(0), tau=0.3)
    assert (asked.dot if kind is Posthoc else asked).tau == 0.3
