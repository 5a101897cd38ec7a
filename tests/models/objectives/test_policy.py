"""The policy gradient: the likelihood's where nothing else is asked for, the exact expected
reward's where a log covers everything."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gnnseg.models.heads import Segments
from gnnseg.models.objectives import Likelihood, PolicyGradient
from gnnseg.models.objectives.policy import history_loss
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import Batch, Embeddings, InputError, Logged, Policy, Shape, Step

U, I, K, D = 5, 7, 3, 4
NOTHING: dict[str, Any] = {
    "weights": None, "degree_power": 0.0, "reward": "one", "importance": "none", "cap": None,
    "top": None, "baseline": "none",
    "entropy": 0.0, "history": 0.0,
}  # fmt: skip
LOGGED = {**NOTHING, "reward": "logged", "importance": "logged"}
SHAPE = Shape(U, I, torch.arange(1, I + 1), width=D, segments=K)
USERS, ITEMS = torch.arange(U).repeat_interleave(I), torch.arange(I).repeat(U)
SEEN = Csr.of([0, 0, 2, 4], [1, 6, 3, 0], (U, I))


def drawn(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def leaves() -> tuple[Segments, Tensor, Tensor]:
    head = Segments(
        SHAPE, Rng(0), segments=K, beta="distribution", tied=False, top=None, centre=True,
        tau_alpha=0.4, tau_beta=0.4, tau=0.3
    ).double()  # fmt: skip
    return head, drawn(U, D, seed=1).requires_grad_(), drawn(I, D, seed=2).requires_grad_()


def step(head: Segments, user: Tensor, item: Tensor) -> Step:
    e = Embeddings(user, item, user, item)
    return Step(e, head(e))


def made(shape: Shape = SHAPE, **settings: Any) -> PolicyGradient:
    objective = PolicyGradient(**{**LOGGED, **settings})
    objective.prepare(shape, Rng(0))
    return objective.double()


def covering(reward: Tensor, propensity: Tensor, seen: Csr | None) -> Batch:
    """Every (user, item) once, weighed by its propensity: what an endless log of this logger looks
    like."""
    return Batch(USERS, ITEMS, propensity, logged=Logged(reward, propensity, seen))


def test_with_reward_one_and_nothing_else_it_is_the_likelihood() -> None:
    head, user, item = leaves()
    pattern = Csr.of([0, 0, 1, 2, 3, 4], [1, 2, 0, 6, 5, 4], (U, I))
    weight = drawn(6, seed=3).abs()
    batch = Batch(
        pattern.row,
        pattern.column,
        weight,
        logged=Logged(torch.ones(6, dtype=torch.float64)),
        pattern=pattern,
    )
    found = []
    for objective in (Likelihood(weights=None, degree_power=0.0), PolicyGradient(**NOTHING)):
        objective.prepare(SHAPE, Rng(0))
        loss = objective(step(head, user, item), batch, Rng(0))
        found.append((loss, torch.autograd.grad(loss, [user, item, head.user_KD, head.bias.value])))
    torch.testing.assert_close(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1])


@pytest.mark.parametrize("seen", [None, SEEN])
@pytest.mark.parametrize("baseline", ["none", "mean", "user", "learned", "segments"])
def test_its_gradient_is_that_of_the_served_policys_value(seen: Csr | None, baseline: str) -> None:
    head, user, item = leaves()
    reward, propensity = (
        drawn(U * I, seed=4).abs(),
        torch.rand(U * I, generator=torch.Generator().manual_seed(5)).double(),
    )
    if seen is not None:
        propensity = propensity * ~seen.contains(USERS, ITEMS)  # nothing seen is logged
    propensity = (propensity.view(U, I) / propensity.view(U, I).sum(1, keepdim=True)).view(-1)
    objective = made(baseline=baseline)
    logged = propensity > 0
    batch = Batch(
        USERS[logged], ITEMS[logged], propensity[logged],
        logged=Logged(reward[logged], propensity[logged], seen=seen, taken=seen),
    )  # fmt: skip
    objective.learn(batch.users, reward[logged], batch.weight)
    loss = objective(step(head, user, item), batch, Rng(0)) * propensity.sum()
    found = torch.autograd.grad(loss, user)[0]

    def value(at: Tensor) -> float:
        """sum_i sum_j pi(j|i) r_ij over what may be shown, one number at a time."""
        scorer = step(head, at, item.detach()).scorer
        assert isinstance(scorer, Policy)
        rec = (scorer.alpha @ scorer.beta).detach()  # in double precision
        total = 0.0
        for i in range(U):
            free = [j for j in range(I) if seen is None or not bool(seen.dense()[i, j])]
            mass = sum(float(rec[i, j]) for j in free)
            total += sum(float(rec[i, j]) / mass * float(reward[i * I + j]) for j in free)
        return total

    for i, d in ((0, 0), (2, 1), (4, 3)):
        up, down = user.detach().clone(), user.detach().clone()
        up[i, d] += 1e-5
        down[i, d] -= 1e-5
        assert -float(found[i, d]) == pytest.approx(
            (value(up) - value(down)) / 2e-5, rel=1e-4, abs=1e-7
        )


def test_cap_and_top_k_correction_are_their_formulas() -> None:
    head, user, item = leaves()
    reward, propensity = (
        torch.ones(U * I, dtype=torch.float64),
        torch.full((U * I,), 0.02, dtype=torch.float64),
    )
    s = step(head, user, item)
    assert isinstance(s.scorer, Policy)
    log_pi = s.scorer.log_prob(USERS, ITEMS).detach()
    c = made(cap=5.0, top=4).corrected(
        s.embeddings, covering(reward, propensity, None), log_pi, s.scorer
    )
    for pi, omega, lam in zip(
        log_pi.exp().tolist(), c.importance.tolist(), c.correction.tolist(), strict=True
    ):
        assert omega == pytest.approx(min(pi / 0.02, 5.0))
        assert lam == pytest.approx(4 * (1 - pi) ** 3)


@pytest.mark.parametrize(
    ("importance", "pessimism"), [("none", 1.0), ("logged", 1.0), ("logged", -0.5)]
)
def test_the_segments_mean_rewards_are_their_formula(importance: str, pessimism: float) -> None:
    head, user, item = leaves()
    scorer = step(head, user, item).scorer
    assert isinstance(scorer, Policy)
    g = torch.Generator().manual_seed(7)
    drawn = zip(torch.randint(U, (40,), generator=g), torch.randint(I, (40,), generator=g))
    rows = [(int(i), int(j)) for i, j in drawn if not bool(SEEN.dense()[int(i), int(j)])]
    reward, p = (
        torch.rand(len(rows), generator=g).double(),
        torch.rand(len(rows), generator=g).double(),
    )
    batch = Batch(
        *torch.tensor(rows).T,
        torch.full((len(rows),), 1 / len(rows)).double(),
        logged=Logged(reward, p, SEEN),
    )
    objective = made(importance=importance, baseline="segments", pessimism=pessimism)
    objective.learn(batch.users, reward, batch.weight)
    objective(step(head, user, item), batch, Rng(0))
    alpha, dense = scorer.alpha.detach(), SEEN.dense()

    def mean(
        segments: list[int], items: list[int], usual: float | None
    ) -> tuple[float, float, float]:
        size = square = earned = squared = could = 0.0
        for (i, j), r, q in zip(rows, reward.tolist(), p.tolist(), strict=True):
            for k in segments:
                v = 1 / q if importance == "logged" else 1.0
                if k != int(alpha[i].argmax()):
                    continue
                if j in items:
                    size, square, earned, squared = (
                        size + v,
                        square + v * v,
                        earned + v * r,
                        squared + v * r * r,
                    )
                could += sum(not bool(dense[i, x]) for x in items) * (importance == "logged")
        showings = size**2 / square if square else 0.0
        known = max(size, could - 2 * math.sqrt(square))
        own = earned / known if known else 0.0
        variance = max(0.0, (squared / known if known else 0.0) - own**2)
        drawn_to = own if usual is None else (showings * own + 10 * usual) / (showings + 10)
        return drawn_to, showings, variance

    everything, model = list(range(K)), objective.model
    usual, _, _ = mean(everything, list(range(I)), None)
    for j in range(I):
        by_item, _, variance = mean(everything, [j], usual)
        for k in range(K):
            expected, showings, _ = mean([k], [j], by_item)
            lower = expected - pessimism * math.sqrt(variance / (showings + 10))
            assert (float(model.mean_KI[k, j]), float(model.lower_KI[k, j])) == pytest.approx(
                (expected, lower)
            )


def test_a_log_in_batches_gives_the_same_mean_rewards() -> None:
    """Where the segments stand still, batches of one epoch after the other come to what a full
    batch knows."""
    head, user, item = leaves()
    reward, p = (
        torch.rand(U * I, generator=torch.Generator().manual_seed(1)).double(),
        torch.full((U * I,), 0.2).double(),
    )
    whole = made(baseline="segments")
    whole.learn(USERS, reward, p)
    whole(step(head, user, item), covering(reward, p, None), Rng(0))
    pieces = made(baseline="segments")
    pieces.learn(USERS, reward, p)
    for epoch in range(40):
        for rows in torch.randperm(U * I, generator=torch.Generator().manual_seed(epoch)).split(7):
            some = Batch(USERS[rows], ITEMS[rows], p[rows], logged=Logged(reward[rows], p[rows]))
            pieces(step(head, user, item), some, Rng(0))
    assert float((pieces.model.mean_KI - whole.model.mean_KI).abs().max()) < 0.05


def test_what_may_not_be_shown_counts_for_nothing() -> None:
    head, user, item = leaves()
    reward, propensity = (
        torch.ones(U * I, dtype=torch.float64),
        torch.full((U * I,), 0.1, dtype=torch.float64),
    )
    every = made()(step(head, user, item), covering(reward, propensity, SEEN), Rng(0))
    free = ~SEEN.contains(USERS, ITEMS)
    batch = Batch(
        USERS[free],
        ITEMS[free],
        propensity[free],
        logged=Logged(reward[free], propensity[free], SEEN),
    )
    some = made()(step(head, user, item), batch, Rng(0))
    torch.testing.assert_close(every * propensity.sum(), some * propensity[free].sum())
    assert bool(torch.isfinite(torch.autograd.grad(every, user)[0]).all())


def test_behaviour_and_learned_baseline_learn_and_leave_the_encoder_alone() -> None:
    head, user, item = leaves()
    objective = made(importance="learned", baseline="learned", reward="clicked")
    taken = torch.tensor([0, 1, 2, 3, 4]), torch.tensor([6, 6, 1, 1, 0])
    reward = torch.tensor([1.0, 1, 0, 0, 1]).double()
    batch = Batch(*taken, torch.ones(5, dtype=torch.float64), logged=Logged(reward))
    optimizer = torch.optim.Adam(objective.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        objective(step(head, user, item), batch, Rng(0)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    said = objective.behaviour(step(head, user, item).embeddings, batch).exp().detach()
    assert float(said.min()) > 0.5  # who was shown what is said again
    user.grad = None
    (-objective.behaviour(step(head, user, item).embeddings, batch).mean()).backward()
    assert user.grad is None


def test_the_entropy_bonus_is_the_mean_entropy() -> None:
    head, user, item = leaves()
    reward, propensity = (
        torch.zeros(U * I, dtype=torch.float64),
        torch.full((U * I,), 0.1, dtype=torch.float64),
    )
    loss = made(entropy=2.0)(step(head, user, item), covering(reward, propensity, None), Rng(0))
    rec = step(head, user, item).scorer.block(torch.arange(U)).exp()
    entropy = -sum(p * math.log(p) for row in rec.tolist() for p in row) / U
    assert float(loss.detach()) == pytest.approx(-2.0 * entropy)


def test_entropy_and_mean_rewards_look_at_what_will_be_shown() -> None:
    """Without all that users have by now, also what the log itself showed them, and with it where
    they may be shown it."""
    head, user, item = leaves()
    nothing, propensity = (
        torch.zeros(U * I, dtype=torch.float64),
        torch.full((U * I,), 0.1, dtype=torch.float64),
    )
    taken = Csr.of([0, 0, 1, 2, 4, 4], [1, 6, 2, 3, 0, 5], (U, I))  # SEEN, and two clicks
    free = ~SEEN.contains(USERS, ITEMS)
    rec = step(head, user, item).scorer.block(torch.arange(U)).detach().exp().double()
    for seen, excluded in ((SEEN, taken.dense() > 0), (None, torch.zeros(U, I, dtype=torch.bool))):
        rows = free if seen is not None else torch.ones_like(free)
        batch = Batch(
            USERS[rows], ITEMS[rows], propensity[rows],
            logged=Logged(nothing[rows], propensity[rows], seen=seen, taken=taken),
        )  # fmt: skip
        total = 0.0
        for i in range(U):
            left = [float(rec[i, j]) for j in range(I) if not bool(excluded[i, j])]
            total -= sum(p / sum(left) * math.log(p / sum(left)) for p in left) / U
        loss = made(entropy=2.0)(step(head, user, item), batch, Rng(0))
        assert float(loss.detach()) == pytest.approx(-2.0 * total, rel=1e-5)
        model = made(baseline="segments").model
        model.sums[0], model.sums[1], model.sums[2], model.sums[3] = (
            1e9,
            1.0,
            1e9,
            1e9,
        )  # everything earns 1
        scorer = step(head, user, item).scorer
        assert isinstance(scorer, Policy)
        value = model.value(scorer, batch, taken if seen is not None else None, None, Rng(0))
        assert float(value.detach()) == pytest.approx(1.0, rel=1e-5)


def test_a_baseline_that_leaves_nothing_is_refused() -> None:
    objective = made(baseline="mean", reward="clicked")
    with pytest.raises(
        InputError, match="objective.baseline=mean: every reward is 1, and nothing is left"
    ):
        objective.learn(
            USERS, torch.ones(U * I, dtype=torch.float64), torch.ones(U * I, dtype=torch.float64)
        )


def test_history_is_the_likelihood_of_the_segments_shares() -> None:
    head, user, item = leaves()
    scorer = step(head, user, item).scorer
    assert isinstance(scorer, Policy)
    alpha = scorer.alpha.detach()
    pairs = list(zip(SEEN.row.tolist(), SEEN.column.tolist(), strict=True))
    total = 0.0
    for i, j in pairs:
        chance = 0.0
        for k in range(K):
            of_k = sum(float(alpha[a, k]) for a, _ in pairs)
            of_kj = sum(float(alpha[a, k]) for a, b in pairs if b == j)
            usual = sum(b == j for _, b in pairs) / len(pairs)
            chance += float(alpha[i, k]) * (of_kj + 10 * usual) / (of_k + 10)
        total -= math.log(chance)
    loss = history_loss(scorer.alpha, SEEN)
    assert float(loss.detach()) == pytest.approx(total / len(pairs))
    assert bool(torch.autograd.grad(loss, user)[0].any())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"baseline": "segments", "reward": "one", "importance": "none"},
            "baseline=segments with objective.reward=one",
        ),
     ({"reward": "one"}, "importance=logged with objective.reward=one"),
     ({"weights": "value"}, "a log's rows weigh alike"),
     ({"cap": 0.0}, "objective.cap=0.0"), ({"top": 0}, "objective.top=0"),
     ({"entropy": -1.0}, "objective.entropy=-1.0"),
     ({"history": -1.0}, "objective.history=-1.0")],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        PolicyGradient(**{**LOGGED, **settings})
