"""Dot and a graph filter: their sum by loops; trained as dot; new users by their histories."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
import torch

import gnnseg
from gnnseg.models.baselines import GFCF
from gnnseg.models.heads import Dot, Filtered
from gnnseg.models.heads.filtered import LEAST, FilteredScorer
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.testing.drawn import WIDTH, random_embeddings, random_graph, shape_of
from gnnseg.types import Features, InputError, Pairs

GRAPH = random_graph()
EVERY = torch.arange(GRAPH.users)
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


def finished(**settings: float) -> tuple[Filtered, FilteredScorer]:
    head = Filtered(shape_of(GRAPH, WIDTH), Rng(0), factors=6, tau=0.2, **settings)
    embeddings = random_embeddings(GRAPH)
    with torch.no_grad():
        head.finish(embeddings, GRAPH, Rng(0))
        scorer = head(embeddings)
    assert isinstance(scorer, FilteredScorer)
    return head, scorer


def filtered_by_baseline(alpha: float) -> torch.Tensor:
    """What the baseline GF-CF gives on the same graph, (U,I)."""
    p = GRAPH.pattern
    one = np.ones(p.entries)
    pairs = Pairs(p.row.numpy(), p.column.numpy(), one, one.astype(np.int64))
    baseline = GFCF(factors=6, alpha=alpha)
    baseline.fit(pairs, GRAPH.users, GRAPH.items, Rng(0))
    return baseline.scorer(GRAPH, Features()).block(EVERY)


@pytest.mark.parametrize(("weight", "alpha"), [(1.0, 0.3), (0.5, 0.0)])
def test_scores_are_dots_and_the_logarithm_of_the_filter(weight: float, alpha: float) -> None:
    head, scorer = finished(weight=weight, alpha=alpha)
    dot = head.dot(random_embeddings(GRAPH)).block(EVERY).detach()
    f = filtered_by_baseline(alpha)
    whole = scorer.block(EVERY).detach()
    for u in range(GRAPH.users):
        row = f[u].clamp(min=0)
        mean = float(row.mean())
        for i in range(GRAPH.items):
            said = np.log(float(row[i]) + LEAST * mean) if mean > 0 else 0.0
            assert float(whole[u, i]) == pytest.approx(float(dot[u, i]) + weight * said, abs=1e-3)


def test_training_sees_dot_alone_and_no_weight_is_dot() -> None:
    head, scorer = finished(weight=0.0)
    embeddings = random_embeddings(GRAPH)
    dot = head.dot(embeddings).block(EVERY)
    torch.testing.assert_close(scorer.block(EVERY), dot, **CLOSE)
    torch.testing.assert_close(head.fitting_scorer(embeddings).block(EVERY), dot)
    fresh = Filtered(shape_of(GRAPH, WIDTH), Rng(0), factors=6)
    plain = Dot(shape_of(GRAPH, WIDTH), Rng(0))
    torch.testing.assert_close(fresh(embeddings).block(EVERY), plain(embeddings).block(EVERY))
    again = Filtered(shape_of(GRAPH, WIDTH), Rng(1), factors=6, tau=0.2, weight=0.0)
    again.load_state_dict(head.state_dict())
    assert torch.equal(again(embeddings).block(EVERY), scorer.block(EVERY))


def test_other_users_are_scored_by_what_they_took() -> None:
    _, scorer = finished()
    trained = random_embeddings(GRAPH).user_UD.detach()
    strangers = scorer.with_users(trained)
    flat = scorer._dot.block(EVERY).detach()
    torch.testing.assert_close(strangers.block(EVERY), flat, **CLOSE)  # nothing is known of them
    whole = strangers.with_histories(GRAPH.pattern)
    torch.testing.assert_close(whole.block(EVERY), scorer.block(EVERY), **CLOSE)
    few = Csr.of([1], [2], (GRAPH.users, GRAPH.items))
    found = strangers.with_histories(few).block(EVERY).detach()
    torch.testing.assert_close(found[0], flat[0], **CLOSE)
    assert float((found[1] - flat[1]).abs().max()) > 0.1


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"weight": -1.0}, "head.weight is -1.0: write 0 or more"),
        ({"alpha": float("nan")}, "head.alpha is nan: write 0 or more"),
        ({"factors": 0}, "head.factors is 0: there must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(setting: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Filtered(shape_of(GRAPH, WIDTH), Rng(0), **setting)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], gnnseg.Run]:
    """Train on pairs of items that come together: 40 people, 30 twins of items."""
    g, root = np.random.default_rng(0), tmp_path_factory.mktemp("filtered")
    rows = []
    for person in range(80):
        for twin in g.choice(30, 6, replace=False):
            rows += [(f"p{person}", f"i{twin}a"), (f"p{person}", f"i{twin}b")]
    data = gnnseg.interactions(pl.DataFrame(rows, schema=["user", "item"], orient="row"))

    def run(head: str, *more: str) -> gnnseg.Run:
        settings = ["encoder=mf", "encoder.dim=4", "trainer.max_epochs=6", "threads=1"]
        return gnnseg.train(data, [f"runs.root={root}", head, *settings, *more])

    return run


@pytest.mark.slow
def test_a_run_ranks_by_both_and_answers_so_from_its_folder(
    trained: Callable[..., gnnseg.Run],
) -> None:
    """Few dimensions cannot tell thirty pairs of twins apart; what was taken beside them can."""
    dot, both = trained("head=dot"), trained("head=filtered")
    assert both.metric("test/ndcg@20") > dot.metric("test/ndcg@20") + 0.03
    again = both.evaluate("test", ks=[20]).filter(pl.col("metric") == "test/ndcg@20")
    assert again["value"][0] == pytest.approx(both.metric("test/ndcg@20"), abs=1e-6)
    nothing = trained("head=filtered", "head.weight=0")
    assert nothing.metric("test/ndcg@20") == pytest.approx(dot.metric("test/ndcg@20"), abs=1e-6)
    met = Pairs(*(np.array(each) for each in ([0, 0], [0, 1], [1.0, 1.0], [1, 1])))
    items = both.stored.items
    met.item[:] = [items.index("i3a"), items.index("i9b")]
    scores = both.stored.fold_in.scorer(met, 1).block(torch.zeros(1, dtype=torch.int64))[0]
    scores[met.item] = -torch.inf
    first = {str(items.ids[int(j)]) for j in scores.topk(2).indices}
    assert first == {"i3b", "i9a"}
