"""What users have met, as numbers that a regression reads.

Shape legend: U trained users, B new users, I items, P numbers a history is read as, D width, K
segments.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.vectors import unit
from gnnseg.sparse import spmm
from gnnseg.types import Embeddings, Scorer, Segmentation

TYPICAL = 10.0  # interactions after which half of a history's mean is believed
FLOOR = 1e-12


class Histories:
    """Histories as the mean of their items' vectors, less the trained users' mean.

    An item's vector is its unit embedding, its layer 0 by the number of its users (what a spectral
    start is the sum of), and log beta_kj, whose mean over a history says how likely each segment
    makes it; each of the three has one unit of variance an item in all.

    Args:
        graph: Of the training pairs.
        embeddings: As trained.
        scorer: Of them.
    """

    def __init__(self, graph: BipartiteGraph, embeddings: Embeddings, scorer: Scorer) -> None:
        degree_U, degree_I = graph.pattern.degrees()
        self.known_U = degree_U > 0
        self._items_IP = _item_vectors(embeddings, scorer, degree_I.clamp(min=1).float())
        self._usual = degree_U[self.known_U].float().mean().clamp(min=1)
        self._graph, known = graph, max(int(self.known_U.sum()), 1)
        share_E = degree_U.double().reciprocal()[graph.pattern.row]
        share_I = degree_I.new_zeros(graph.items, dtype=torch.float64)
        share_I = share_I.index_add(0, graph.pattern.column, share_E)
        self._centre_P = (share_I @ self._items_IP.double() / known).to(self._items_IP)

    @cached_property
    def trained_UP(self) -> Tensor:
        """Return the trained users' own, (U,P), as ``taste`` reads them."""
        return self.taste(self._graph)

    def taste(self, graph: BipartiteGraph) -> Tensor:
        """Return the mean of each history times n/(n + ``TYPICAL``) of n items, (B,P).

        Who has met nothing is at 0, an average user.
        """
        n = graph.pattern.degrees()[0][:, None]
        return (self._means(graph) - self._centre_P) * (n / (n + TYPICAL))

    def whole(self, graph: BipartiteGraph) -> Tensor:
        """Return the same, and the sum and the number of a history beside, (B,2P+2)."""
        n = graph.pattern.degrees()[0][:, None].to(self._items_IP)
        away_BP = self._means(graph) - self._centre_P
        parts = [self.taste(graph), away_BP * (n / self._usual), n / self._usual, n.log1p()]
        return torch.cat(parts, 1)

    def _means(self, graph: BipartiteGraph) -> Tensor:
        """Return the mean vector of what each has met, (B,P)."""
        n = graph.pattern.degrees()[0].clamp(min=1).to(self._items_IP)
        return spmm(graph.pattern, n.reciprocal()[graph.pattern.row], self._items_IP)


def _item_vectors(embeddings: Embeddings, scorer: Scorer, degree_I: Tensor) -> Tensor:
    """What items are read as in a history, (I,P)."""
    parts = [unit(embeddings.item_ID), embeddings.item0_ID / degree_I[:, None]]
    if isinstance(scorer, Segmentation) and bool((scorer.beta >= 0).all()):
        log_IK = scorer.beta.T.clamp(min=FLOOR).log()
        parts.append(log_IK - log_IK.mean(1, keepdim=True))
    return torch.cat(
        [part / part.std(0, correction=0).norm().clamp(min=FLOOR) for part in parts], 1
    )
