"""Random walks: visits as often as the chances say, the commonest kept, and nothing from nodes that
meet nobody."""

from collections import Counter
from pathlib import Path

import torch

from gnnseg.graph import walks
from gnnseg.rng import Rng
from gnnseg.testing import on_disk, random_graph


def test_visits_are_as_frequent_as_their_chances() -> None:
    """Hop 1 goes to a neighbour; hop 2 starts at home with chance .3, else at somebody who meets
    the same."""
    p = random_graph(users=8, items=6, edges=20).pattern
    dense = p.dense()[:-1, :-1]
    go, back = dense / dense.sum(1, keepdim=True), dense.T / dense.T.sum(1, keepdim=True)
    nodes = torch.arange(7)
    met = walks.visits(p, p, nodes, 20_000, 2, 0.3, Rng(0))
    second = 0.3 * go + 0.7 * (go @ back @ go)
    for hop, chance in enumerate((go, second)):
        for u in range(7):
            found = torch.bincount(met[u, :, hop], minlength=6)[:5] / 20_000
            torch.testing.assert_close(found, chance[u], atol=0.015, rtol=0.0)


def test_a_pattern_on_disk_walks_the_same(tmp_path: Path) -> None:
    pattern = random_graph(edges=200).pattern
    nodes = torch.arange(20)
    found = (
        walks.importance(p, p, nodes, walks=20, hops=3, restart=0.5, top=5, rng=Rng(0))
        for p in (pattern, on_disk(pattern, tmp_path))
    )
    for mine, theirs in zip(*found, strict=True):
        assert len(mine)
        assert torch.equal(mine, theirs)


def test_the_commonest_are_kept() -> None:
    met = torch.randint(9, (40, 30), generator=torch.Generator().manual_seed(0))
    row, column, count = walks.most(met, 9, 3)
    for r in range(40):
        counts = Counter(met[r].tolist())
        best = sorted(counts, key=lambda c: (-counts[c], c))[:3]
        mine = row == r
        assert column[mine].tolist() == sorted(best)
        assert count[mine].tolist() == [counts[c] for c in sorted(best)]


def test_importance_of_whom_meets_nobody_is_nothing_and_weights_are_parts_of_all_visits(
    monkeypatch,
) -> None:
    p = random_graph().pattern
    nodes = torch.arange(p.shape[0])
    how = {"walks": 10, "hops": 2, "restart": 0.5, "top": 100}
    row, column, weight = walks.importance(p, p, nodes, **how, rng=Rng(0))
    total = torch.zeros(len(nodes)).index_add(0, row, weight)
    torch.testing.assert_close(total, (p.degrees()[0] > 0).float())
    assert (row * 1000 + column).diff().min() > 0
    monkeypatch.setattr(walks, "CHUNK", 60)  # three nodes at once
    small = walks.importance(p, p, nodes, **how, rng=Rng(0))
    assert torch.equal(small[0].unique(), row.unique())


def test_new_users_walk_from_what_they_have_met() -> None:
    graph = random_graph(edges=150)
    home = random_graph(users=3, edges=12, seed=5).pattern
    row, column, _ = walks.importance(
        home, graph.pattern, torch.arange(3), walks=200, hops=1, restart=0.5, top=99, rng=Rng(0)
    )
    assert set(zip(row.tolist(), column.tolist(), strict=True)) == set(
        zip(home.row.tolist(), home.column.tolist(), strict=True)
    )
