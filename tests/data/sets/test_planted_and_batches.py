"""The planted truth holds; negatives never hang and never are the user's own."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import binom, chisquare, norm

from gnnseg.data import batches, cache, clean, split
from gnnseg.data.raw import Raw
from gnnseg.data.sets import drawing
from gnnseg.data.sets.planted import Planted
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Dataset, InputError


def draw(**options: object) -> Dataset:
    defaults = {
        "preset": "easy",
        "users": 300,
        "items": 160,
        "segments": 4,
        "interactions": 6000,
        "seed": 0,
    }
    return clean.build(
        Planted(**{**defaults, **options}).draw(), min_weight=None, k_core=0, say=lambda line: None
    )  # type: ignore[arg-type]


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
    """Shares drawn follow alpha beta: own-segment items are as many as expected, within chance."""
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


def raw(**options: Any) -> Raw:
    made = Planted(
        preset="easy", users=300, items=160, segments=4, interactions=6000, seed=0, **options
    )
    return made.draw()


def within(hits: int, of: int, chance: float) -> None:
    """A count that a binomial leaves only once in a million."""
    low, high = binom.interval(1 - 1e-6, of, chance)
    assert low <= hits <= high, (hits, of, chance)


@pytest.mark.parametrize("homophily", [0.0, 0.3, 0.6, 1.0])
def test_friends_are_of_one_segment_by_homophily_and_chance(homophily: float) -> None:
    drawn = raw(homophily=homophily)
    assert drawn.truth is not None
    assert drawn.social is not None
    first = drawn.truth.alpha.argmax(1)
    source, target = (drawn.social[side].cast(int).to_numpy() for side in ("source", "target"))
    # a friend is anybody but oneself, or anybody of one's segment of 75 but oneself; who is named
    # twice counts once
    same, other = homophily * 74 / 75 + (1 - homophily) * 74 / 300, (1 - homophily) * 225 / 300
    within(int((first[source] == first[target]).sum()), len(source), same / (same + other))


@pytest.mark.parametrize(("side", "name"), [("users", "group"), ("items", "category")])
@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0])
def test_a_class_tells_the_segment_as_often_as_it_says(side: str, name: str, signal: float) -> None:
    drawn = raw(**{f"{name}_signal": signal})
    assert drawn.truth is not None
    frame: pl.DataFrame = getattr(drawn, side)
    segment = drawn.truth.alpha.argmax(1) if side == "users" else drawn.truth.beta.argmax(0)
    label = Rng(0).child("planted").numpy(name).permutation(4)
    told = [f"{name} {label[k] + 1}" for k in segment]
    within(
        sum(a == b for a, b in zip(told, frame[name], strict=True)),
        len(frame),
        signal + (1 - signal) / 4,
    )


def recovered(drawn: Raw, signals: dict[str, float]) -> int:
    """Items whose nearest centre, over all modalities weighed by signal, is that of their home."""
    assert drawn.truth is not None
    assert drawn.items is not None
    likeness = np.zeros((160, 4))
    for name, signal in signals.items():
        vectors = np.array(drawn.items[name].to_list())
        apart = ((vectors[:, None, :] - signal * drawing.centres(name, 4, 0)) ** 2).sum(-1)
        likeness -= apart
    return int((likeness.argmax(1) == drawn.truth.beta.argmax(0)).sum())


def rate(signal: float, segments: int) -> float:
    """E[Phi(z + signal)^(K-1)] by adding up over a fine grid."""
    z = np.linspace(-9, 9, 20001)
    return float((norm.pdf(z) * norm.cdf(z + signal) ** (segments - 1)).sum() * (z[1] - z[0]))


@pytest.mark.parametrize(("image", "sound"), [(0.0, 0.0), (1.0, 2.0), (3.0, 0.5)])
def test_vectors_tell_the_home_at_the_expected_rate(image: float, sound: float) -> None:
    drawn = raw(image_signal=image, sound_signal=sound)
    if image:
        within(recovered(drawn, {"image": image}), 160, rate(image, 4))
        within(recovered(drawn, {"sound": sound}), 160, rate(sound, 4))
    within(
        recovered(drawn, {"image": image or 1e-9, "sound": sound or 1e-9}),
        160,
        rate(np.hypot(image, sound), 4),
    )
    c = drawing.centres("image", 4, 0)
    np.testing.assert_allclose(c @ c.T, np.eye(4), atol=1e-12)
    many = drawing.centres("image", 40, 0)
    np.testing.assert_allclose((many**2).sum(1), 1)


@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0])
def test_typed_edges_join_what_shares_a_segment_as_often_as_they_say(signal: float) -> None:
    """A brand's home is drawn apart, as ``relations`` draws it."""
    drawn = raw(relation_signal=signal)
    assert drawn.truth is not None
    home = np.empty(4 * drawing.BRANDS, dtype=int)
    lot = Rng(0).child("planted").numpy("relations").permutation(4 * drawing.BRANDS)
    home[lot] = np.repeat(np.arange(4), drawing.BRANDS)
    segments = {"item": drawn.truth.beta.argmax(0), "user": drawn.truth.alpha.argmax(1)}
    assert [r.name for r in drawn.relations] == ["made by", "follows"]
    for relation, each in zip(drawn.relations, (1, drawing.FOLLOWED), strict=True):
        segment = segments[relation.source_kind]
        assert relation.target_kind == "brand"
        source = relation.edges["source"].cast(int).to_numpy()
        brand = relation.edges["target"].str.strip_prefix("brand ").cast(int).to_numpy() - 1
        assert np.array_equal(np.unique(source), np.arange(len(segment)))
        same = int((home[brand] == segment[source]).sum())
        if each == 1:
            assert len(source) == len(segment)
            within(same, len(source), signal + (1 - signal) / 4)
        else:  # who is named twice counts once: own brands are named twice more often
            assert len(segment) < len(source) <= each * len(segment)
            once = np.bincount(source, home[brand] == segment[source]) > 0
            none = (1 - signal - (1 - signal) / 4) ** each
            within(int(once.sum()), len(segment), 1 - none)


