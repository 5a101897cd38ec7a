"""What passes between the parts of a model: sizes, embeddings, scores.

Shape legend: U users, I items, K segments, D embedding width, B users in a batch, N negatives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gnnseg.rng import Rng
    from gnnseg.sparse import Csr
    from gnnseg.types.past import Earlier, Past


@dataclass(frozen=True)
class Shape:
    """What a component must know of the data to make its parameters.

    Sizes, and the items' training counts (I,); ``relations``: by name, the kinds they lead from and
    to; ``width``: D of the embeddings, known to heads once the encoder stands; ``classes``: of
    labelled users; ``segments``: K of the head, known to objectives.
    """

    users: int
    items: int
    item_counts: Tensor
    user_features: int = 0
    item_features: int = 0
    relations: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    entities: Mapping[str, int] = field(default_factory=dict)
    width: int = 0
    classes: int = 0
    segments: int = 0


@dataclass(frozen=True)
class Features:
    """Attributes as the encoders read them: user_UF, item_IF float32, None where there are none."""

    user: Tensor | None = None
    item: Tensor | None = None

    def to(self, device: torch.device) -> Features:
        """Return the same on a device."""
        return replace(
            self,
            user=None if self.user is None else self.user.to(device),
            item=None if self.item is None else self.item.to(device),
        )


@dataclass(frozen=True)
class Embeddings:
    """What an encoder says of users and items. Row r is user ``users[r]``; None: row = id.

    user0_UD, item0_ID: the layer-0 rows, for L2; layers: each layer's (users, items), for
    contrastive terms. past: what users, by id, have taken so far, for heads with habits. histories:
    the training pairs, users by id, for heads that read them (``reads_histories``). intents: of how
    many chunks of equal width a vector is, each of its own (DGCF); None: it is one.
    """

    user_UD: Tensor
    item_ID: Tensor
    user0_UD: Tensor
    item0_ID: Tensor
    users: Tensor | None = None
    items: Tensor | None = None
    layers: tuple[tuple[Tensor, Tensor], ...] | None = None
    past: Past | None = None
    histories: Csr | None = None
    intents: int | None = None


@dataclass(frozen=True)
class Explanation:
    """Why user b is shown item b, for B pairs.

    ``segments`` (B,K): parts of rec_ij that sum to 1 (``shares``), or signed parts of the logit;
    ``bias`` (B,): the item's own part of the logit; ``personal`` (B,): what of it is beside the
    segments (hybrid's cosine, the item prototypes of protomf);
    ``habit`` (B,): the part of rec_ij that is the user's own past, which together with the
    segments' makes 1.
    """

    shares: bool
    segments: Tensor
    bias: Tensor | None = None
    personal: Tensor | None = None
    habit: Tensor | None = None


class Scorer(ABC):
    """Scores as logits. Arguments are ROWS of the embeddings.

    What more a scorer can do it says by what it inherits beside: ``EmbeddingScorer``,
    ``HistoryScorer``, ``Segmentation``, ``Policy``.
    """

    @abstractmethod
    def pairs(self, users: Tensor, items: Tensor) -> Tensor:
        """Score pairs, (B,),(B,) -> (B,), or each user's own negatives, (B,),(B,N) -> (B,N)."""

    @abstractmethod
    def block(self, users: Tensor, items: Tensor | None = None) -> Tensor:
        """Score users against shared items, (B,),(N,) -> (B,N); None: the whole catalogue."""

    @abstractmethod
    def edges(self, pattern: Csr) -> Tensor:
        """Score the pattern's entries, (E,), in its order."""

    def sort_keys(self, users: Tensor) -> Tensor:
        """Return (B,I) numbers by which the catalogue is ranked as by the logits, or the logits.

        What logits are an increasing function of ranks alike and costs less.
        """
        return self.block(users)

    def logits_of(self, sort_keys: Tensor, items: Tensor) -> Tensor:
        """Turn the sort keys of some items, (B,N),(B,N), into their logits, (B,N)."""
        return sort_keys

    def shared_rows(self, users: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return which of N rows of sort keys is each of some users', (B,), and the rows, (N,I).

        None: everybody has a row of their own.
        """
        return None

    def normaliser(
        self, users: Tensor, items: Tensor, others: Tensor, offset: Tensor | None = None
    ) -> Tensor:
        """Compute log sum_n exp( score_bn + offset_n ) over shared items, (B,),(B,),(N,) -> (B,).

        A row's own item is left out wherever it stands among the others; -inf where none is left.
        """
        score_BN = self.block(users, others)
        if offset is not None:
            score_BN = score_BN + offset
        own_BN = items[:, None] == others
        none_B = own_BN.all(-1)  # of nothing, logsumexp has no gradient
        score_BN = score_BN.masked_fill(own_BN & ~none_B[:, None], -torch.inf)
        return score_BN.logsumexp(-1).masked_fill(none_B, -torch.inf)

    def stored(self) -> dict[str, Tensor]:
        """Return what a run folder keeps of the scores (scores.safetensors), by name."""
        return {}


class EmbeddingScorer(Scorer):
    """A scorer that can face other users at no cost on the items' side."""

    @abstractmethod
    def with_users(self, user_UD: Tensor) -> EmbeddingScorer:
        """Return a scorer of the same items, whose user row r is user_UD[r]."""


class HistoryScorer(EmbeddingScorer):
    """A scorer that reads something of its users off what they took, not off their embeddings."""

    @abstractmethod
    def with_histories(self, pattern: Csr) -> HistoryScorer:
        """Return a scorer of the same users, given their pairs, (users, items)."""


class HabitScorer(EmbeddingScorer):
    """A scorer of which one part is what its users took before.

    rec_ij = (1 - h_i) sum_k alpha_ik beta_kj + h_i p_i(j).
    """

    @abstractmethod
    def with_past(self, past: Past) -> HabitScorer:
        """Return a scorer of the same users, given their past."""

    @abstractmethod
    def after(self, users: Tensor, items: Tensor, earlier: Earlier, whole: Csr | None) -> Tensor:
        """Return log rec of training events, (E,),(E,) -> (E,), each after its earlier visits.

        ``whole``: all training pairs, where the events are all events.
        """

    @property
    @abstractmethod
    def habits(self) -> Tensor:
        """Return h_i, (U,); 0 where a user has no past, and where nothing was learned."""


class Segmentation(Scorer):
    """A scorer whose recommendations pass through segments.

    alpha (rows,K), whose rows sum to 1, and beta (K,rows). ``kind``: how beta is read:
    distribution, membership, affinity, or rate (mlp: a segment's mean chance of taking the item).
    """

    kind: str

    @property
    @abstractmethod
    def alpha(self) -> Tensor:
        """Return P(segment k | user i), (U,K)."""

    @property
    @abstractmethod
    def beta(self) -> Tensor:
        """Return what segments like, (K,I), read as ``kind`` says."""

    @abstractmethod
    def memberships(self, users: Tensor | None) -> Tensor:
        """Return alpha of some user rows, (B,K); None: of all."""

    @abstractmethod
    def truncated(self, top: int) -> Segmentation:
        """Return the scores through each user's ``top`` largest segments, alpha renormalised."""

    @abstractmethod
    def explain(self, users: Tensor, items: Tensor) -> Explanation:
        """Return the parts of each pair's score, (B,),(B,)."""

    @property
    def prototypes(self) -> Tensor | None:
        """Return c_k, (K,D), against which alpha is read; None: the centroids stand for them."""
        return None

    @property
    def vectors(self) -> Tensor | None:
        """Return what the users' alpha is read from, (U,D); None: their embeddings."""
        return None

    def directions(self) -> dict[str, Tensor]:
        """Return learned prototypes, (K,D), among the embeddings of 'user' and of 'item'."""
        return {}

    def stored(self) -> dict[str, Tensor]:
        """Return what a run folder keeps of the scores (scores.safetensors), by name."""
        return {"alpha": self.alpha, "beta": self.beta}


class PrototypeScorer(Scorer):
    """A scorer by likeness to prototypes, of users and maybe of items."""

    @abstractmethod
    def user_similarities(self, users: Tensor | None) -> Tensor:
        """Return how alike some user rows are to users' prototypes, (B,K); None: all rows."""

    @abstractmethod
    def item_similarities(self, items: Tensor | None) -> Tensor | None:
        """Return the same of item rows, (N,L); None where items have no prototypes."""


class Policy(Segmentation):
    """``distribution`` read as a policy pi(j|i) = rec_ij.

    Renormalised without the seen items, ``seen`` (rows,I).
    """

    @abstractmethod
    def log_prob(self, users: Tensor, items: Tensor, seen: Csr | None = None) -> Tensor:
        """Return log pi(j|i) of pairs, (B,),(B,) -> (B,)."""

    @abstractmethod
    def sample(self, users: Tensor, n: int, rng: Rng, seen: Csr | None = None) -> Tensor:
        """Draw items one after the other, none twice, (B,) -> (B,n)."""

    @abstractmethod
    def slate_log_prob(self, users: Tensor, slates: Tensor, seen: Csr | None = None) -> Tensor:
        """Return the exact log probability that ``sample`` draws these items in this order.

        (B,),(B,n) -> (B,).
        """
