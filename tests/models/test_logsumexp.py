"""The normaliser over shared items against the plain one, gradients included."""

import pytest
import torch

from gnnseg.config import build, compose
from gnnseg.models import logsumexp
from gnnseg.models.logsumexp import shared_logsumexp
from gnnseg.rng import Rng
from gnnseg.testing import drawn
from gnnseg.types import Scorer, Segmentation


def plain(left, right, offset, items, others):
    score = left @ right.T + offset
    return score.masked_fill(items[:, None] == others, -torch.inf).logsumexp(-1)


def parts(rows=7, columns=5, width=3, seed=0):
    g = torch.Generator().manual_seed(seed)
    sizes = (rows, width), (columns, width), (columns,)
    factors = [
        torch.randn(*size, generator=g, dtype=torch.float64).requires_grad_() for size in sizes
    ]
    return (
        *factors,
        torch.randint(6, (rows,), generator=g),
        torch.randint(6, (columns,), generator=g),
    )


@pytest.mark.parametrize("block", [1, 12, 1 << 16])
@pytest.mark.parametrize("searched", [("cpu",), ()])
def test_it_is_the_plain_one_in_blocks(monkeypatch, block, searched):
    monkeypatch.setattr(logsumexp, "BLOCK", block)
    monkeypatch.setattr(logsumexp, "SEARCHED", searched)
    for rows, columns in ((7, 5), (1, 1), (4, 9)):
        given = parts(rows, columns)
        mine, theirs = shared_logsumexp(*given), plain(*given)
        torch.testing.assert_close(mine, theirs)
        some = theirs.isfinite()
        towards = torch.arange(1.0, rows + 1, dtype=torch.float64)[some]
        if bool(some.any()):
            pairs = [
                torch.autograd.grad((x[some] * towards).sum(), given[:3]) for x in (mine, theirs)
            ]
            torch.testing.assert_close(*pairs)


def test_scores_of_any_size_do_not_overflow():
    left, right, offset, items, others = parts()
    for size in (1e4, -1e4):
        given = left * 0 + 1, right * 0 + size, offset * 0, items, others
        torch.testing.assert_close(shared_logsumexp(*given), plain(*given))


def test_of_nothing_it_is_minus_infinity_and_has_no_gradient():
    left, right, offset, _, others = parts(2, 1)
    items = torch.tensor([int(others[0]), int(others[0]) + 1])
    found = shared_logsumexp(left, right, offset, items, others)
    assert found[0] == -torch.inf
    total = torch.logaddexp(torch.zeros(2, dtype=torch.float64), found).sum()
    gradients = torch.autograd.grad(total, (left, right, offset))
    assert all(bool(one.isfinite().all()) for one in gradients)
    assert not gradients[0][0].any()


HEADS = [
    ["head=dot"], ["head=dot", "head.similarity=dot"], ["head.beta=affinity"], ["head=protomf"],
    ["head=hybrid"], ["head.beta=membership"], [],
]  # fmt: skip


@pytest.mark.parametrize("overrides", HEADS, ids=lambda words: " ".join(words) or "segments")
def test_every_heads_normaliser_is_that_of_its_block(overrides):
    graph = drawn.random_graph()
    embeddings = drawn.random_embeddings(graph)
    node = compose(["data=planted", *overrides])["head"]
    head = build(node, drawn.shape_of(graph, embeddings.user_UD.shape[1]), Rng(0))
    scorer = head(embeddings)
    users, items = torch.tensor([0, 1, 1, 2]), torch.tensor([3, 0, 2, 3])
    others, offset = torch.tensor([0, 3, 3, 1, 2]), torch.linspace(-1, 1, 5)
    for more in (None, offset):
        mine = scorer.normaliser(users, items, others, more)
        torch.testing.assert_close(mine, Scorer.normaliser(scorer, users, items, others, more))
        everything = torch.full((4,), 9)
        whole = scorer.block(users, others) + (0 if more is None else more)
        torch.testing.assert_close(
            scorer.normaliser(users, everything, others, more), whole.logsumexp(-1)
        )


@pytest.mark.parametrize("overrides", [*HEADS, ["head=posthoc"], ["head=mlp"]], ids=" ".join)
def test_every_heads_sort_keys_rank_as_its_logits_and_turn_into_them(overrides):
    graph = drawn.random_graph()
    embeddings = drawn.random_embeddings(graph)
    node = compose(["data=planted", *overrides])["head"]
    head = build(node, drawn.shape_of(graph, embeddings.user_UD.shape[1]), Rng(0))
    users = torch.arange(graph.users)
    items = torch.arange(graph.items).expand(graph.users, -1)
    for scorer in (whole := head(embeddings), *few(whole)):
        logits, keys = scorer.block(users), scorer.sort_keys(users)
        torch.testing.assert_close(scorer.logits_of(keys, items), logits)
        order = keys.argsort(dim=1)
        assert (logits.gather(1, order).diff(dim=1) >= -1e-5).all()
        if (rows := scorer.shared_rows(users)) is not None:
            assert torch.equal(rows[1][rows[0]], keys)


def few(scorer):
    """Through each user's one and three largest segments, where there are any."""
    return [scorer.truncated(top) for top in (1, 3)] if isinstance(scorer, Segmentation) else []