def test_what_is_asked_for_beside_leaves_the_rest_as_it_was() -> None:
    plain = raw()
    more = raw(
        homophily=0.5,
        group_signal=0.5,
        category_signal=0.5,
        noise_columns=2,
        image_signal=1.0,
        sound_signal=1.0,
        relation_signal=0.5,
    )
    assert plain.events.equals(more.events)
    assert plain.relations == ()
    assert plain.truth is not None
    assert more.truth is not None
    np.testing.assert_array_equal(plain.truth.alpha, more.truth.alpha)
    for before, after in ((plain.users, more.users), (plain.items, more.items)):
        assert before is not None
        assert after is not None
        assert before.equals(after[before.columns])
    assert plain.users is not None
    assert more.users is not None
    assert more.items is not None
    assert plain.users.columns == ["id", "age"]
    assert more.users.columns == ["id", "age", "group", "noise 1", "noise 2"]
    assert more.items.columns == ["id", "name", "category", "noise 1", "noise 2", "image", "sound"]
    noise = np.array([more.users["noise 1"], more.users["noise 2"]])
    assert abs(np.corrcoef(noise)[0, 1]) < 0.3


def test_vectors_come_through_cleaning_and_cache_as_they_are(tmp_path: Path) -> None:
    drawn = raw(image_signal=1.0)
    d = clean.build(drawn, min_weight=None, k_core=0, say=lambda line: None)
    assert d.item_table is not None
    assert drawn.items is not None
    by_id = dict(zip(drawn.items["id"], drawn.items["image"].to_list(), strict=True))
    assert d.item_table.columns["image"].shape == (len(d.items), drawing.WIDTH)
    assert d.item_table.columns["image"].tolist() == [by_id[one] for one in d.items.ids]
    cache.save(tmp_path / "one.npz", d, print)
    again = cache.load(tmp_path / "one.npz", print)
    assert again is not None
    assert again.item_table is not None
    assert again.item_table.columns["image"].tolist() == d.item_table.columns["image"].tolist()
    settings = {
        "_target_": "gnnseg.data.split.RandomOverall",
        "seed": 0,
        "ratios": [0.8, 0.1, 0.1],
    }
    first, second = (split.make(one, settings).fingerprint for one in (d, again))
    assert first == second
    d.item_table.columns["image"][0][3] += 1e-12
    assert split.make(d, settings).fingerprint != first


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_segments_and_items_are_drawn_by_their_shares_one_by_one(
    noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "BLOCK", 7)
    g = np.random.default_rng(5)
    alpha = g.dirichlet(np.full(4, 0.2), size=9)
    alpha[3] = [0, 1, 0, 0]
    tastes = np.vstack([g.dirichlet(np.full(6, 0.5), size=4), np.full(6, 1 / 6)]).cumsum(1)
    user = g.integers(0, 9, 50)
    found = drawing._items(user, alpha, tastes, noise, np.random.default_rng(8))

    again = np.random.default_rng(8)
    drawn, astray = again.random(50), again.random(50) < noise
    kind = [
        4 if lost else min(sum(bool(number > upto) for upto in alpha[who].cumsum()), 3)
        for who, number, lost in zip(user, drawn, astray, strict=True)
    ]
    item = np.full(50, -1)
    for k in range(5):
        rows = [row for row in range(50) if kind[row] == k]
        for row, number in zip(rows, again.random(len(rows)) * tastes[k, -1], strict=True):
            item[row] = min(sum(bool(upto <= number) for upto in tastes[k]), 5)
    assert found.tolist() == item.tolist()


