"""The simulator against its formulas, Gymnasium's own checker, and itself a second time."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from gnnseg.data.sets.answers import CEILING
from gnnseg.models.heads import Segments
from gnnseg.rng import Rng
from gnnseg.simulator import Crowd, Manner, Simulator, drawn, greedy, served
from gnnseg.types import Embeddings, InputError, Policy, Shape

pytestmark = pytest.mark.slow

SMALL = ["data.users=40", "data.items=30", "data.segments=3", "data.interactions=200"]


def simulator(**settings: Any) -> Simulator:
    return Simulator.planted(SMALL, **settings)


def crowd(**manner: float) -> Crowd:
    return Crowd.of(simulator().data, Manner(**manner))


def policy(users: int = 40, items: int = 30) -> Policy:
    head = Segments(
        Shape(users, items, torch.ones(items), width=8), Rng(0), segments=3, beta="distribution",
        tied=False, top=None,
        centre=True, tau_alpha=0.3, tau_beta=0.2, tau=0.1,
    )  # fmt: skip
    g = torch.Generator().manual_seed(0)
    user, item = torch.randn(users, 8, generator=g), torch.randn(items, 8, generator=g)
    scorer = head(Embeddings(user, item, user, item))
    assert isinstance(scorer, Policy)
    return scorer


@pytest.mark.parametrize(
    "settings", [{}, {"length": 3, "position": 1.0, "drift": 0.1, "saturation": 0.5, "rounds": 4}]
)
def test_gymnasiums_own_checker_finds_nothing(settings: dict[str, Any]) -> None:
    check_env(simulator(**settings), skip_render_check=True)


def test_an_episode_is_what_seed_and_slates_make_it() -> None:
    sim, seen = simulator(length=2, rounds=3, drift=0.2, saturation=1.0), []
    for _ in range(2):
        state, info = sim.reset(seed=5, options={"user": sim.data.users.ids[7]})
        assert (state["user"], state["round"], info["user"]) == (7, 0, sim.data.users.ids[7])
        episode = []
        for slate in ([0, 1], [2, 3], [4, 5]):
            state, reward, terminated, truncated, info = sim.step(np.array(slate))
            assert reward == info["rewards"].sum()
            assert (
                (info["rewards"] > 0).tolist()
                == (info["clicks"] == 1).tolist()
                == (state["clicks"] == 1).tolist()
            )
            episode.append((reward, info["expected"], truncated))
        assert [truncated for *_, truncated in episode] == [False, False, True]
        assert not terminated
        seen.append(episode)
    assert seen[0] == seen[1]


def test_what_is_no_user_and_no_slate_is_said() -> None:
    sim = simulator(length=2)
    with pytest.raises(InputError, match="call reset first"):
        sim.step(np.array([0, 1]))
    with pytest.raises(InputError, match="user 'nobody' is not in planted; give one of its 40 ids"):
        sim.reset(options={"user": "nobody"})
    with pytest.raises(InputError, match="options: users is not among them"):
        sim.reset(options={"users": "1"})
    sim.reset(seed=0)
    for slate in ([0], [0, 30], [0.5, 1.0]):
        with pytest.raises(InputError, match="a slate is 2 whole numbers from 0 to 29"):
            sim.step(np.array(slate))
    for wrong in ({"length": 31}, {"rounds": 0}, {"drift": 1.5}, {"position": -1.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            simulator(**wrong)


def test_chances_are_their_formula() -> None:
    c = crowd(position=0.7, drift=0.3, saturation=0.9)
    a, users, slates = c.answers, np.array([3, 8]), np.array([[0, 4, 0], [9, 2, 1]])
    taste, tired, has = a.alpha.copy(), np.zeros_like(a.alpha), c.has_UI.copy()
    for visit in range(4):
        found = c.at_places(users, slates)
        for b, u in enumerate(users):
            rec = [sum(taste[u, k] * a.beta[k, j] for k in range(3)) for j in range(30)]
            for p, j in enumerate(slates[b]):
                home = [a.beta[k, j] / a.beta[:, j].sum() for k in range(3)]
                fatigue = sum(h * f for h, f in zip(home, tired[u], strict=True))
                one = CEILING * rec[j] / max(rec) * np.exp(-0.9 * fatigue) * (p + 1) ** -0.7
                assert found[b, p] == pytest.approx(0.0 if has[u, j] or j in slates[b][:p] else one)
        clicks, rewards = c.show(users, slates, np.random.default_rng(visit))
        np.testing.assert_allclose(rewards, clicks * a.value[slates])
        for b, u in enumerate(users):
            shown = np.mean([a.beta[:, j] / a.beta[:, j].sum() for j in slates[b]], axis=0)
            taste[u] = 0.7 * taste[u] + 0.3 * shown
            tired[u] = 0.5 * tired[u] + shown
            has[u, slates[b][clicks[b]]] = True
    assert bool((c.has_UI == has).all())


def test_the_value_by_summation_is_what_roll_outs_of_one_visit_earn() -> None:
    c, p = crowd(), policy()
    exact = c.value(served(p, c.has_UI)).mean()
    mean, error = c.long_value(drawn(p, 1), rounds=1, times=400, rng=Rng(0))
    assert abs(mean - exact) < 4 * error
    assert error < 0.05 * exact
    best = c.optimum().mean()
    assert c.value(served(p, c.has_UI)).mean() < best
    g = np.random.default_rng(1)
    for _ in range(20):
        chosen = np.eye(30)[g.integers(30, size=40)]
        assert c.value(chosen).mean() <= best


@pytest.mark.slow
def test_a_long_value_is_the_sum_over_all_that_may_come() -> None:
    """One user, two visits, three items: every course of clicks, by hand."""
    c = crowd(drift=0.4, saturation=0.8, position=0.5).alone(2)
    first, second = np.array([[4, 7]]), np.array([[7, 9]])
    total, one = 0.0, np.zeros(1, dtype=np.int64)
    for clicks in itertools.product((False, True), repeat=2):
        c.begin()
        chance = c.at_places(one, first)[0]
        likely = np.prod([x if hit else 1 - x for x, hit in zip(chance, clicks, strict=True)])
        c.show(one, first, Fixed(clicks))  # type: ignore[arg-type]
        later = c.at_places(one, second)[0] @ c.answers.value[second[0]]
        total += likely * (np.array(clicks) @ c.answers.value[first[0]] + later)
    slates = iter(itertools.cycle([first, second]))
    mean, error = c.long_value(lambda users, has, g: next(slates), rounds=2, times=4000, rng=Rng(0))
    assert abs(mean - total) < 4 * error


class Fixed:
    """A generator that makes these clicks and no others."""

    def __init__(self, clicks: tuple[bool, ...]) -> None:
        self.clicks = clicks

    def random(self, shape: tuple[int, ...]) -> Any:
        return np.where(self.clicks, -1.0, 2.0).reshape(shape)


def test_slates_are_the_policys_and_hold_nothing_twice() -> None:
    c, p = crowd(), policy()
    users = np.arange(40)
    best = greedy(p, 5)(users, c.has_UI, np.random.default_rng(0))
    some = drawn(p, 5)(users, c.has_UI, np.random.default_rng(0))
    for slates in (best, some):
        assert all(len(set(row)) == 5 for row in slates.tolist())
        assert not np.take_along_axis(c.has_UI, slates, 1).any()
    probabilities = served(p, c.has_UI)
    np.testing.assert_array_equal(best[:, 0], probabilities.argmax(1))
    many = drawn(p, 1)
    g = np.random.default_rng(1)
    counts = np.zeros(30)
    for _ in range(3000):
        counts[many(users[:1], c.has_UI[:1], g)[0, 0]] += 1
    assert np.abs(counts / 3000 - probabilities[0]).max() < 0.04


def test_tastes_drift_and_tire() -> None:
    c = crowd(drift=0.2, saturation=1.0)
    home = int(c.home_IK[:, 0].argmax())
    users, slates = np.arange(40), np.full((40, 1), home)
    before = c.alpha_UK[:, 0].copy()
    fresh = c.chance(users)[:, home].copy()
    for _ in range(3):
        c.show(users, slates, np.random.default_rng(0))
    assert bool((c.alpha_UK[:, 0] >= before - 1e-12).all())
    np.testing.assert_allclose(c.alpha_UK.sum(1), 1.0)
    lovers = before > 0.9
    assert bool(
        (c.chance(users)[lovers, home] < fresh[lovers]).all()
    )  # tired of it, though they like it more
    c.begin()
    np.testing.assert_allclose(c.chance(users)[:, home], fresh)
