"""New users, who were not in training: embedded from what they have met; what was trained stays.

Shape legend: B new users, I items, D width, E pairs of their histories, N sampled items.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.bipartite import Weights
from gnnseg.models.encoders.capabilities import EmbedsNewUsers
from gnnseg.models.model import Model
from gnnseg.rng import Rng
from gnnseg.sparse import Csr
from gnnseg.types import (
    Embeddings,
    EmbeddingScorer,
    Features,
    HabitScorer,
    HistoryScorer,
    InputError,
    Pairs,
    Past,
    Policy,
    Scorer,
)

STEPS = 20  # of Adam
RATE = 0.1  # a step, in parts of the root mean square of a trained user's layer 0
PRIOR = 10.0  # how much being an average user weighs against one interaction
SAMPLE = 1024  # items that stand for the catalogue where its softmax is not exact at no cost
CHUNK = 1024  # new users solved for at once
FEW = 4096  # pairs that are scored faster one by one than by a sparse product


class FoldIn:
    """A trained model with its items' side computed once, ready for new users in any number.

    A new user is what their attributes say, or an average user, until their history says otherwise.
    They receive from the items they have met and from their friends, as the encoder does it, and
    what the encoder cannot receive, their own layer 0 x, is the maximum a posteriori of sum_j log
    p(j | x) - PRIOR |x - mean|^2 / (2 s^2), j in the history, p the softmax of the scores over the
    catalogue (``distribution``: rec itself, whose sum is 1; else over N uniform items, the same for
    all), mean what the encoder expects of somebody new, s^2 the trained users' mean square, by
    ``STEPS`` of Adam from the mean. Each new user's result is their own: who else is in the batch
    does not matter, and nobody else's scores move.
    """

    @torch.no_grad()
    def __init__(
        self, model: Model, graph: BipartiteGraph, features: Features, weights: Weights | None
    ) -> None:
        """Compute the items' side.

        Args:
            model: As trained.
            graph: Of the training pairs.
            features: Attributes as trained on.
            weights: What a pair of a history weighs (``graph.weights``).

        Raises:
            InputError: The encoder embeds no new users.
        """
        if not isinstance(model.encoder, EmbedsNewUsers):
            raise InputError(
                f"encoder {type(model.encoder).__name__.lower()}: does not know how to embed users "
                "it was not trained on."
            )
        self._encoder: EmbedsNewUsers = model.encoder
        self._model, self._graph, self._weights = model, graph, weights
        self._features = features
        self._trained = model.embed(graph, features)
        self._scorer = model.fitting_scorer(self._trained)
        self._served: Scorer = model.head(self._trained)
        self._known = graph.pattern.degrees()[0] > 0
        self._scale = float(self._trained.user0_UD[self._known].square().mean().sqrt())
        items = graph.items
        self._sample: Tensor | None = None
        self._exact = isinstance(self._scorer, Policy)  # its scores are normalised already
        if not self._exact and items > SAMPLE:
            generator = Rng(0).child("newcomers").torch("items")
            drawn = torch.randperm(items, generator=generator)[:SAMPLE]
            self._sample = drawn.sort().values.to(graph.pattern.column.device)

    def scorer(
        self,
        histories: Pairs,
        count: int,
        attributes_BF: Tensor | None = None,
        friends: Csr | None = None,
        past: Past | None = None,
    ) -> Scorer:
        """Return scores of ``count`` new users: row r is whom ``histories`` calls user r.

        Items are the run's own; ``past``: what they took, for a head with habits; the rest as in
        ``embed``.
        """
        embedded_BD = self.embed(histories, count, attributes_BF, friends)
        scorer = scorer_of(self._model, self._trained, self._served, embedded_BD)
        if isinstance(scorer, HistoryScorer):
            pattern = Csr.of(histories.user, histories.item, (count, self._graph.items))
            scorer = scorer.with_histories(pattern.to(embedded_BD.device))
        if isinstance(scorer, HabitScorer) and past is not None:
            scorer = scorer.with_past(past.to(embedded_BD.device))
        return scorer

    def embed(
        self,
        histories: Pairs,
        count: int,
        attributes_BF: Tensor | None = None,
        friends: Csr | None = None,
    ) -> Tensor:
        """Return the new users' embeddings, (B,D).

        Args:
            histories: What they have met: ``user`` counts from 0, ``item`` is the run's index.
            count: B.
            attributes_BF: In the run's columns; None: not known.
            friends: Ties to the run's users, (B,U) with values; None: not known.
        """
        parts = []
        for at in range(0, count, CHUNK):
            inside = slice(*histories.user.searchsorted([at, at + CHUNK]).tolist())
            size = min(CHUNK, count - at)
            part = Pairs(
                histories.user[inside] - at, histories.item[inside], histories.weight[inside],
                histories.count[inside],
                spend=None if histories.spend is None else histories.spend[inside],
            )  # fmt: skip
            rows = slice(at, at + size)
            known = Features(
                None if attributes_BF is None else attributes_BF[rows], self._features.item
            )
            graph = self._graph.with_users(
                part, size, self._weights, None if friends is None else friends.rows(rows)
            )
            device = self._known.device
            parts.append(self._solve(graph.to(device), size, known.to(device)))
        return torch.cat(parts) if parts else self._trained.user_UD[:0]

    def _solve(self, graph: BipartiteGraph, count: int, features: Features) -> Tensor:
        """(B,D) embeddings of one part of the new users, by Adam where a layer 0 is their own."""
        with torch.no_grad():
            embedded = self._encoder.embed_new_users(graph, self._trained, features)
            mean = self._encoder.expected(self._trained, self._known, count, features)
        start = mean.clone().requires_grad_(True)
        optimizer = torch.optim.Adam([start], lr=RATE * self._scale)
        for _ in range(STEPS if graph.pattern.entries and self._encoder.free_users else 0):
            with torch.enable_grad():
                likelihood = self._log_likelihood(graph.pattern, embedded(start))
                far = (start - mean).square().sum() / self._scale**2
                start.grad = torch.autograd.grad(PRIOR / 2 * far - likelihood, start)[0]
            optimizer.step()
        return embedded(start.detach()).detach()

    def _log_likelihood(self, pattern: Csr, user_BD: Tensor) -> Tensor:
        """sum_j log p(j | x) of all histories (B,I), up to a constant."""
        scorer = scorer_of(self._model, self._trained, self._scorer, user_BD)
        few = pattern.entries < FEW
        scores = scorer.pairs(pattern.row, pattern.column) if few else scorer.edges(pattern)
        if self._exact:
            return scores.sum()
        users = torch.arange(len(user_BD), device=user_BD.device)
        scores_BN = scorer.block(users, self._sample)
        return scores.sum() - (scores_BN.logsumexp(-1) * pattern.degrees()[0]).sum()


def scorer_of(model: Model, trained: Embeddings, scorer: Scorer, user_BD: Tensor) -> Scorer:
    """Return a scorer of the same items for other users, (B,D)."""
    if isinstance(scorer, EmbeddingScorer):
        return scorer.with_users(user_BD)
    again: Scorer = model.head(Embeddings(user_BD, trained.item_ID, user_BD, trained.item0_ID))
    return again
