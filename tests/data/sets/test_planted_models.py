"""The models that plant a truth, against what they say of themselves.

Shape legend: U users, I items, K segments.
"""

import hashlib
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from gnnseg.data.raw import Raw
from gnnseg.data.sets import drawing, parameters
from gnnseg.data.sets.parameters import Recipe
from gnnseg.data.sets.planted import Planted
from gnnseg.rng import Rng
from gnnseg.types import InputError

KINDS: dict[str, dict[str, Any]] = {
    "mixture": {"skew": 0.9, "overlap": 0.2},
    "blocks": {"model": "blocks"},
    "mixed blocks": {"model": "blocks", "overlap": 0.3, "inequality": 1.0},
    "lda": {"model": "lda"},
    "unequal lda": {"model": "lda", "inequality": 0.8, "preset": "hard"},
    "nested": {"groups": 3, "nesting": 0.6},
    "nested unequal blocks": {"model": "blocks", "groups": 2, "inequality": 0.7},
    "random": {"model": "blocks", "random_edges": 0.3},
}


def draw(**options: Any) -> Raw:
    sizes = {"users": 300, "items": 600, "segments": 6, "interactions": 6000}
    return Planted(**{**sizes, **options}).draw()


def counted(drawn: Raw) -> np.ndarray[Any, Any]:
    """0 and 1, (U,I)."""
    assert drawn.truth is not None
    found = np.zeros((len(drawn.truth.alpha), drawn.truth.beta.shape[1]))
    found[drawn.events["user"].cast(int).to_numpy(), drawn.events["item"].cast(int).to_numpy()] = 1
    return found


def expected(rec_UI: np.ndarray[Any, Any], degree_U: np.ndarray[Any, Any]) -> Any:
    """Chance of each pair, where a user's events are drawn until d_i different ones are there:
    1 - exp(-n_i rec_ij), n_i by bisection."""
    low, high = np.zeros(len(rec_UI)), np.full(len(rec_UI), 1e6)
    for _ in range(45):
        middle = (low + high) / 2
        over = -np.expm1(-middle[:, None] * rec_UI).sum(1) > degree_U
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return -np.expm1(-low[:, None] * rec_UI)


def plausible(seen: Any, mean: Any, variance: Any) -> None:
    """Sums that a normal law leaves once in a million."""
    z2 = (seen - mean) ** 2 / variance
    low, high = chi2.interval(1 - 1e-6, z2.size)
    assert low <= z2.sum() <= high, (z2.sum(), z2.size)


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_fall_where_the_truth_says(kind: str) -> None:
    """Item degrees, and what each segment's users take of each segment's favourites."""
    drawn = draw(**KINDS[kind])
    assert drawn.truth is not None
    taken, rec = counted(drawn), drawn.truth.alpha @ drawn.truth.beta
    np.testing.assert_allclose(rec.sum(1), 1)
    chance = expected(rec, taken.sum(1))
    spread = chance * (1 - chance)
    often = chance.sum(0) > 5
    plausible(taken.sum(0)[often], chance.sum(0)[often], spread.sum(0)[often])
    user = np.eye(6)[drawn.truth.alpha.argmax(1)]
    item = np.eye(6)[drawn.truth.beta.argmax(0)]
    block = [user.T @ one @ item for one in (taken, chance, spread)]
    # a truth that is wrong by a renumbering of the segments' tastes is refused
    plausible(*block)
    wrong = expected(drawn.truth.alpha @ np.roll(drawn.truth.beta, 1, axis=0), taken.sum(1))
    with pytest.raises(AssertionError):
        plausible(block[0], user.T @ wrong @ item, block[2])


@pytest.mark.parametrize(
    ("preset", "pairs"), [("easy", "e4f0f64bea3f7a36"), ("hard", "f933990a59605f4b")]
)
def test_the_mixture_is_what_was_drawn_before_there_were_others(preset: str, pairs: str) -> None:
    events = draw(preset=preset).events
    columns = [events[side].cast(int).to_numpy() for side in ("user", "item")]
    content = np.stack(columns, axis=1).astype("<i8").tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == pairs


