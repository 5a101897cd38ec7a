"""Off-policy estimates against one-number-at-a-time oracles, exact expectations, and what is
refused."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from gnnseg.evaluation import offpolicy
from gnnseg.models.heads import Segments
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Embeddings, InputError, Log, Policy, Shape

U, I, K, D = 6, 9, 3, 4
SEEN = Csr.of([0, 1, 1, 5], [2, 0, 8, 4], (U, I))


@cache
def policy() -> Policy:
    g = torch.Generator().manual_seed(0)
    head = Segments(
        Shape(U, I, torch.arange(1, I + 1), width=D), Rng(0), segments=K, beta="distribution",
        tied=False, top=None, centre=True,
        tau_alpha=0.4, tau_beta=0.5, tau=0.3,
    )  # fmt: skip
    user, item = torch.randn(U, D, generator=g), torch.randn(I, D, generator=g)
    with torch.no_grad():
        scorer = head(Embeddings(user, item, user, item))
        assert isinstance(scorer, Policy)
        scorer.alpha, scorer.beta  # noqa: B018 (kept)
    return scorer


def logger() -> np.ndarray[Any, Any]:
    chance = np.random.default_rng(3).random((U, I)) + 0.2
    chance[SEEN.row.numpy(), SEEN.column.numpy()] = 0
    found: np.ndarray[Any, Any] = chance / chance.sum(1, keepdims=True)
    return found


def truth() -> np.ndarray[Any, Any]:
    """Chance of a reward of 1."""
    found: np.ndarray[Any, Any] = np.random.default_rng(4).random((U, I))
    return found


def log_of(rows: int, seed: int) -> Log:
    g, p = np.random.default_rng(seed), logger()
    user = g.integers(U, size=rows)
    item = np.array([g.choice(I, p=p[u]) for u in user])
    reward = (g.random(rows) < truth()[user, item]).astype(np.float64)
    return Log(
        slate=np.arange(rows) // 2,
        user=user,
        item=item,
        position=np.ones(rows, dtype=np.int64),
        reward=reward,
        propensity=p[user, item],
    )


def test_estimators_are_their_formulas() -> None:
    log = log_of(200, 0)
    r = offpolicy.rows(policy(), log, SEEN, Rng(0))
    found = offpolicy.estimate(r, Rng(0), switch=1.2, cap=1.5, rounds=50)
    pi = offpolicy.served(policy(), torch.arange(U), SEEN)
    assert np.allclose(pi.sum(1), 1)
    assert np.allclose(pi[SEEN.row.numpy(), SEEN.column.numpy()], 0)
    sums = dict.fromkeys(("dm", "ips", "w", "dr", "switch", "capped", "reward"), 0.0)
    assert log.propensity is not None
    for n in range(len(log)):
        w = pi[log.user[n], log.item[n]] / log.propensity[n]
        assert r.weight[n] == pytest.approx(w, rel=1e-4)
        reward, q, d = float(log.reward[n]), float(r.model[n]), float(r.direct[n])
        sums["dm"] += d
        sums["ips"] += w * reward
        sums["w"] += w
        sums["dr"] += d + w * (reward - q)
        sums["switch"] += d + (w * (reward - q) if w <= 1.2 else 0.0)
        sums["capped"] += min(w, 1.5) * reward
        sums["reward"] += reward
    n = len(log)
    for name, value in (
        ("dm", sums["dm"] / n), ("ips", sums["ips"] / n), ("snips", sums["ips"] / sums["w"]),
        ("dr", sums["dr"] / n),
        ("switch-dr", sums["switch"] / n), ("ips, weights up to 1.5", sums["capped"] / n),
        ("logger", sums["reward"] / n),
    ):  # fmt: skip
        assert found[name].value == pytest.approx(value, rel=1e-4)
        assert found[name].low <= found[name].value <= found[name].high


def test_the_reward_model_is_its_formula_and_never_fitted_to_its_own_slate() -> None:
    log = log_of(60, 1)
    alpha = policy().alpha.double().numpy()
    model = offpolicy.SegmentMeans(alpha, log, I)
    assert log.propensity is not None
    inverse = 1 / log.propensity

    def mean(rows: list[int], a: np.ndarray[Any, Any], usual: float, prior: float) -> float:
        size = sum(a[n] * inverse[n] for n in rows)
        showings = size**2 / sum(a[n] * inverse[n] ** 2 for n in rows) if rows else 0.0
        own = sum(a[n] * inverse[n] * log.reward[n] for n in rows) / size if rows else 0.0
        return float((showings * own + prior * usual) / (showings + prior))

    usual = mean(list(range(60)), np.ones(60), 0.0, 0.0)
    for j in range(I):
        rows = [n for n in range(60) if log.item[n] == j]
        for k in range(K):
            own = mean(rows, np.ones(60), usual, 10.0)
            assert model.mean_KI[k, j] == pytest.approx(mean(rows, alpha[log.user, k], own, 10.0))
    before = offpolicy.rows(policy(), log, SEEN, Rng(0)).model
    reward = log.reward.copy()
    reward[:2] = 100.0  # the first slate
    after = offpolicy.rows(policy(), replace(log, reward=reward), SEEN, Rng(0)).model
    assert np.array_equal(before[:2], after[:2])
    assert not np.array_equal(before, after)


def test_over_many_logs_ips_and_dr_hit_the_value_and_intervals_cover_it() -> None:
    pi = offpolicy.served(policy(), torch.arange(U), SEEN)
    value = float((pi * truth()).sum(1).mean())
    found: dict[str, list[float]] = {name: [] for name in ("ips", "snips", "dr")}
    inside = dict.fromkeys(found, 0)
    runs = 120
    for seed in range(runs):
        r = offpolicy.rows(policy(), log_of(300, 100 + seed), SEEN, Rng(seed))
        for name, e in offpolicy.estimate(r, Rng(seed), rounds=200).items():
            if name in found:
                found[name].append(e.value)
                inside[name] += e.low <= value <= e.high
    for name, values in found.items():
        error = np.std(values) / np.sqrt(runs)
        assert abs(np.mean(values) - value) < 4 * error
        assert inside[name] > 0.88 * runs  # of .95


def test_a_log_drawn_by_the_policy_itself_is_refused() -> None:
    log = log_of(100, 2)
    pi = offpolicy.served(policy(), torch.arange(U), SEEN)
    exact = pi[log.user, log.item]
    for propensity in (
        exact,
        np.array([float(f"{p:.3g}") for p in exact]),
    ):  # as a file may hold them
        with pytest.raises(InputError, match="drawn by this policy itself"):
            offpolicy.evaluate(policy(), replace(log, propensity=propensity), SEEN, Rng(0))


def test_too_few_effective_rows_and_foreign_propensities_are_alarms() -> None:
    few = offpolicy.evaluate(policy(), log_of(40, 5), SEEN, Rng(0))
    assert "too few to say anything" in few.warnings[0]
    log = log_of(2000, 5)
    assert offpolicy.evaluate(policy(), log, SEEN, Rng(0)).warnings == ()
    assert log.propensity is not None
    wrong = offpolicy.evaluate(policy(), replace(log, propensity=log.propensity / 2), SEEN, Rng(0))
    assert "the weights' mean is" in wrong.warnings[0]
    w = np.array([1.0, 1.0, 2.0])
    assert offpolicy.effective(w) == pytest.approx(16 / 6)


def test_each_segment_is_evaluated_by_its_own_users() -> None:
    log = log_of(4000, 3)
    verdict = offpolicy.evaluate(policy(), log, SEEN, Rng(0))
    alpha, w = policy().alpha.detach().numpy(), offpolicy.weights(policy(), log, SEEN)
    frame = verdict.by_segment()
    assert frame["rows"].sum() == len(log)
    for segment, rows, effective, value, low, high, logged in frame.rows():
        mine = [n for n in range(len(log)) if alpha[log.user[n]].argmax() == segment - 1]
        assert rows == len(mine)
        assert value == pytest.approx(
            sum(w[n] * log.reward[n] for n in mine) / sum(w[n] for n in mine)
        )
        assert effective == pytest.approx(
            sum(w[n] for n in mine) ** 2 / sum(w[n] ** 2 for n in mine)
        )
        assert logged == pytest.approx(np.mean([log.reward[n] for n in mine]))
        assert low < value < high


def test_what_the_log_shows_is_not_barred() -> None:
    log = Log(
        slate=np.array([0]),
        user=np.array([1]),
        item=np.array([8]),
        position=np.array([1]),
        reward=np.array([0.0]),
        propensity=np.array([0.5]),
    )
    found = offpolicy.excluded(SEEN, log)
    assert list(zip(found.row.tolist(), found.column.tolist(), strict=True)) == [
        (0, 2),
        (1, 0),
        (5, 4),
    ]
