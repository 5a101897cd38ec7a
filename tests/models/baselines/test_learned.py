"""SLIM, NMF, PLSA, BSPM, Mult-VAE and MacridVAE against scipy, loops and dense algebra."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm
from scipy.optimize import minimize

from gnnseg.models.baselines import BSPM, GFCF, NMF, PLSA, SLIM, MacridVAE, MultVAE
from gnnseg.models.baselines.multvae import divergence
from gnnseg.rng import Rng
from gnnseg.types import InputError


def elastic_net(x, j, l1, l2):
    """Return w of item j by a bounded quasi-Newton method, (I,)."""
    others = [i for i in range(x.shape[1]) if i != j]
    z, y = x[:, others], x[:, j]

    def loss(w):
        rest = y - z @ w
        return rest @ rest / 2 + l2 * w @ w / 2 + l1 * w.sum(), -z.T @ rest + l2 * w + l1

    start = np.full(len(others), 0.01)
    best = minimize(loss, start, jac=True, bounds=[(0, None)] * len(others), tol=1e-12)
    found = np.zeros(x.shape[1])
    found[others] = best.x
    return found


@pytest.mark.parametrize(("l1", "l2"), [(0.1, 0.5), (1.0, 2.0)])
def test_slim_equals_elastic_nets(fitted, graph, whole, l1, l2):
    x = whole(graph)
    weight = np.stack([elastic_net(x, j, l1, l2) for j in range(graph.items)], 1)
    got = fitted(SLIM(neighbours=100, l1=l1, l2=l2, epochs=500), graph)
    np.testing.assert_allclose(got, x @ weight, atol=2e-3)
    assert np.abs(x @ weight).max() > 0.05


def test_slim_chooses_among_the_nearest_alone(fitted, graph):
    baseline = SLIM(neighbours=2, l1=0.0, l2=0.1)
    fitted(baseline, graph)
    target = np.bincount(baseline.state["column"].numpy(), minlength=graph.items)
    assert target.max() == 2


def test_slim_in_small_blocks_is_the_same(monkeypatch, fitted, graph):
    before = fitted(SLIM(l1=0.1), graph)
    monkeypatch.setattr("gnnseg.models.baselines.slim.BLOCK_BYTES", 4000)
    np.testing.assert_allclose(fitted(SLIM(l1=0.1), graph), before, atol=1e-3)


def test_nmf_is_not_negative_and_comes_near(fitted, graph, whole):
    x, baseline = whole(graph), NMF(factors=12, epochs=400)
    got = fitted(baseline, graph)
    assert all(bool((value >= 0).all()) for value in baseline.state.values())
    left, value, right = np.linalg.svd(x, full_matrices=False)
    best = ((x - (left[:, :12] * value[:12]) @ right[:12]) ** 2).sum()
    assert best <= ((x - got) ** 2).sum() < 0.3 * (x**2).sum()


def aspects(x, user, item, epochs):
    """Return P(k|u), P(j|k) by expectation maximisation in loops."""
    for _ in range(epochs):
        of_user, of_item = np.zeros_like(user), np.zeros_like(item)
        for u in range(x.shape[0]):
            for j in np.flatnonzero(x[u]):
                chance = user[u] * item[j]
                of_user[u] += chance / chance.sum()
                of_item[j] += chance / chance.sum()
        total = of_user.sum(1, keepdims=True)
        user, item = of_user / np.where(total > 0, total, 1), of_item / of_item.sum(0)
    return user, item


def test_plsa_equals_a_loop(fitted, graph, whole):
    from gnnseg.rng import Rng

    x = whole(graph)
    drawn = Rng(0).numpy("aspects")
    user, item = (drawn.uniform(0.5, 1.5, (n, 3)) for n in x.shape)
    user, item = user / user.sum(1, keepdims=True), item / item.sum(0)
    user, item = aspects(x, user, item, 7)
    user[-1] = user[:-1].mean(0)  # the last has nothing
    got = fitted(PLSA(factors=3, epochs=7), graph)
    np.testing.assert_allclose(got, user @ item.T, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(got.sum(1), 1, atol=1e-5)


def filters(x, factors):
    of_user, of_item = (np.diag(1 / np.sqrt(np.maximum(x.sum(axis), 1))) for axis in (1, 0))
    r = of_user @ x @ of_item
    right = np.linalg.svd(r, full_matrices=False)[2][:factors].T
    return r.T @ r, of_item @ right @ right.T @ np.linalg.inv(of_item)


@pytest.mark.parametrize("merge", ["early", "late"])
def test_bspm_in_many_steps_is_the_exponential(fitted, graph, whole, merge):
    x = whole(graph)
    walk, low = filters(x, 4)
    blurred, sharp = x @ expm(0.7 * (walk - np.eye(len(walk)))), expm(-1.3 * walk)
    low = 0.4 * x @ low
    expected = (blurred + low) @ sharp if merge == "early" else blurred @ sharp + low
    baseline = BSPM(
        factors=4, ideal=0.4, blur_time=0.7, blur_steps=2000, sharpen_time=1.3, sharpen_steps=8,
        merge=merge,
    )  # fmt: skip
    np.testing.assert_allclose(fitted(baseline, graph), expected, atol=2e-3)


def test_bspm_without_sharpening_is_gfcf(fitted, graph):
    got = fitted(BSPM(factors=4, ideal=0.4, sharpen_time=0.0), graph)
    np.testing.assert_allclose(got, fitted(GFCF(factors=4, alpha=0.4), graph), atol=1e-6)


def test_one_step_of_runge_and_kutta_equals_its_four_slopes(fitted, graph, whole):
    x = whole(graph)
    walk, _ = filters(x, 4)
    s, h = x @ walk, 1.5

    def slope(at):
        return -at @ walk

    a = slope(s)
    b = slope(s + h / 2 * a)
    c = slope(s + h / 2 * b)
    expected = s + h / 6 * (a + 2 * b + 2 * c + slope(s + h * c))
    got = fitted(BSPM(factors=4, ideal=0.0, sharpen_time=h), graph)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_the_divergence_is_that_of_normal_distributions():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    theirs = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (log_variance / 2).exp()),
        torch.distributions.Normal(0.0, 1.0),
    )
    torch.testing.assert_close(divergence(mean, log_variance), theirs.sum(1).mean())


def test_multvae_learns_what_is_taken(fitted, graph, whole):
    x = whole(graph)

    def likelihood(epochs):
        scores = fitted(MultVAE(hidden=16, latent=8, epochs=epochs, batch_size=8), graph)
        return float((x * torch.from_numpy(scores).log_softmax(1).numpy()).sum())

    assert likelihood(60) > likelihood(1) + 5


TINY = {"concepts": 3, "hidden": 5, "latent": 4, "std": 1e-12, "gumbel": False, "dropout": 0.0}


def drawn_macrid(baseline, items):
    """Return first weights in float64, biases too."""
    rng = Rng(3)
    weights = baseline._first(items, rng)
    return {
        name: (
            value.detach().double()
            + torch.randn(value.shape, generator=rng.torch(f"more {name}")) / 3
        ).requires_grad_()
        for name, value in weights.items()
    }


def macrid_of_a_user(w, row, tau):
    """Return p_j up to a constant, and the divergence, of one user in loops."""
    unit = {name: w[name] / w[name].norm(dim=1, keepdim=True) for name in ("items", "concepts")}
    items, concepts = len(unit["items"]), len(unit["concepts"])
    share = torch.stack(
        [(unit["items"][j] @ unit["concepts"].T / tau).softmax(0) for j in range(items)]
    )
    p, divergence = torch.zeros(items, dtype=torch.float64), 0.0
    for k in range(concepts):
        read = row * share[:, k]
        read = read / read.norm() if float(read.norm()) else read
        hidden = torch.tanh(w["in"] @ read + w["in_bias"])
        code = w["code"] @ hidden + w["code_bias"]
        mean, log_variance = code[: len(code) // 2], code[len(code) // 2 :]
        z = mean / mean.norm()
        divergence += float((log_variance.exp() - 1 - log_variance).sum()) / 2
        for j in range(items):
            p[j] += share[j, k] * (z @ unit["items"][j] / tau).exp()
    return p, divergence


@torch.no_grad()
def test_the_bound_of_macridvae_equals_a_loop(graph, whole):
    baseline, x = MacridVAE(**TINY, tau=0.4), torch.from_numpy(whole(graph))[:6]
    w, total = drawn_macrid(baseline, graph.items), 0.0
    for row in x:
        p, divergence = macrid_of_a_user(w, row, 0.4)
        total += 0.3 * divergence - float((row * (p / p.sum()).log()).sum())
    got = baseline.loss(w, x, 0.3, Rng(0).torch("draws"))
    assert got.item() == pytest.approx(total / 6, rel=1e-9)


def test_scores_of_macridvae_equal_a_loop(monkeypatch, fitted, graph, whole):
    baseline, kept = MacridVAE(**TINY, tau=0.4, epochs=2, batch_size=10), {}
    first = baseline._first

    def remembered(items, rng):
        kept.update(first(items, rng))
        return kept

    monkeypatch.setattr(baseline, "_first", remembered)
    got = fitted(baseline, graph)
    w = {name: value.detach().double() for name, value in kept.items()}
    for u, row in enumerate(torch.from_numpy(whole(graph))):
        p, _ = macrid_of_a_user(w, row, 0.4)
        np.testing.assert_allclose(got[u], p.log().numpy(), atol=1e-4)


@pytest.mark.parametrize("gumbel", [True, False])
def test_gradients_reach_every_weight_of_macridvae(graph, whole, gumbel):
    baseline = MacridVAE(concepts=3, hidden=5, latent=4, gumbel=gumbel)
    w = drawn_macrid(baseline, graph.items)
    baseline.loss(w, torch.from_numpy(whole(graph)), 0.2, Rng(0).torch("draws")).backward()
    assert all(bool(value.grad.abs().sum() > 0) for value in w.values())


def test_one_concept_holds_every_item_and_more_are_drawn_apart(fitted, graph):
    small = {"hidden": 5, "latent": 4, "epochs": 2, "batch_size": 10}
    one = MacridVAE(concepts=1, **small)
    fitted(one, graph)
    assert bool((one.state["share"] == 1).all())
    drawn, plain = (fitted(MacridVAE(concepts=3, gumbel=g, **small), graph) for g in (True, False))
    assert np.abs(drawn - plain).max() > 1e-3


def test_macridvae_learns_what_is_taken(fitted, graph, whole):
    x = whole(graph)

    def likelihood(epochs):
        small = {"concepts": 3, "hidden": 16, "latent": 8, "batch_size": 8, "lr": 0.01}
        scores = fitted(MacridVAE(epochs=epochs, **small), graph)
        return float((x * torch.from_numpy(scores).log_softmax(1).numpy()).sum())

    assert likelihood(60) > likelihood(1) + 5


@pytest.mark.parametrize(("name", "value"), [("tau", 0.0), ("std", 0.0), ("concepts", 0)])
def test_what_macridvae_cannot_do_is_one_sentence(name, value):
    with pytest.raises(InputError, match=f"{name} is {value}"):
        MacridVAE(**{name: value})
    assert MacridVAE().memory(1000, 10_000)[0] > MacridVAE(concepts=1).memory(1000, 10_000)[0]


def test_dropping_everything_is_refused():
    with pytest.raises(InputError, match="dropout is 1.0: it must be below 1"):
        MultVAE(dropout=1.0)
    with pytest.raises(InputError, match="dropout is 1.0: it must be below 1"):
        MacridVAE(dropout=1.0)