def test_blocks_are_karrer_and_newmans() -> None:
    """Rates are theta_i phi_j omega[g_i, h_j], and their sums the degrees: all by a loop."""
    recipe = Recipe(overlap=0.0, skew=0.8, activity=0.6, inequality=1.0)
    p = parameters.blocks(60, 45, 3, recipe, np.random.default_rng(0))
    noise = 0.2
    rate = p.activity[:, None] * ((1 - noise) * p.alpha @ p.beta + noise * p.popularity)
    g, h = p.alpha.argmax(1), p.beta.argmax(0)
    degree = rate.sum(0)
    for k in range(3):
        for own in range(3):
            within = rate[np.ix_(g == k, h == own)]
            scaled = within / p.activity[g == k][:, None] / degree[h == own]
            np.testing.assert_allclose(scaled, scaled.flat[0])
    np.testing.assert_allclose(rate.sum(1), p.activity)
    # without blocks the same degrees: noise is the null model
    np.testing.assert_allclose(degree, p.popularity)
    np.testing.assert_allclose(
        np.sort(p.activity)[::-1] * np.arange(1, 61) ** 0.6, p.activity.max()
    )


def test_degrees_follow_the_activity() -> None:
    recipe = Recipe(overlap=0.0, skew=0.5, activity=0.5)
    p = parameters.blocks(300, 4000, 3, recipe, np.random.default_rng(0))
    user, _ = drawing.pairs(
        p.alpha, p.beta, p.popularity, 0.3, p.activity, 15_000, np.random.default_rng(1)
    )
    degree = np.bincount(user, minlength=300)
    rec = 0.7 * p.alpha @ p.beta + 0.3 * p.popularity
    share = expected(rec.reshape(1, -1) * p.activity.repeat(4000), np.array([15_000]))
    mean = share.reshape(300, 4000).sum(1)
    # one event of everybody's stands at the beginning, the rest come by activity
    assert np.corrcoef(degree, mean)[0, 1] > 0.98
    assert np.abs(degree - mean).mean() < 6


def test_lda_overlaps_as_it_says() -> None:
    for segments in (2, 5, 16):
        alike = np.ones(segments)  # a broken stick: the largest piece has H_K / K
        largest = (1 / np.arange(1, segments + 1)).sum() / segments
        assert parameters.expected_largest(alike) == pytest.approx(largest, abs=1e-5)
    for overlap in (0.05, 0.35):
        share = parameters.shares(8, 1.0)
        a = parameters.concentration(share, overlap)
        drawn = np.random.default_rng(0).dirichlet(a * share, size=20_000)
        assert 1 - drawn.max(1).mean() == pytest.approx(overlap, abs=0.005)
        np.testing.assert_allclose(drawn.mean(0), share, atol=0.02)
    recipe = Recipe(overlap=0.1, skew=1, activity=0)
    alone = parameters.lda(20, 30, 1, recipe, np.random.default_rng(0))
    np.testing.assert_allclose(alone.alpha, 1)


@pytest.mark.parametrize("inequality", [0.0, 0.5, 2.0])
def test_sizes_are_by_zipfs_law(inequality: float) -> None:
    sizes = parameters.sizes(1000, 7, inequality)
    assert sizes.sum() == 1000
    assert sizes.min() >= 1
    assert (np.diff(sizes) <= 0).all()
    np.testing.assert_allclose(sizes / 1000, parameters.shares(7, inequality), atol=8e-3)
    first = parameters.firsts(1000, 7, inequality, np.random.default_rng(0))
    assert abs(np.sort(np.bincount(first))[::-1] - sizes).max() <= 1