@pytest.mark.parametrize(
    "options",
    [
        {"preset": "soft"},
        {"segments": 0},
        {"interactions": 10},
        {"interactions": 10**9},
        {"segments": 1000},
        {"homophily": 1.5},
        {"group_signal": -0.1},
        {"category_signal": 2.0},
        {"relation_signal": 1.1},
        {"noise_columns": -1},
        {"image_signal": -1.0},
        {"sound_signal": float("inf")},
        {"sound_signal": float("nan")},
    ],
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
    many = batches.uniform_own(torch.arange(30), 4000, p, Rng(1))
    for user, drawn in enumerate(many):  # all of them, and none is favoured beyond chance
        free = [j for j in range(20) if not p.dense()[user, j]]
        times = torch.bincount(drawn, minlength=20)
        assert set(drawn.tolist()) == set(free)
        assert chisquare(times[free].numpy()).pvalue > 1e-4


def test_a_user_with_every_item_does_not_hang() -> None:
    p = Csr.of([0] * 5 + [1], [0, 1, 2, 3, 4, 0], (2, 5))
    drawn = batches.uniform_own(torch.tensor([0, 1]), 60, p, Rng(0))
    assert drawn.shape == (2, 60)
    assert len(drawn[0].unique()) > 2
    assert set(drawn[1].tolist()) == {1, 2, 3, 4}


def test_pairs_are_drawn_as_often_as_they_weigh() -> None:
    weight = torch.tensor([3.0, 0.0, 1.0, 2.0]).repeat(500)
    drawn = torch.cat([batches.by_weight(weight, Rng(0).at(epoch)) for epoch in range(20)])
    times = torch.bincount(drawn % 4, minlength=4)
    assert times[1] == 0
    for count, share in zip(times.tolist(), (1 / 2, 0, 1 / 6, 1 / 3), strict=True):
        assert binom.cdf(count, len(drawn), share) > 1e-4
        assert binom.sf(count - 1, len(drawn), share) > 1e-4
    assert len(drawn.unique()) == 1500
    assert torch.equal(
        batches.by_weight(weight, Rng(0).at(1)), batches.by_weight(weight, Rng(0).at(1))
    )
    assert not torch.equal(
        batches.by_weight(weight, Rng(0).at(1)), batches.by_weight(weight, Rng(0).at(2))
    )


def test_orders_and_in_batch_negatives() -> None:
    assert torch.equal(batches.order(50, Rng(0).at(1), "cpu").sort().values, torch.arange(50))
    orders = [batches.order(50, Rng(0).at(epoch), "cpu") for epoch in (1, 2)]
    assert not torch.equal(*orders)
    items = torch.tensor([4, 4, 7, 9])
    assert torch.equal(batches.in_batch(items, 10, Rng(0)), items)
    some = batches.in_batch(items, 2, Rng(0))
    assert len(some) == 2
    assert set(some.tolist()) <= {4, 7, 9}
    held = torch.tensor([0, 0, 1])
    alike = batches.log_popularity(held, torch.ones(3) / 3, 3)
    torch.testing.assert_close(alike.exp(), torch.tensor([2 / 3, 1 / 3, 0.5 / 3]))
    weighed = batches.log_popularity(held, torch.tensor([0.5, 0.25, 0.05]), 3)
    torch.testing.assert_close(weighed.exp(), torch.tensor([0.75 / 0.8, 0.05 / 0.8, 0.5 / 3]))
