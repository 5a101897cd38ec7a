"""The parts of a model under one roof: encoder, head, objective and the extra terms with their
weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.encoders.capabilities import EmbedsSomeRows, ReadsHistories, SamplesNeighbours
from gnnseg.models.heads import Head
from gnnseg.models.objectives import Objective
from gnnseg.rng import Rng
from gnnseg.types import Batch, Embeddings, Features, Scorer, Step


class Model(nn.Module):
    """loss = objective + sum of weight * term. A term of weight 0 is left out."""

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        objective: Objective,
        terms: Mapping[str, tuple[float, Objective]],
    ) -> None:
        super().__init__()
        self.encoder, self.head, self.objective = encoder, head, objective
        self.terms = nn.ModuleDict(
            {name: term for name, (weight, term) in terms.items() if weight != 0}
        )
        self.weights = {name: weight for name, (weight, _) in terms.items() if weight != 0}
        self.objective_name = type(objective).__name__.lower()
        asked = {
            need
            for part in (objective, *(terms[name][1] for name in self.weights))
            for need in part.needs
        }
        self._everybody = bool(
            asked & {"social", "labels"}
        )  # terms that look at all users, not only the batch's

    def reset(
        self, graph: BipartiteGraph, features: Features, rng: Rng, labels: Tensor | None = None
    ) -> None:
        """First values, once: the encoder's from the graph, the head's from the first embeddings,
        its segments in the order that what is known, (U,) classes, asks for."""
        self.encoder.reset(graph, features, rng.child("encoder"))
        embeddings = self.embed(graph, features)
        self.head.reset(embeddings, rng.child("head"))
        if labels is not None:
            step = Step(embeddings, self.head(embeddings))
            for part in self.parts():
                if (order := part.numbering(step, labels)) is not None:
                    self.head.renumber(order)

    def embed(self, graph: BipartiteGraph, features: Features) -> Embeddings:
        embeddings = self.encoder(graph, features)
        assert isinstance(embeddings, Embeddings)
        return embeddings

    def scorer(self, graph: BipartiteGraph, features: Features) -> Scorer:
        scorer: Scorer = self.head(self.embed(graph, features))
        return scorer

    def begin(self, epoch: int) -> None:
        """Tell those whom it concerns which epoch of training this is, from 0."""
        if isinstance(self.encoder, SamplesNeighbours):
            self.encoder.epoch = epoch
        for part in self.parts():
            part.epoch = epoch

    def parts(self) -> Iterator[Objective]:
        """The objective and the extra terms."""
        for part in (self.objective, *self.terms.values()):
            assert isinstance(part, Objective)
            yield part

    def predict(self, step: Step) -> Tensor | None:
        """(U,C) chance that each user is in each class, where a part learns labels."""
        for part in self.parts():
            if (found := part.predict(step)) is not None:
                return found
        return None

    def losses(
        self, graph: BipartiteGraph, features: Features, batch: Batch, rng: Rng
    ) -> dict[str, Tensor]:
        """The objective first, then each extra term, unweighted."""
        if isinstance(self.encoder, ReadsHistories) and batch.taken is None:
            # what a log shows was new to its user
            graph = graph.hiding(batch.users, batch.items, rng.child("encoder"))
        users = items = None
        if isinstance(self.encoder, EmbedsSomeRows) and batch.pattern is None:
            batch, users, items = batch.compact(
                users=not self._everybody, items=not self.head.catalogue
            )
        embeddings = self.encoder(graph, features, users, items, rng=rng.child("encoder"))

        def view(inner: Rng, noise: float) -> Embeddings:
            again = self.encoder(graph, features, users, items, rng=inner, noise=noise)
            assert isinstance(again, Embeddings)
            return again

        step = Step(embeddings, self.head(embeddings), view)
        losses = {self.objective_name: self.objective(step, batch, rng.child("objective"))}
        for name, term in self.terms.items():
            losses[name] = term(step, batch, rng.child(name))
        return losses

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        total = losses[self.objective_name]
        for name, weight in self.weights.items():
            total = total + weight * losses[name]
        return total