def test_nested_segments_share_the_taste_of_their_group() -> None:
    beta = np.random.default_rng(0).dirichlet(np.full(30, 0.1), size=6)
    found = parameters.nested(beta, 2, 0.6)
    for k in range(6):
        children = [0, 1, 2] if k < 3 else [3, 4, 5]
        np.testing.assert_allclose(found[k], 0.4 * beta[k] + 0.6 * beta[children].mean(0))
    np.testing.assert_array_equal(parameters.nested(beta, 2, 0.0), beta)
    np.testing.assert_allclose(parameters.nested(beta, 6, 0.9), beta)


def test_missing_pairs_are_lost_at_random_and_nobody_is() -> None:
    whole, less = draw(model="blocks"), draw(model="blocks", missing_edges=0.3)
    before, after = counted(whole), counted(less)
    assert ((before - after) >= 0).all()
    assert after.sum() == before.sum() - round(0.3 * before.sum())
    assert after.sum(1).min() >= 1
    assert whole.truth is not None
    assert less.truth is not None
    np.testing.assert_array_equal(whole.truth.beta, less.truth.beta)
    many = before.sum(1) >= 10
    lost = 1 - after[many].sum(1) / before[many].sum(1)
    assert lost.mean() == pytest.approx(0.3, abs=0.03)
    kept = drawing.thinned(np.arange(5), np.arange(5), 0.9, Rng(0))
    assert kept[0].tolist() == [0, 1, 2, 3, 4]


def test_more_noise_overlap_or_random_items_blur_the_blocks() -> None:
    def inside(**options: Any) -> float:
        drawn = draw(**{"model": "blocks", "noise": 0.1, **options})
        assert drawn.truth is not None
        same = drawn.truth.alpha.argmax(1)[:, None] == drawn.truth.beta.argmax(0)
        return float((counted(drawn) * same).sum() / len(drawn.events))

    plain = inside()
    # five of six random items are of another block than the user
    assert inside(random_edges=0.3) == pytest.approx(plain - 0.3 * (plain - 1 / 6), abs=0.03)
    assert inside(noise=0.4) == pytest.approx(plain - 0.3 * (1 - 1 / 6), abs=0.03)
    assert inside(overlap=0.3) < plain - 0.1


def test_a_preset_is_what_is_not_set() -> None:
    easy = draw(preset="easy")
    same = draw(preset="hard", noise=0.05, overlap=0.1, skew=0.6, activity=0.3)
    assert easy.events.equals(same.events)
    assert not easy.events.equals(draw(preset="medium").events)
    assert draw(model="blocks", preset="hard").truth.alpha.max(1).min() == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "options",
    [
        {"model": "sbm"},
        {"groups": 4},
        {"groups": 0},
        {"nesting": 1.5},
        {"inequality": -1.0},
        {"noise": 2.0},
        {"overlap": 0.6},
        {"overlap": -0.1},
        {"model": "lda", "overlap": 0.9},
        {"model": "lda", "overlap": 0.0},
        {"skew": -1.0},
        {"activity": float("nan")},
        {"random_edges": 1.1},
        {"missing_edges": 1.0},
    ],
)
def test_what_cannot_be_planted_is_one_sentence(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"data\."):
        draw(**options)


def test_users_without_a_pair_get_theirs_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """More users than pairs leave many without: their liking of every item is no one matrix."""
    g = np.random.default_rng(0)
    alpha, beta = g.dirichlet(np.ones(4), 900), g.dirichlet(np.ones(50), 4)

    def drawn() -> np.ndarray:
        even = np.ones(900)
        return np.stack(
            drawing.pairs(alpha, beta, beta.mean(0), 0.0, even, 600, np.random.default_rng(1))
        )

    whole = drawn()
    assert len(np.unique(whole[0])) == 900
    monkeypatch.setattr(drawing, "LIKINGS", 120)
    np.testing.assert_array_equal(drawn(), whole)
