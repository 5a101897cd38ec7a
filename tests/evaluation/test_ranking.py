"""Every metric against a loop over plain Python lists, and the usual ones against ranx; ties,
masks, cold users, memory."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnseg.evaluation import ranking, shared
from gnnseg.evaluation.metrics import METRICS
from gnnseg.evaluation.ranking import Ranking, evaluate, sample, topk
from gnnseg.models.heads.posthoc import HardScorer
from gnnseg.sparse import Csr
from gnnseg.testing.metrics import RankingCase
from gnnseg.types import Scorer


class Fixed(Scorer):
    """A scorer that is a matrix."""

    def __init__(self, scores: torch.Tensor) -> None:
        self.scores = scores

    def block(self, users: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        return self.scores[users].clone() if items is None else self.scores[users][:, items]

    def pairs(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        return self.scores[users, items]

    def edges(self, pattern: Csr) -> torch.Tensor:
        return self.scores[pattern.row, pattern.column]


def csr(sets: list[set[int]], items: int) -> Csr:
    pairs = [(u, i) for u, chosen in enumerate(sets) for i in chosen]
    return Csr.of([u for u, _ in pairs], [i for _, i in pairs], (len(sets), items))


def case(
    seed: int, users: int = 9, items: int = 14
) -> tuple[torch.Tensor, list[set[int]], list[set[int]], list[int]]:
    g = np.random.default_rng(seed)
    scores = torch.from_numpy(g.integers(0, 5, (users, items)).astype(np.float32))  # many ties
    wanted = [set(g.choice(items, g.integers(0, 6), replace=False).tolist()) for _ in range(users)]
    hidden = [
        set(g.choice(items, g.integers(0, items - 1), replace=False).tolist()) - w for w in wanted
    ]
    return scores, wanted, hidden, g.integers(0, 9, items).tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 14, 20]), st.sampled_from([1, 2, 100]))
def test_every_metric_equals_a_loop(seed: int, k: int, chunk: int) -> None:
    drawn = RankingCase.drawn(seed)
    for name, metric in METRICS.items():
        got = drawn.measured(metric, k, chunk)
        values, figure = drawn.expected(metric, k)
        assert got.metrics[f"it@{k}"] == pytest.approx(figure, abs=1e-9, nan_ok=True), name
        if f"it@{k}" in got.per_user:
            assert got.per_user[f"it@{k}"] == pytest.approx(values, abs=1e-9, nan_ok=True), name


def test_what_a_metric_requires_and_is_not_there_leaves_it_out() -> None:
    wanted = [{1, 4}, {0}]
    got = evaluate(
        Fixed(torch.zeros(2, 6)), csr(wanted, 6), None, ks=[2], item_counts=torch.ones(6)
    )
    assert "revenue@2" not in got.metrics
    assert "ild@2" not in got.metrics
    assert set(got.per_user) == {"user", "cold"} | {
        f"{name}@2"
        for name in ("recall", "precision", "f1", "hit", "ndcg", "map", "mrr", "novelty")
    }


def test_nobody_is_asked() -> None:
    got = evaluate(
        Fixed(torch.zeros(2, 6)), csr([set(), set()], 6), None, ks=[2], item_counts=torch.ones(6),
        spend=torch.zeros(0),
    )  # fmt: skip
    assert got.counts == {"users": 0, "cold users": 0}
    assert got.metrics == {"coverage@2": 0.0, "gini@2": 0.0}


def test_the_sample_is_of_users_asked_about() -> None:
    asked = np.arange(1, 4000, 2)
    found = sample(Csr.of(asked, np.zeros(len(asked), dtype=int), (4001, 1)), 500)
    assert len(found) == 500
    assert set(found) <= set(asked)
    assert len(sample(Csr.of([2], [0], (5, 1)), 500)) == 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_equals_ranx() -> None:
    """ranx's ndcg, recall, precision, map@k, mrr, hit rate on lists without ties. Its map divides
    by all relevant items, so it is compared where no user has more than k."""
    from ranx import Qrels, Run
    from ranx import evaluate as theirs

    g = np.random.default_rng(0)
    users, items, k = 30, 60, 10
    scores = torch.from_numpy(g.permutation(users * items).reshape(users, items).astype(np.float32))
    wanted = [
        set(g.choice(items, g.integers(1, k + 1), replace=False).tolist()) for _ in range(users)
    ]
    got = evaluate(
        Fixed(scores), csr(wanted, items), None, ks=[k], item_counts=torch.ones(items)
    ).metrics
    qrels = Qrels({f"u{u}": {f"i{j}": 1 for j in w} for u, w in enumerate(wanted)})
    run = Run({f"u{u}": {f"i{j}": float(scores[u, j]) for j in range(items)} for u in range(users)})
    names = {
        "ndcg": "ndcg",
        "recall": "recall",
        "precision": "precision",
        "map": "map",
        "mrr": "mrr",
        "hit": "hit_rate",
    }
    result = theirs(qrels, run, [f"{name}@{k}" for name in names.values()])
    for mine, other in names.items():
        assert got[f"{mine}@{k}"] == pytest.approx(result[f"{other}@{k}"], abs=1e-9), mine


def test_a_constant_scorer_gets_no_luck_from_ties() -> None:
    items, _ = topk(Fixed(torch.zeros(3, 50)), torch.arange(3), 5, None)
    assert items.tolist() == [[0, 1, 2, 3, 4]] * 3
    masked, _ = topk(Fixed(torch.zeros(2, 50)), torch.arange(2), 3, csr([{0, 2}, set()], 50))
    assert masked.tolist() == [[1, 3, 4], [0, 1, 2]]


def test_a_perfect_scorer_has_ndcg_one_and_a_list_ends_where_items_do() -> None:
    wanted = [{1, 4}, {0}, set()]
    perfect = csr(wanted, 6).dense()
    got = evaluate(Fixed(perfect), csr(wanted, 6), None, ks=[2, 5], item_counts=torch.ones(6))
    assert got.metrics["ndcg@2"] == got.metrics["ndcg@5"] == got.metrics["recall@5"] == 1
    assert got.counts == {"users": 2, "cold users": 0}
    items, scores = topk(Fixed(perfect), torch.tensor([0]), 5, csr([{0, 1, 2, 3}, set(), set()], 6))
    assert items.tolist() == [[4, 5, -1, -1, -1]]
    assert scores[0, 2] == -math.inf


def test_users_without_training_are_left_out_counted_and_shown() -> None:
    scores, wanted, hidden, counts = case(3)
    wanted = [w or {0} for w in wanted]
    cold = torch.zeros(len(wanted), dtype=torch.bool)
    cold[[1, 4]] = True

    def run(keep: list[int], mark: torch.Tensor | None) -> Ranking:
        chosen = [w if u in keep else set() for u, w in enumerate(wanted)]
        relevant = csr(chosen, scores.shape[1])
        return evaluate(
            Fixed(scores),
            relevant,
            csr(hidden, scores.shape[1]),
            ks=[3],
            item_counts=torch.tensor(counts),
            cold=mark,
        )

    everyone = list(range(len(wanted)))
    both, warm, only = (
        run(everyone, cold),
        run([u for u in everyone if not cold[u]], None),
        run([1, 4], None),
    )
    assert both.metrics["ndcg@3"] == pytest.approx(warm.metrics["ndcg@3"])
    assert both.metrics["coverage@3"] == pytest.approx(warm.metrics["coverage@3"])
    assert both.metrics["ndcg@3/cold"] == pytest.approx(only.metrics["ndcg@3"])
    assert both.counts == {"users": len(wanted) - 2, "cold users": 2}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 900), st.integers(1, 12), st.sampled_from([3, 500]))
def test_the_largest_are_those_of_a_stable_sort(
    seed: int, items: int, k: int, different: int
) -> None:
    """By groups of columns, ties by item number, whatever is masked."""
    g = np.random.default_rng(seed)
    scores = torch.from_numpy(g.integers(0, different, (3, items)).astype(np.float32))
    users, columns = np.nonzero(g.random((3, items)) < 0.3)
    mask = Csr.of(users, columns, (3, items))
    found, values = topk(Fixed(scores), torch.arange(3), k, mask)
    scores[users, columns] = -torch.inf
    order = scores.sort(dim=1, descending=True, stable=True)
    length = min(k, items)
    nothing = order.values[:, :length] == -torch.inf
    assert torch.equal(values[:, :length], order.values[:, :length])
    assert torch.equal(found[:, :length], order.indices[:, :length].masked_fill(nothing, -1))
    assert (found[:, length:] == -1).all()


@pytest.mark.parametrize("chunk", [1, 40, 1 << 20])
@pytest.mark.parametrize("masked", [0.0, 0.2, 0.95])
def test_rows_that_users_share_are_ranked_as_each_users_own(
    monkeypatch: pytest.MonkeyPatch, chunk: int, masked: float
) -> None:
    monkeypatch.setattr(shared, "CHUNK", chunk)
    g = np.random.default_rng(chunk)
    for _ in range(20):
        beta = torch.from_numpy(g.integers(1, 30, (3, 50)).astype(np.float32)) / 50
        scorer = HardScorer(torch.from_numpy(g.integers(0, 3, 40)), beta, torch.zeros(3, 2))
        mask = Csr.of(*np.nonzero(g.random((40, 50)) < masked), (40, 50)) if masked else None
        users = torch.from_numpy(g.permutation(40)[:25])
        own = topk(scorer, users, 7, mask)[0]
        row, keys = scorer.shared_rows(users)
        assert torch.equal(shared.SharedRanking(keys).lists(users, row, 7, mask), own)


def test_nan_is_refused() -> None:
    scores = torch.zeros(2, 4)
    scores[1, 2] = math.nan
    with pytest.raises(ValueError, match="NaN"):
        topk(Fixed(scores), torch.arange(2), 2, None)
    nothing = HardScorer(torch.zeros(2, dtype=torch.int64), scores[1:] + 0.5, torch.zeros(1, 2))
    with pytest.raises(ValueError, match="NaN"):
        evaluate(nothing, csr([{1}, {2}], 4), None, ks=[2], item_counts=torch.ones(4))


MEMORY = """
import resource, torch
from gnnseg.models.heads.dot import DotScorer
from gnnseg.types import Embeddings
from gnnseg.evaluation.ranking import evaluate
from gnnseg.sparse import Csr
torch.set_num_threads(1)
users, items = 1_000_000, 100_000
e = Embeddings(torch.randn(users, 8), torch.randn(items, 8), torch.empty(0), torch.empty(0))
asked = torch.arange(0, users, 1250)
relevant = Csr.of(asked, asked % items, (users, items))
mask = Csr.of(asked, (asked + 1) % items, (users, items))
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), used + (1 << 30)))
scorer = DotScorer(e, 1.0, torch.zeros(items))
got = evaluate(scorer, relevant, mask, ks=[20], item_counts=torch.ones(items))
print(got.counts["users"])
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs Linux's address space limit"
)
@pytest.mark.slow
def test_a_million_users_by_a_hundred_thousand_items_within_a_gigabyte() -> None:
    """The whole shape, a sample of its users asked: chunks cost the same however many follow."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "800"


def test_lengths_may_repeat_and_pass_the_catalogue() -> None:
    """Lists end with the catalogue; precision still divides by what was asked for."""
    scorer = Fixed(torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]))
    relevant = csr([{1}, {1}], 3)
    counts = torch.ones(3, dtype=torch.int64)
    found = evaluate(scorer, relevant, None, ks=[10**12, 3, 10**12], item_counts=counts)
    once = evaluate(scorer, relevant, None, ks=[3], item_counts=counts).metrics
    assert found.metrics["precision@1000000000000"] == pytest.approx(1e-12)
    for name in ("recall", "ndcg", "map", "mrr", "hit", "coverage", "diversity"):
        if f"{name}@3" in once:
            assert found.metrics[f"{name}@1000000000000"] == once[f"{name}@3"]


def test_how_many_users_are_ranked_at_once() -> None:
    """Few enough for caches and memory, enough that a product does not wait for the items."""
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert ranking.at_once(10, cpu) == ranking.at_once(0, cpu) == 4096
    assert ranking.at_once(40_000, cpu) == ranking.CACHED_BYTES // 160_000
    assert ranking.at_once(500_000, cpu) == ranking.TOGETHER
    assert ranking.at_once(1_300_000, cpu) == ranking.BLOCK_BYTES // 5_200_000
    assert ranking.at_once(10**9, cpu) == 1
    assert ranking.at_once(500_000, cuda) == ranking.BLOCK_BYTES // 2_000_000
