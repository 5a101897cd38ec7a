"""New users, who were not in training: embedded from what they have met; what was trained stays.

Shape legend: B new users, I items, D width, E pairs of their histories, N sampled items.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from gnnseg.graph import BipartiteGraph
from gnnseg.graph.bipartite import Weights
from gnnseg.models.encoders.capabilities import EmbedsNewUsers
from gnnseg.models.histories import Histories
from gnnseg.models.imputation import Imputation
from gnnseg.models.lbfgs import minimise
from gnnseg.models.model import Model
from gnnseg.models.prior import TrainedPrior, wholeness
from gnnseg.models.regression import Regression
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

STEPS = 20  # of L-BFGS
CAUTION = 10.0  # what the prior weighs against the first interactions, beside LEAST
ENOUGH = 2.0  # interactions after which that is half of it
ATTRIBUTES = 50.0  # the same where attributes say who somebody is
BESIDE = 4.0
LEAST = 0.1  # what the prior always weighs
SHORT = 0.05  # share of the trained users whose histories count as short
SAMPLE = 1024  # items that stand for the catalogue where its softmax is not exact at no cost
CHUNK = 1024  # new users solved for at once
FITTED = 1 << 15  # trained users that the prior is fitted to, at most: evenly spaced
FEW = 4096  # pairs that are scored faster one by one than by a sparse product


class FoldIn:
    """A trained model with its items' side computed once, ready for new users in any number.

    A new user receives from the items they have met and from their friends, as the encoder does it.
    What the encoder cannot receive, their own layer 0 x, is the maximum a posteriori of sum_j log
    p(j | x) - w(n)/2 |z(x)|^2, j in the history of n items, p the softmax of the scores over the
    catalogue (``distribution``: rec itself, whose sum is 1; else over N uniform items, the same for
    all), z standard normal under the trained users' prior (``TrainedPrior``) about what the encoder
    expects of somebody new. w(n) = LEAST + CAUTION (1 - s(n)) / (1 + (n/ENOUGH)^2), s near 1 for
    histories as long as nearly all that were trained on (``wholeness``): the maximum over a handful
    of interactions says more than they do, over a history like the trained ones it is what training
    found, caution there would move people whom training put where their few interactions say
    (encoders of attributes: LEAST + ATTRIBUTES / (1 + (n/BESIDE)^2)).
    ``STEPS`` of L-BFGS from the prior's mean.

    Where what is known of a user says all (an encoder of attributes), there is nothing to solve
    for, unless the history is shorter than nearly all that were trained on: then x may move from m
    in so far as it is shorter. Attributes that were not given are imputed from the history
    (``Imputation``). Each new user's result is their own: who else is in the batch does not matter,
    and nobody else's scores move.
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
        self._model, self._weights = model, weights
        self.graph, self.given = graph, features
        self._trained = model.embed(graph, features)
        self._scorer = model.fitting_scorer(self._trained)
        self._served: Scorer = model.head(self._trained)
        degree = graph.pattern.degrees()[0]
        self._known = degree > 0
        met = degree[self._known].double()
        self.short = float(met.quantile(SHORT)) if len(met) else 0.0
        self._guesses: dict[tuple[bool, ...], Tensor] = {}
        items = graph.items
        self._sample: Tensor | None = None
        self._exact = isinstance(self._scorer, Policy)  # its scores are normalised already
        if not self._exact and items > SAMPLE:
            generator = Rng(0).child("newcomers").torch("items")
            drawn = torch.randperm(items, generator=generator)[:SAMPLE]
            self._sample = drawn.sort().values.to(graph.pattern.column.device)

    @cached_property
    def _histories(self) -> Histories:
        return Histories(self.graph, self._trained, self._served)

    @cached_property
    def _trained_whole(self) -> Tensor:
        return self._histories.whole(self.graph)

    @cached_property
    def _imputation(self) -> Imputation:
        return Imputation(self._histories, self.given.user)

    @cached_property
    def _prior(self) -> TrainedPrior:
        own_UD = self._trained.user0_UD
        if self._encoder.free_users:
            expected = self._encoder.expected(
                self._trained, self._known, self.graph.users, self.given
            )
        else:
            expected = own_UD[self._known].mean(0)
        known = self._known.nonzero().squeeze(1)
        if len(known) > FITTED:
            known = known[torch.arange(FITTED, device=known.device) * len(known) // FITTED]
        away_ND = (own_UD - expected)[known]
        some = BipartiteGraph(self.graph.pattern.only(known)[0])
        return TrainedPrior(away_ND, self._histories.whole(some))

    def scorer(
        self,
        histories: Pairs,
        count: int,
        attributes_BF: Tensor | None = None,
        friends: Csr | None = None,
        known_F: Tensor | None = None,
        past: Past | None = None,
    ) -> Scorer:
        """Return scores of ``count`` new users: row r is whom ``histories`` calls user r.

        Items are the run's own; ``past``: what they took, for a head with habits; the rest as in
        ``embed``.
        """
        embedded_BD = self.embed(histories, count, attributes_BF, friends, known_F)
        scorer = scorer_of(self._model, self._trained, self._served, embedded_BD)
        if isinstance(scorer, HistoryScorer):
            pattern = Csr.of(histories.user, histories.item, (count, self.graph.items))
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
        known_F: Tensor | None = None,
    ) -> Tensor:
        """Return the new users' embeddings, (B,D).

        Args:
            histories: What they have met: ``user`` counts from 0, ``item`` is the run's index.
            count: B.
            attributes_BF: In the run's columns; None: not known.
            friends: Ties to the run's users, (B,U) with values; None: not known.
            known_F: Bool, which columns of the attributes were given; None: all.
        """
        trained_UF = self.given.user
        if trained_UF is not None:
            attributes_BF, known_F = _given(attributes_BF, known_F, count, trained_UF)
        parts = []
        for at in range(0, count, CHUNK):
            size = min(CHUNK, count - at)
            rows = slice(at, at + size)
            graph = self.graph.with_users(
                histories.of_users(at, at + size), size, self._weights,
                None if friends is None else friends.rows(rows),
            ).to(self._known.device)  # fmt: skip
            given_BF = None if attributes_BF is None else attributes_BF[rows]
            parts.append(self._one_part(graph, given_BF, known_F))
        return torch.cat(parts) if parts else self._trained.user_UD[:0]

    @torch.no_grad()
    def left_out(self, known_F: Tensor | None) -> Scorer:
        """Return the trained users' scores, as a regression on histories says them of others.

        Each one's embedding by their history and the attributes that follow from it, ``known_F``,
        with the regression fitted to everybody else: about as much as histories say.
        """
        known_U, told = self._known, [self._trained_whole]
        if self.given.user is not None and known_F is not None:
            told.append(self.given.user[:, known_F.to(self.given.user.device)])
        regression = Regression(torch.cat(told, 1)[known_U], self._trained.user_UD[known_U])
        embedded_UD = self._trained.user_UD.clone()
        embedded_UD[known_U] -= regression.residual_NT.to(embedded_UD)
        return scorer_of(self._model, self._trained, self._served, embedded_UD)

    @torch.no_grad()
    def _one_part(
        self, graph: BipartiteGraph, given_BF: Tensor | None, known_F: Tensor | None
    ) -> Tensor:
        """(B,D) embeddings of some new users, what is not known of them imputed."""
        encoder = self._encoder
        tieless = encoder.reads_ties_alone and graph.social is None
        lacking = given_BF is not None and known_F is not None and not bool(known_F.all())
        if not (tieless or lacking):
            return self._solve(graph, Features(given_BF, self.given.item))
        history_BP = self._histories.taste(graph)
        if given_BF is None or known_F is None:
            nothing = history_BP.new_zeros(graph.users, 0)
            none_F = torch.zeros(0, dtype=torch.bool)
            return self._imputed(graph, self._trained.user_UD[:, :0], nothing, nothing, none_F)
        filled_BF = self._imputation.attributes(given_BF, known_F, history_BP)
        found_BD = self._solve(graph, Features(filled_BF, self.given.item))
        if encoder.free_users:
            return found_BD
        guess_BD = self._guess(graph, filled_BF)
        better_BD = self._imputed(graph, self._trained_guess(known_F), guess_BD, given_BF, known_F)
        met_B = graph.pattern.degrees()[0] > 0  # without a message a guess is of another kind
        return found_BD + torch.where(met_B[:, None], better_BD - guess_BD, 0.0)

    def _imputed(
        self,
        graph: BipartiteGraph,
        guess_UD: Tensor,
        guess_BD: Tensor,
        given_BF: Tensor,
        known_F: Tensor,
    ) -> Tensor:
        """Return embeddings by history and a guess, (B,D).

        Of a history as long as the trained ones its sum and length count too, as they do for the
        prior's mean (``Histories.whole``); of a shorter one its mean alone.
        """
        told = self._trained.user_UD, guess_UD, guess_BD, given_BF, known_F
        taste_BD = self._imputation.embeddings(*told, self._histories.taste(graph))
        whole_BD = self._imputation.embeddings(
            *told, self._histories.whole(graph), self._trained_whole
        )
        whole_B1 = wholeness(graph.pattern.degrees()[0].to(taste_BD), self.short)[:, None]
        return whole_B1 * whole_BD + (1 - whole_B1) * taste_BD

    def _guess(self, graph: BipartiteGraph, filled_UF: Tensor) -> Tensor:
        """Embeddings by attributes that are imputed in part, with nothing solved for."""
        features = Features(filled_UF, self.given.item)
        embedded = self._encoder.embed_new_users(graph, self._trained, features)
        return embedded(self._encoder.expected(self._trained, self._known, graph.users, features))

    def _trained_guess(self, known_F: Tensor) -> Tensor:
        """The same of the trained users, (U,D), as if no more were known of them."""
        key = tuple(known_F.tolist())
        if key not in self._guesses:
            filled_UF = self._imputation.trained_attributes(known_F)
            self._guesses[key] = self._guess(self.graph, filled_UF)
        return self._guesses[key]

    def _solve(self, graph: BipartiteGraph, features: Features) -> Tensor:
        """(B,D) embeddings of some new users, by L-BFGS where a layer 0 is their own."""
        embedded = self._encoder.embed_new_users(graph, self._trained, features)
        mean = self._encoder.expected(self._trained, self._known, graph.users, features)
        met_B = graph.pattern.degrees()[0].to(mean)
        free_B = self._freedom(met_B)
        if not bool((free_B > 0).any()):
            return embedded(mean)
        prior, whole_B = self._prior, torch.zeros_like(met_B)
        if self._encoder.free_users:
            whole_B = wholeness(met_B, self.short)
            away_BD = prior.mean(self._histories.whole(graph), whole_B)
            mean = mean + free_B[:, None] * away_BD
        weight_B = self._prior_weight(met_B)

        def layer0(z_BD: Tensor) -> Tensor:
            return mean + free_B[:, None] * prior.moved(z_BD, whole_B)

        def value(z_BD: Tensor) -> Tensor:
            likely_B = self._log_likelihood(graph.pattern, embedded(layer0(z_BD)))
            return weight_B / 2 * z_BD.square().sum(1) - likely_B

        return embedded(layer0(minimise(value, torch.zeros_like(mean), STEPS)))

    def _prior_weight(self, met_B: Tensor) -> Tensor:
        """What the prior weighs beside the likelihood of so many items, (B,)."""
        if not self._encoder.free_users:
            return LEAST + ATTRIBUTES / (1 + (met_B / BESIDE) ** 2)
        begun_B = 1 - wholeness(met_B, self.short)
        return LEAST + CAUTION * begun_B / (1 + (met_B / ENOUGH) ** 2)

    def _freedom(self, met_B: Tensor) -> Tensor:
        """How far new users who have met so many items may be from what is expected, 0 to 1."""
        if self._encoder.free_users:
            return (met_B > 0).to(met_B)
        if not self._encoder.free_while_short:
            return torch.zeros_like(met_B)
        left_B = (1 - met_B / max(self.short, 1.0)).clamp(min=0)
        return left_B.sqrt() * (met_B > 0)

    def _log_likelihood(self, pattern: Csr, user_BD: Tensor) -> Tensor:
        """sum_j log p(j | x) of each one's history, (B,), up to a constant."""
        scorer = scorer_of(self._model, self._trained, self._scorer, user_BD)
        few = pattern.entries < FEW
        score_E = scorer.pairs(pattern.row, pattern.column) if few else scorer.edges(pattern)
        total_B = score_E.new_zeros(len(user_BD)).index_add(0, pattern.row, score_E)
        if self._exact:
            return total_B
        users = torch.arange(len(user_BD), device=user_BD.device)
        scores_BN = scorer.block(users, self._sample)
        return total_B - scores_BN.logsumexp(-1) * pattern.degrees()[0]


def _given(
    attributes_BF: Tensor | None, known_F: Tensor | None, count: int, trained_UF: Tensor
) -> tuple[Tensor, Tensor]:
    """Attributes where the model reads some, and which columns of them are known: maybe none."""
    if attributes_BF is None:
        width = trained_UF.shape[1]
        return trained_UF.new_zeros(count, width), torch.zeros(width, dtype=torch.bool)
    known_F = torch.ones(trained_UF.shape[1], dtype=torch.bool) if known_F is None else known_F
    return attributes_BF.to(trained_UF), known_F.to(trained_UF.device)


def scorer_of(model: Model, trained: Embeddings, scorer: Scorer, user_BD: Tensor) -> Scorer:
    """Return a scorer of the same items for other users, (B,D)."""
    if isinstance(scorer, EmbeddingScorer):
        return scorer.with_users(user_BD)
    again: Scorer = model.head(Embeddings(user_BD, trained.item_ID, user_BD, trained.item0_ID))
    return again
