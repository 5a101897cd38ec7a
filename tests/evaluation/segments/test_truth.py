"""Recovery of planted segments: all matchings, a posterior by loops, and limiting cases."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gnnseg.data.sets.planted import Planted
from gnnseg.evaluation.segments import agreement, recovery
from gnnseg.evaluation.segments.truth import bayes, match, taste
from gnnseg.rng import Rng
from gnnseg.types import Pairs, Truth


def drawn(users: int = 20, items: int = 12, k: int = 3, seed: int = 0) -> tuple[Truth, Pairs]:
    g = np.random.default_rng(seed)
    truth = Truth(g.dirichlet(np.full(k, 0.3), users), g.dirichlet(np.full(items, 0.3), k))
    key = np.sort(g.choice(users * items, users * 4, replace=False))
    one = np.ones(len(key))
    return truth, Pairs(key // items, key % items, one, one.astype(np.int64))


@pytest.mark.parametrize(("k", "true_k"), [(3, 3), (4, 3), (2, 4)])
def test_the_matching_is_the_best_of_all(k: int, true_k: int) -> None:
    g = np.random.default_rng(k)
    mine, theirs = g.dirichlet(np.ones(k), 15), g.dirichlet(np.ones(true_k), 15)
    wide = max(k, true_k)
    a, b = (np.pad(x, ((0, 0), (0, wide - x.shape[1]))) for x in (mine, theirs))
    every = [
        np.mean([sum(abs(a[i, c] - b[i, order[c]]) for c in range(wide)) / 2 for i in range(15)])
        for order in itertools.permutations(range(wide))
    ]
    found = match(mine, theirs)
    assert found.tv == pytest.approx(min(every))
    assert len(found.found) == len(found.drawn) == min(k, true_k)


def test_renumbered_truth_is_no_error() -> None:
    truth, train = drawn()
    order = [2, 0, 1]
    alpha, beta = torch.from_numpy(truth.alpha[:, order]), torch.from_numpy(truth.beta[order])
    scorer = SimpleNamespace(kind="distribution", beta=beta, alpha=alpha)
    found = recovery(scorer, truth, train, alpha, Rng(0))
    assert found["segment/truth_alpha_tv"] == pytest.approx(0)
    assert found["segment/truth_beta_tv"] == pytest.approx(0)
    assert 0 < found["segment/bayes_alpha_tv"] < 1
    scorer.kind = "affinity"
    assert math.isnan(recovery(scorer, truth, train, alpha, Rng(0))["segment/truth_beta_tv"])


def test_who_is_in_no_segment_moves_no_figure_of_recovery() -> None:
    truth, train = drawn()
    placed = np.arange(len(truth.alpha)) % 4 != 0
    mine = np.random.default_rng(2).dirichlet(np.full(3, 0.3), len(truth.alpha))
    scorer = SimpleNamespace(kind="distribution", beta=torch.from_numpy(truth.beta), alpha=None)

    def found(unplaced: list[float]) -> dict[str, float]:
        alpha = np.where(placed[:, None], mine, unplaced)
        return recovery(scorer, truth, train, torch.from_numpy(alpha), Rng(0), placed)

    even, one = found([1 / 3] * 3), found([1.0, 0.0, 0.0])
    assert even == one
    some = match(mine[placed], truth.alpha[placed])
    assert even["segment/truth_alpha_tv"] == pytest.approx(some.tv)
    best = bayes(truth, train, Rng(0))
    apart = np.abs(best.alpha - truth.alpha).sum(1)[placed].mean() / 2
    assert even["segment/bayes_alpha_tv"] == pytest.approx(apart)
    everybody = recovery(scorer, truth, train, torch.from_numpy(mine), Rng(0))
    assert everybody["segment/truth_alpha_tv"] != even["segment/truth_alpha_tv"]


def test_errors_are_mean_total_variations() -> None:
    """Each by a loop: half of what two distributions differ by, over users and over segments."""
    truth, train = drawn()
    beta = np.random.default_rng(1).dirichlet(np.ones(truth.beta.shape[1]), len(truth.beta))
    alpha = torch.from_numpy(truth.alpha)
    scorer = SimpleNamespace(kind="distribution", beta=torch.from_numpy(beta), alpha=alpha)
    found = recovery(scorer, truth, train, alpha, Rng(0))
    apart = [
        sum(abs(a - b) for a, b in zip(*rows, strict=True)) / 2
        for rows in zip(beta, truth.beta, strict=True)
    ]
    assert found["segment/truth_beta_tv"] == pytest.approx(sum(apart) / len(apart))
    best = bayes(truth, train, Rng(0)).alpha
    apart = [
        sum(abs(a - b) for a, b in zip(*rows, strict=True)) / 2
        for rows in zip(best, truth.alpha, strict=True)
    ]
    assert found["segment/bayes_alpha_tv"] == pytest.approx(sum(apart) / len(apart))


def test_membership_is_turned_by_bayes_rule() -> None:
    _, train = drawn()
    count = np.bincount(train.item, minlength=12)
    beta = np.random.default_rng(0).dirichlet(np.ones(3), 12).T  # P(segment | item)
    found = taste(SimpleNamespace(kind="membership", beta=torch.from_numpy(beta)), train)
    assert found is not None
    for k in range(3):
        whole = sum(beta[k, j] * count[j] for j in range(12))
        assert found[k].tolist() == pytest.approx(
            [beta[k, j] * count[j] / whole for j in range(12)]
        )


def test_the_posterior_equals_a_loop() -> None:
    truth, train = drawn()
    found = bayes(truth, train, Rng(0))
    for i in range(20):
        taken = train.item[train.user == i]
        weight = [
            0.0 if u == i else math.prod(float(truth.alpha[u] @ truth.beta[:, j]) for j in taken)
            for u in range(20)
        ]
        whole = sum(weight)
        first = [
            sum(w for w, a in zip(weight, truth.alpha, strict=True) if a.argmax() == k) / whole
            for k in range(3)
        ]
        mean = sum(w * a for w, a in zip(weight, truth.alpha, strict=True)) / whole
        assert found.first[i] == int(np.argmax(first))
        assert found.alpha[i].tolist() == pytest.approx(mean.tolist(), abs=1e-5)


def test_nobody_assigns_better_than_the_truth_allows() -> None:
    """Of hard blocks, the posterior is that of a mixture whose shares are the segments' sizes."""
    g = np.random.default_rng(3)
    first = np.arange(300) % 3
    beta = g.dirichlet(np.full(30, 0.5), 3)
    item = np.array([g.choice(30, p=beta[k]) for k in np.repeat(first, 4)])
    key = np.unique(np.repeat(np.arange(300), 4) * 30 + item)
    one = np.ones(len(key))
    train = Pairs(key // 30, key % 30, one, one.astype(np.int64))
    found = bayes(Truth(np.eye(3)[first], beta), train, Rng(0))
    taken = np.zeros((300, 30))
    taken[train.user, train.item] = 1
    mixture = (taken @ np.log(np.maximum(beta, 1e-30)).T).argmax(1)
    assert (found.first == mixture).mean() > 0.98
    best = agreement(found.first, first)["ari"]
    for wrong in (0.05, 0.2):
        other = np.where(g.random(300) < wrong, g.integers(3, size=300), found.first)
        assert agreement(other, first)["ari"] <= best + 0.02


def test_a_sample_stands_for_the_prior_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = Planted(users=300, items=60, segments=3, interactions=4000).draw()
    assert raw.truth is not None
    user, item = (raw.events[name].cast(int).to_numpy() for name in ("user", "item"))
    one = np.ones(len(user))
    train = Pairs(user, item, one, one.astype(np.int64))
    whole = bayes(raw.truth, train, Rng(0))
    monkeypatch.setattr("gnnseg.evaluation.segments.truth.PRIOR", 200)
    some = bayes(raw.truth, train, Rng(0))
    assert (whole.first == some.first).mean() > 0.97
    assert np.abs(whole.alpha - some.alpha).mean() < 0.02


def test_a_user_without_training_has_the_prior() -> None:
    truth, train = drawn()
    keep = train.user != 5
    less = Pairs(train.user[keep], train.item[keep], train.weight[keep], train.count[keep])
    others = np.delete(truth.alpha, 5, axis=0).mean(0)
    assert bayes(truth, less, Rng(0)).alpha[5].tolist() == pytest.approx(others.tolist())
