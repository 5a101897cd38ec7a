"""A baseline in the place of a model: fitted at once, then embedded, scored and stored alike.

Shape legend: U users, I items, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.models.baselines.base import FittedBaseline, Vectors
from gnnseg.models.baselines.scores import leading
from gnnseg.models.finished import Recommending
from gnnseg.models.heads import FinishedHead
from gnnseg.rng import Rng
from gnnseg.types import Embeddings, Features, Pairs, Scorer, returned

WIDTH = 64  # directions of the scores that stand for the users of a baseline without vectors
STATE, HEAD = "baseline.", "head."  # what names of stored tensors begin with


class FittedModel(Recommending):
    """A baseline, and what a head makes of its users afterwards.

    Its embeddings are the baseline's vectors. Where it has none, the ``WIDTH`` leading directions
    of its scores stand for them under a head, and else they are of width 0.

    Args:
        baseline: What scores, not fitted.
        clustered: Makes the head that clusters vectors of a width; None: the baseline's own scores.
    """

    def __init__(
        self, baseline: FittedBaseline, clustered: Callable[[int], FinishedHead] | None = None
    ) -> None:
        self.baseline, self.clustered = baseline, clustered
        self.head: FinishedHead | None = None
        self._own: Scorer | None = None

    @property
    def size(self) -> int:
        """Return how many numbers were learned."""
        return sum(value.numel() for value in self.baseline.state.values())

    def fit(self, pairs: Pairs, users: int, items: int, rng: Rng) -> None:
        """Fit the baseline to the training pairs."""
        self.baseline.fit(pairs, users, items, rng)

    def embed(self, graph: BipartiteGraph, features: Features) -> Embeddings:
        """Return the vectors of users and items, of width 0 where there are none."""
        found = self.baseline.scorer(graph, features)
        where = f"baseline: {type(self.baseline).__name__}.scorer"
        self._own = returned(found, Scorer, where)  # type: ignore[type-abstract]
        device, vectors = graph.pattern.column.device, self.baseline.vectors()
        if vectors is None and self.clustered is not None:
            vectors = leading(self._own, graph.users, graph.items, WIDTH, Rng(0).child("leading"))
        if vectors is None:
            vectors = Vectors(torch.zeros(graph.users, 0), torch.zeros(graph.items, 0))
        user, item = vectors.user_UD.to(device), vectors.item_ID.to(device)
        if self.clustered is not None and self.head is None:
            self.head = self.clustered(user.shape[1]).to(device).eval()
        return Embeddings(user, item, user, item)

    def score(self, embeddings: Embeddings) -> Scorer:
        """Return the head's scores, else the baseline's own on the graph that was embedded."""
        if self.head is not None:
            scorer: Scorer = self.head(embeddings)
            return scorer
        assert self._own is not None, "embed comes first"
        return self._own

    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Let the head cluster the users, where there is one."""
        if self.head is not None:
            self.head.finish(embeddings, graph, rng)

    def learned(self) -> dict[str, Tensor]:
        """Return the baseline's state, and the head's."""
        found = {STATE + name: value for name, value in self.baseline.state.items()}
        head = {} if self.head is None else self.head.state_dict()
        return found | {HEAD + name: value for name, value in head.items()}

    def kept(self) -> dict[str, Tensor]:
        """Return what a run folder keeps of the head beside the scores."""
        return {} if self.head is None else self.head.stored()

    def restore(self, learned: Mapping[str, Tensor]) -> None:
        """Take what ``learned`` gave of the baseline."""
        self.baseline.state = {
            name.removeprefix(STATE): value
            for name, value in learned.items()
            if name.startswith(STATE)
        }
