"""The laws every baseline obeys.

Shape legend: U users, I items.
"""

from __future__ import annotations

import numpy as np
import torch

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines import Baseline
from gnnseg.rng import Rng
from gnnseg.testing.drawn import random_graph
from gnnseg.types import Features, Pairs, Scorer


class BaselineContract:
    """Laws of a baseline: its scores agree however they are asked for, and are of the seed.

    from gnnseg.testing import BaselineContract

    class TestMine(BaselineContract):
        def make(self):
            return MyBaseline()
    """

    def make(self) -> Baseline:
        """Return the baseline, not fitted; to be overridden."""
        raise AssertionError("say how to make the baseline")

    def fitted(self, graph: BipartiteGraph, seed: int = 0) -> Scorer:
        """Return the scores of the baseline fitted to the graph's pairs."""
        p, baseline = graph.pattern, self.make()
        count = np.arange(p.entries) % 3 + 1
        train = Pairs(p.row.numpy(), p.column.numpy(), count.astype(np.float64), count)
        baseline.fit(train, graph.users, graph.items, Rng(seed))
        return baseline.scorer(graph, Features())

    def test_pairs_block_and_edges_agree(self) -> None:
        """A score is one number, whoever asks; none is NaN."""
        graph = random_graph()
        scorer, users = self.fitted(graph), torch.arange(graph.users)
        whole_UI = scorer.block(users)
        assert whole_UI.shape == (graph.users, graph.items)
        assert not bool(whole_UI.isnan().any())
        some = torch.tensor([3, 0, 2])
        torch.testing.assert_close(scorer.block(users, some), whole_UI[:, some])
        items = torch.arange(graph.users) % graph.items
        torch.testing.assert_close(scorer.pairs(users, items), whole_UI[users, items])
        two = torch.stack([items, items.flip(0)], 1)
        torch.testing.assert_close(scorer.pairs(users, two), whole_UI.gather(1, two))
        p = graph.pattern
        torch.testing.assert_close(scorer.edges(p), whole_UI[p.row, p.column])

    def test_a_score_is_a_function_of_data_and_seed(self) -> None:
        """Fitted twice, it says the same."""
        graph = random_graph()
        users = torch.arange(graph.users)
        first, again = (self.fitted(graph).block(users) for _ in range(2))
        assert torch.equal(first, again)

    def test_scoring_leaves_the_scores_as_they_were(self) -> None:
        """What a caller writes into a block is the caller's."""
        graph = random_graph()
        scorer, users = self.fitted(graph), torch.arange(graph.users)
        before = scorer.block(users).clone()
        scorer.block(users).fill_(-1.0)
        assert torch.equal(scorer.block(users), before)
