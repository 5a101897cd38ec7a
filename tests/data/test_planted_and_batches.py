"""The planted truth holds; negatives never hang and never are the user's own."""

import numpy as np
import pytest
import torch

from gnnseg.data import batches, clean, planted
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Dataset, InputError


def draw(**options: object) -> Dataset:
    defaults = {"preset": "easy", "users": 300, "items": 160, "segments": 4, "interactions": 6000, "seed": 0}
    return clean.build(planted.draw(**{**defaults, **options}), min_weight=None, k_core=0, say=lambda line: None)  # type: ignore[arg-type]


def test_counts_and_truth() -> None:
    d = draw()
    assert len(d.interactions) == 6000
    assert len(d.users) == 300
    key = d.interactions.user * len(d.items) + d.interactions.item
    assert len(np.unique(key)) == 6000
    assert d.truth is not None
    np.testing.assert_allclose(d.truth.alpha.sum(1), 1)
    np.testing.assert_allclose(d.truth.beta.sum(1), 1)
    assert d.truth.alpha.shape == (300, 4)
    assert d.truth.beta.shape == (4, len(d.items))


def test_users_take_what_their_segments_like() -> None:
    """Shares drawn follow alpha beta: the expected share of own-segment items is met within chance."""
    d = draw(interactions=3000, items=800)
    assert d.truth is not None
    home = d.truth.beta.argmax(0)
    first = d.truth.alpha.argmax(1)
    own = (home[d.interactions.item] == first[d.interactions.user]).mean()
    inside = np.array([d.truth.beta[:, home == k].sum(1) for k in range(4)])
    expected = np.mean([d.truth.alpha[u] @ inside[first[u]] for u in d.interactions.user])
    assert own == pytest.approx(expected, abs=0.03)


def test_popularity_is_skewed_and_seeds_differ() -> None:
    d = draw()
    counts = np.sort(np.bincount(d.interactions.item))[::-1]
    assert counts[:16].sum() > 2 * counts[-16:].sum()
    other = draw(seed=1)
    assert not np.array_equal(d.interactions.item, other.interactions.item)
    assert np.array_equal(d.interactions.item, draw().interactions.item)


def test_friends_are_alike_by_homophily() -> None:
    alike = []
    for homophily in (0.0, 0.9):
        raw = planted.draw(
            preset="easy", users=300, items=160, segments=4, interactions=6000, seed=0, homophily=homophily
        )
        assert raw.truth is not None
        assert raw.social is not None
        first = raw.truth.alpha.argmax(1)
        source, target = (raw.social[side].cast(int).to_numpy() for side in ("source", "target"))
        alike.append(float((first[source] == first[target]).mean()))
    assert alike[0] == pytest.approx(0.25, abs=0.05)
    assert alike[1] > 0.85


@pytest.mark.parametrize(
    "options", [{"preset": "soft"}, {"segments": 0}, {"interactions": 10}, {"interactions": 10**9}, {"segments": 1000}]
)
def test_what_cannot_be_drawn_is_one_sentence(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"data\."):
        draw(**options)


def test_negatives_are_not_the_users_own() -> None:
    g = np.random.default_rng(0)
    key = g.choice(30 * 20, 300, replace=False)
    p = Csr.of(key // 20, key % 20, (30, 20))
    users = torch.arange(30).repeat(20)
    drawn = batches.uniform_own(users, 4, p, Rng(0).at(3))
    assert not p.contains(users[:, None].expand_as(drawn), drawn).any()
    assert torch.equal(drawn, batches.uniform_own(users, 4, p, Rng(0).at(3)))
    assert not torch.equal(drawn, batches.uniform_own(users, 4, p, Rng(0).at(4)))
    free = [j for j in range(20) if not p.dense()[0, j]]
    mine = drawn[users == 0].flatten()
    assert set(mine.tolist()) == set(free)  # all of them, and none is favoured beyond chance
    share = torch.bincount(mine, minlength=20)[free].double() / len(mine)
    assert float((share - 1 / len(free)).abs().max()) < 0.15


def test_a_user_with_every_item_does_not_hang() -> None:
    p = Csr.of([0] * 5 + [1], [0, 1, 2, 3, 4, 0], (2, 5))
    drawn = batches.uniform_own(torch.tensor([0, 1]), 8, p, Rng(0))
    assert drawn.shape == (2, 8)
    assert (drawn[1] != 0).all()


def test_orders_and_in_batch_negatives() -> None:
    assert torch.equal(batches.order(50, Rng(0).at(1)).sort().values, torch.arange(50))
    assert not torch.equal(batches.order(50, Rng(0).at(1)), batches.order(50, Rng(0).at(2)))
    items = torch.tensor([4, 4, 7, 9])
    assert torch.equal(batches.in_batch(items, 10, Rng(0)), items)
    some = batches.in_batch(items, 2, Rng(0))
    assert len(some) == 2
    assert set(some.tolist()) <= {4, 7, 9}
    p = Csr.of([0, 1, 2], [0, 0, 1], (3, 3))
    torch.testing.assert_close(batches.log_popularity(p).exp(), torch.tensor([2 / 3, 1 / 3, 0.5 / 3]))
