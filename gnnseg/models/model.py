"""The parts of a model under one roof: encoder, head, objective and the extra terms with their
weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from gnnseg.distributed.ranks import ALONE, Ranks
from gnnseg.graph import BipartiteGraph
from gnnseg.models.encoders.base import Encoder
from gnnseg.models.encoders.capabilities import EmbedsSomeRows, ReadsHistories, SamplesNeighbours
from gnnseg.models.finished import Recommending
from gnnseg.models.heads import FinishedHead, Head, NumberedHead, WarmedHead
from gnnseg.models.objectives import (
    GraphObjective,
    LabelObjective,
    Objective,
    PairClassifier,
    RenewedObjective,
)
from gnnseg.rng import Rng
from gnnseg.types import Batch, Embeddings, Features, InputError, Scorer, Step, returned


class Model(nn.Module, Recommending):
    """Encoder, head, objective and terms: loss = objective + sum of weight * term.

    A term of weight 0 is left out.
    """

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
        everybody = asked & {"social", "labels"}  # terms that look at more users than the batch's
        self._everybody = bool(everybody)
        self._whole = any(part.reads_all for part in self.parts())
        self.compacts = True  # steps embed the rows they ask for alone, where the encoder can

    def reset(
        self, graph: BipartiteGraph, features: Features, rng: Rng, labels: Tensor | None = None
    ) -> None:
        """Set first values, once: the encoder's from the graph, the head's from its embeddings.

        Terms that read the graph do so. The segments stand in the order that the observed classes,
        (U,), ask for.
        """
        self.encoder.reset(graph, features, rng.child("encoder"))
        embeddings = self.embed(graph, features)
        self.head.reset(embeddings, graph, rng.child("head"))
        for name, part in self._named():
            if isinstance(part, GraphObjective):
                part.reset(graph, rng.child(name))
        self.number(embeddings, labels)

    def number(self, embeddings: Embeddings, labels: Tensor | None) -> None:
        """Put the segments into the order that the observed classes, (U,), ask for."""
        if labels is not None:
            step = Step(embeddings, self.score(embeddings))
            for part in self.parts():
                order = part.numbering(step, labels) if isinstance(part, LabelObjective) else None
                if order is not None:
                    self._renumber(order)

    def _renumber(self, order: Tensor) -> None:
        if not isinstance(self.head, NumberedHead):
            raise InputError(
                f"head {type(self.head).__name__.lower()}: cannot number its segments as the "
                "labels ask; inherit gnnseg.models.heads.NumberedHead, or set "
                "regularisers.labels.readout=linear."
            )
        self.head.renumber(order)

    def embed(self, graph: BipartiteGraph, features: Features) -> Embeddings:
        """Return everybody's embeddings, without dropout or noise, and what they took."""
        found = self._embeddings(self.encoder(graph, features))
        histories = graph.pattern if self.head.reads_histories else None
        return replace(found, past=graph.past, histories=histories)

    def _embeddings(self, found: Any) -> Embeddings:
        return returned(found, Embeddings, f"encoder: {type(self.encoder).__name__}.forward")

    def score(self, embeddings: Embeddings) -> Scorer:
        """Return the head's scores of these embeddings."""
        scorer: Any = self.head(embeddings)
        if not isinstance(scorer, Scorer):
            raise InputError(
                f"head {type(self.head).__name__.lower()}: gives a {type(scorer).__name__}; let "
                "that class inherit gnnseg.types.Scorer, or Segmentation where it has segments."
            )
        return scorer

    def scorer(self, graph: BipartiteGraph, features: Features) -> Scorer:
        """Return the scores on a graph."""
        return self.score(self.embed(graph, features))

    def fitting_scorer(self, embeddings: Embeddings) -> Scorer:
        """Return what training sees, smooth in the users, also of a head that is finished."""
        if isinstance(self.head, FinishedHead):
            return self.head.fitting_scorer(embeddings)
        return self.score(embeddings)

    def finish(self, embeddings: Embeddings, graph: BipartiteGraph, rng: Rng) -> None:
        """Make, once after the last step, what the head makes of finished embeddings."""
        if isinstance(self.head, FinishedHead):
            self.head.finish(embeddings, graph, rng)

    def begin(self, epoch: int) -> None:
        """Begin an epoch of training, counted from 0: curricula and draws go by it."""
        if isinstance(self.encoder, SamplesNeighbours):
            self.encoder.epoch = epoch
        for part in self.parts():
            part.epoch = epoch

    @property
    def waiting(self) -> bool:
        """Return whether the head waits for trained embeddings (``WarmedHead``)."""
        return isinstance(self.head, WarmedHead) and self.head.waiting

    def warm_up(
        self,
        progress: float,
        graph: BipartiteGraph,
        features: Features,
        rng: Rng,
        labels: Tensor | None = None,
    ) -> None:
        """Let what waits for trained embeddings have them, where it is due.

        A head starts from them, terms look at them anew (``RenewedObjective``). ``progress``: of
        the epochs, 0 to 1, before the one that begins, 1 before the last; ``labels``: as in
        ``reset``.
        """
        if isinstance(self.head, WarmedHead) and self.head.due(progress):
            self.eval()
            with torch.no_grad():
                embeddings = self.embed(graph, features)
                self.head.restart(embeddings, graph, rng.child("head"))
                self.number(embeddings, labels)
        waiting = [
            (name, part)
            for name, part in self._named()
            if isinstance(part, RenewedObjective) and part.due
        ]
        if waiting:
            self.eval()
            with torch.no_grad():
                embeddings = self.embed(graph, features)
                for name, part in waiting:
                    part.renew(embeddings, rng.child(name))

    def parts(self) -> Iterator[Objective]:
        """Give the objective, then the extra terms."""
        for part in (self.objective, *self.terms.values()):
            assert isinstance(part, Objective)
            yield part

    def _named(self) -> Iterator[tuple[str, Objective]]:
        """Give the parts by the names their draws go by."""
        return zip(("objective", *self.terms), self.parts(), strict=True)

    def predict(self, step: Step) -> Tensor | None:
        """Return the chance that each user is in each class, (U,C); None: nothing learns labels."""
        learned = (part for part in self.parts() if isinstance(part, LabelObjective))
        return next((part.predict(step) for part in learned), None)

    @property
    def numbered_by_labels(self) -> bool:
        """Return whether classes say which segment bears which number."""
        learned = (part for part in self.parts() if isinstance(part, LabelObjective))
        return any(getattr(part, "readout", None) == "alpha" for part in learned)

    def learned(self) -> dict[str, Tensor]:
        """Return all weights, by parameter name."""
        return dict(self.state_dict())

    @property
    def size(self) -> int:
        """Return how many numbers are learned."""
        return sum(each.numel() for each in self.parameters())

    @property
    def trained(self) -> Encoder:
        """Return the encoder."""
        return self.encoder

    def kept(self) -> dict[str, Tensor]:
        """Return what a run folder keeps of the head beside the scores."""
        return self.head.stored()

    @property
    def negatives(self) -> int | None:
        """Return at how many negatives a pair a score's sigmoid is a chance; None: at none."""
        objective = self.objective
        return objective.negatives if isinstance(objective, PairClassifier) else None

    def losses(
        self,
        graph: BipartiteGraph,
        features: Features,
        batch: Batch,
        rng: Rng,
        ranks: Ranks = ALONE,
    ) -> dict[str, Tensor]:
        """Compute the objective, then each extra term, unweighted.

        Of several processes, each computes what sums up to that: its part of the batch, or of a
        loss that has no parts (``Objective.portion``) the whole, divided by their number.
        """
        of_log = batch.logged is not None and batch.logged.taken is not None
        if isinstance(self.encoder, ReadsHistories) and not of_log:
            # what a log shows was new to its user
            graph = graph.hiding(batch.users, batch.items, rng.child("encoder"))
        samples = isinstance(self.encoder, SamplesNeighbours) and self.encoder.samples
        part, inner = batch.part(ranks), rng.child("encoder")
        shares = [None if part.spread is None else each.portion(part) for each in self.parts()]
        if all(share is not None for share in shares):
            batch = part  # no loss looks at more
            if samples:
                inner = inner.child(f"process {ranks.number}")
        users = items = None
        some = isinstance(self.encoder, EmbedsSomeRows) and not self._whole
        some = some and (self.compacts or samples)
        if some and batch.pattern is None:
            batch, users, items = batch.compact(
                users=not self._everybody, items=not self.head.catalogue
            )
        found = self.encoder(graph, features, users, items, rng=inner)
        embeddings = self._embeddings(found)

        def view(inner: Rng, noise: float) -> Embeddings:
            again = self.encoder(graph, features, users, items, rng=inner, noise=noise)
            return self._embeddings(again)

        step, losses = Step(embeddings, self.score(embeddings), view), {}
        part = batch.part(ranks)
        names = (self.objective_name, *self.terms)
        for (scope, each), name, share in zip(self._named(), names, shares, strict=True):
            loss = each(step, batch if share is None else part, rng.child(scope))
            if returned(loss, Tensor, f"{name}: forward").dim() != 0:
                raise InputError(
                    f"{name}: forward returned a tensor of shape {tuple(loss.shape)}; return one "
                    "number, the mean over the batch."
                )
            if not ranks.alone:
                loss = loss * (1 / ranks.count if share is None else share)
            losses[name] = loss
        return losses

    def total(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Add up the losses by their weights."""
        total = losses[self.objective_name]
        for name, weight in self.weights.items():
            total = total + weight * losses[name]
        return total
