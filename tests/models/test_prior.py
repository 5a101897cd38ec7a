"""What trained users say of new ones: ridge regression, histories as numbers, the normal prior."""

import numpy as np
import torch
from sklearn.linear_model import Ridge

from gnnseg.graph.bipartite import build
from gnnseg.models.histories import TYPICAL, Histories
from gnnseg.models.prior import RIDGE, TrainedPrior, wholeness
from gnnseg.models.regression import PENALTIES, Regression
from gnnseg.types import Embeddings, Pairs


def some(rows=40, inputs=7, targets=3, noise=0.5, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, inputs)) * draw.uniform(0.1, 10, inputs) + 3
    y = x @ draw.normal(size=(inputs, targets)) + noise * draw.normal(size=(rows, targets))
    return torch.from_numpy(x), torch.from_numpy(y)


def test_the_regression_is_sklearns_and_its_residuals_leave_one_out():
    """The oracle: each row left out by itself, for each penalty, the inputs standardised."""
    x, y = some()
    found = Regression(x, y)
    scaled = ((x - x.mean(0)) / x.std(0, correction=0)).numpy()
    errors = {}
    for penalty in PENALTIES:
        left = []
        for row in range(len(x)):
            rest = np.arange(len(x)) != row
            # the rows' own means are left out with them, as sklearn's intercept does
            model = Ridge(alpha=penalty).fit(scaled[rest], y.numpy()[rest])
            left.append(y.numpy()[row] - model.predict(scaled[[row]])[0])
        errors[penalty] = np.stack(left)
    best = min(errors, key=lambda penalty: float(np.square(errors[penalty]).mean()))
    np.testing.assert_allclose(found.residual_NT.numpy(), errors[best], atol=1e-6)
    expected = Ridge(alpha=best).fit(scaled, y.numpy()).predict(scaled)
    low, high = y.min(0).values.numpy(), y.max(0).values.numpy()
    np.testing.assert_allclose(found.predict(x), np.clip(expected, low, high), atol=1e-6)


def test_one_row_and_inputs_that_never_vary_are_no_trouble():
    one = Regression(torch.ones(1, 2), torch.tensor([[3.0]]))
    assert one.predict(torch.zeros(2, 2)).tolist() == [[3.0], [3.0]]
    flat = Regression(torch.ones(5, 2), torch.arange(5.0)[:, None])
    torch.testing.assert_close(flat.predict(torch.ones(1, 2)), torch.tensor([[2.0]]))


def test_histories_are_means_of_their_items_less_the_usual():
    user, item = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 3])
    train = Pairs(user, item, np.ones(6), np.ones(6, dtype=np.int64))
    graph = build(train, 4, 4)  # user 3 has met nothing
    draw = torch.Generator().manual_seed(0)
    items = torch.randn(4, 5, generator=draw)
    e = Embeddings(torch.randn(4, 5, generator=draw), items, torch.zeros(4, 5), items)
    found = Histories(graph, e, scorer=None)
    unit = items / items.norm(dim=1, keepdim=True)
    degree = torch.tensor([2.0, 2, 1, 1])
    parts = [unit, items / degree[:, None]]
    vectors = torch.cat([p / p.std(0, correction=0).norm() for p in parts], 1)
    means = [vectors[item[user == u]].mean(0) for u in range(3)]
    usual = torch.stack(means).mean(0)
    for u, n in enumerate((2, 1, 3)):
        expected = (means[u] - usual) * n / (n + TYPICAL)
        torch.testing.assert_close(found.taste(graph)[u], expected)
        whole = found.whole(graph)[u]
        torch.testing.assert_close(whole[:10], expected)
        torch.testing.assert_close(whole[10:20], (means[u] - usual) * n / 2)
        torch.testing.assert_close(whole[20:], torch.tensor([n / 2, np.log1p(n)]).float())
    assert (found.taste(graph)[3] == 0).all()


def test_the_prior_is_the_trained_users_own_and_a_whole_historys_the_regression():
    x, y = some()
    prior, regression = TrainedPrior(y, x), Regression(x, y)

    def padded(rows):
        cov = rows.T @ rows / len(rows)
        return cov + RIDGE * cov.diagonal().mean() * torch.eye(3)

    for share in (0.0, 0.3, 1.0):
        whole = torch.full((3,), share, dtype=torch.float64)
        root = prior.moved(torch.eye(3, dtype=torch.float64), whole).T
        expected = share * padded(regression.residual_NT) + (1 - share) * padded(y)
        torch.testing.assert_close(root @ root.T, expected)
        torch.testing.assert_close(prior.mean(x[:3], whole), share * regression.predict(x[:3]))


def test_a_history_is_whole_where_it_is_longer_than_short_ones():
    found = wholeness(torch.tensor([0.0, 5.0, 10.0, 40.0]), 10.0)
    assert found[0] < 1e-12
    assert found[2] == 0.5
    assert found[1] < 0.1
    assert found[3] > 0.99
