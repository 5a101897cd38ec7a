"""Frozen data types and the protocols between the rooms of the house. Imports torch and numpy only.

Shape legend: U users, I items, E interactions (edges), K segments, D embedding width, B users in a
batch, N negatives, T length of a recommendation list.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    import polars as pl

    from gnnseg.rng import Rng
    from gnnseg.sparse import Csr

Strings = np.ndarray[Any, np.dtype[np.object_]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


class InputError(ValueError):
    """A mistake the user can mend: one sentence that names the file, line or key, what is wrong and
    what to do.

    The command prints it and exits with code 2.
    """


# --- data ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IdMap:
    """Original ids by index, and the way back; ``names`` are for people.

    ids, names: (n,) object arrays of str. An id's index is its rank (numeric if all are integers,
    else by UTF-8 bytes).
    """

    ids: Strings
    names: Strings | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index(self) -> dict[str, int]:
        return dict(zip(self.ids.tolist(), range(len(self.ids)), strict=True))

    @cached_property
    def _places(self) -> pl.DataFrame:
        """id, index: what a join looks ids up in."""
        import polars as pl

        ids = pl.Series("id", self.ids, dtype=pl.String)
        return pl.DataFrame([ids, pl.Series("index", np.arange(len(ids)))])

    def __contains__(self, value: object) -> bool:
        return str(value) in self._index

    def index(self, value: object) -> int:
        """Return the index of an original id; KeyError for an id that is not here."""
        return self._index[str(value)]

    def to_index(self, ids: Iterable[object], *, missing: int | None = None) -> Ints:
        """Return the indices of many original ids, (N,).

        Args:
            ids: N ids, compared as text: a list, an array or a polars column.
            missing: The index given to an id that is not here, such as -1; None: it is refused.

        Raises:
            KeyError: Of the first id that is not here, where ``missing`` is None.
        """

        given = _as_text(ids)
        rows = given.alias("id").to_frame()
        found = rows.join(self._places, on="id", how="left", maintain_order="left")["index"]
        if missing is None and found.null_count():
            first = given[int(found.is_null().arg_max() or 0)]
            raise KeyError(f"{first!r}: none of the {len(self):,} ids here")
        return found.fill_null(-1 if missing is None else missing).to_numpy().astype(np.int64)

    def to_ids(self, index: Ints) -> Strings:
        """Return the original ids of many indices, of any shape."""
        assert index.size == 0 or index.min() >= 0, "an index below 0 is nobody's"
        found: Strings = self.ids[index]
        return found

    def name(self, index: int) -> str:
        """Return what to call a row in front of people: its name if there is one, else its id."""
        named = self.names is not None and self.names[index]
        return str(named or self.ids[index])


@dataclass(frozen=True)
class Interactions:
    """Events in time, one row each, pairs may repeat: user, item (E,) int64 indices.

    weight (E,) float64 rating, quantity or plays; time (E,) float64 seconds since 1970 UTC; spend
    (E,) float64 money.
    """

    user: Ints
    item: Ints
    _: KW_ONLY
    weight: Floats | None = None
    time: Floats | None = None
    spend: Floats | None = None

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, rows: np.ndarray[Any, Any]) -> Interactions:
        """Return some of its rows, by mask or number."""
        return _rows_of(self, rows)


@dataclass(frozen=True)
class Pairs:
    """Interactions of one part merged by (user, item), sorted by user then item, each pair once.

    weight: sum of the events' weights (count where they have none); count: number of events; first,
    last: their times; spend: summed. All (E,).
    """

    user: Ints
    item: Ints
    weight: Floats
    count: Ints
    _: KW_ONLY
    first: Floats | None = None
    last: Floats | None = None
    spend: Floats | None = None

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Table:
    """Attributes by column, one row an id in index order.

    A column is (n,) float64, NaN where missing; (n,) object of text, several classes joined by '|',
    None where missing; or (n,D) float64 vectors, rows of NaN where missing.
    """

    columns: Mapping[str, np.ndarray[Any, Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0


@dataclass(frozen=True)
class Edges:
    """User-user edges (friendships, follows).

    source, target: (S,) int64 user indices; weight: (S,) float64.
    """

    source: Ints
    target: Ints
    weight: Floats

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Typed edges beside the interactions.

    Kinds are 'user', 'item' or an entity kind with its own ids in ``Split.entities``. ``user``,
    ``item`` (E,): the interaction that an edge tells of, -1 where of none; ``time`` (E,): when it
    is known to have come about, in seconds since 1970 UTC. A split leaves out the edges that tell
    of what is held out, and then they are None.
    """

    name: str
    source_kind: str
    target_kind: str
    source: Ints
    target: Ints
    weight: Floats
    user: Ints | None = None
    item: Ints | None = None
    time: Floats | None = None

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, kw_only=True)
class Log:
    """What was shown to whom and what came of it, one row an item shown, all (N,).

    The slate's number, user and item by index, ``position`` in the slate from 1, ``propensity`` in
    (0, 1], the probability that this item was shown at this position (None: not known), and
    ``reward``. ``part`` is 0 train, 1 valid, 2 test, whole slates to one part; None: undivided.
    """

    slate: Ints
    user: Ints
    item: Ints
    position: Ints
    reward: Floats
    propensity: Floats | None = None
    part: np.ndarray[Any, np.dtype[np.int8]] | None = None

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, rows: np.ndarray[Any, Any]) -> Log:
        """Return some of its rows, by mask or number."""
        return _rows_of(self, rows)


@dataclass(frozen=True)
class Truth:
    """What a planted set was drawn from.

    alpha: (U,K) memberships, beta: (K,I) item distributions, whose rows sum to 1; ``value``: (I,),
    what a click on an item earns.
    """

    alpha: Floats
    beta: Floats
    value: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A cleaned, indexed set of interactions with what is known beside them.

    ``notes`` say how it was read and cleaned. ``parts`` (E,) int8 is 0 train, 1 valid, 2 test where
    the set brings its own split, else None.
    """

    name: str
    users: IdMap
    items: IdMap
    interactions: Interactions
    user_table: Table | None = None
    item_table: Table | None = None
    social: Edges | None = None
    relations: tuple[Relation, ...] = ()
    entities: Mapping[str, IdMap] = field(default_factory=dict)
    truth: Truth | None = None
    parts: np.ndarray[Any, np.dtype[np.int8]] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    log: Log | None = None


@dataclass(frozen=True, kw_only=True)
class Split:
    """The three parts of a data set, with everything it knows beside them.

    ``fingerprint``: the content's sha256 (hex); ``notes``: JSON-able account of reading, cleaning
    and splitting (counts, boundaries, leak report).
    """

    name: str
    users: IdMap
    items: IdMap
    train: Pairs
    valid: Pairs
    test: Pairs
    user_table: Table | None = None
    item_table: Table | None = None
    social: Edges | None = None
    relations: tuple[Relation, ...] = ()
    entities: Mapping[str, IdMap] = field(default_factory=dict)
    truth: Truth | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    log: Log | None = None

    @property
    def parts(self) -> dict[str, Pairs]:
        """Return the pairs of 'train', 'valid' and 'test'."""
        return {"train": self.train, "valid": self.valid, "test": self.test}

    @cached_property
    def item_counts(self) -> Ints:
        """Return each item's training interactions n_j, (I,)."""
        return np.bincount(self.train.item, minlength=len(self.items)).astype(np.int64)


_Columns = TypeVar("_Columns", Interactions, Log)


def _rows_of(columns: _Columns, rows: np.ndarray[Any, Any]) -> _Columns:
    """Return some rows of every column that is there."""
    found = {name: getattr(columns, name) for name in columns.__dataclass_fields__}
    some: dict[str, Any] = {n: None if c is None else c[rows] for n, c in found.items()}
    return replace(columns, **some)


def _as_text(ids: Iterable[object]) -> pl.Series:
    import polars as pl

    if isinstance(ids, pl.Series):
        return ids.cast(pl.String)
    return pl.Series([str(one) for one in ids], dtype=pl.String)


# --- model ---------------------------------------------------------------------------------------


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
    contrastive terms.
    """

    user_UD: Tensor
    item_ID: Tensor
    user0_UD: Tensor
    item0_ID: Tensor
    users: Tensor | None = None
    items: Tensor | None = None
    layers: tuple[tuple[Tensor, Tensor], ...] | None = None


@dataclass(frozen=True)
class Explanation:
    """Why user b is shown item b, for B pairs.

    ``segments`` (B,K): parts of rec_ij that sum to 1 (``shares``), or signed parts of the logit;
    ``bias`` (B,): the item's own part of the logit; ``personal`` (B,): hybrid's cosine part.
    """

    shares: bool
    segments: Tensor
    bias: Tensor | None = None
    personal: Tensor | None = None


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

    def stored(self) -> dict[str, Tensor]:
        """Return what a run folder keeps of the scores (scores.safetensors), by name."""
        return {}


class EmbeddingScorer(Scorer):
    """A scorer that can face other users at no cost on the items' side."""

    @abstractmethod
    def with_users(self, user_UD: Tensor) -> EmbeddingScorer:
        """Return a scorer of the same items, whose user row r is user_UD[r]."""


class HistoryScorer(EmbeddingScorer):
    """A scorer that reads its users' segments off what they took, not off their embeddings."""

    @abstractmethod
    def with_histories(self, pattern: Csr) -> HistoryScorer:
        """Return a scorer of the same users, given their pairs, (users, items)."""


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


@dataclass(frozen=True)
class Logged:
    """What came of a batch's events, for objectives that learn from rewards.

    ``reward`` (B,); ``propensity`` (B,): the probability with which each was shown, None: not
    known. Of rows of a log, each (U,I): ``taken``, what users have taken by now (None: the events
    are the training pairs themselves); ``seen``, what of it could not be shown when the rows were
    made (None: anything could); ``history``, what users have taken, and clicked of what they were
    shown.
    """

    reward: Tensor
    propensity: Tensor | None = None
    seen: Csr | None = None
    taken: Csr | None = None
    history: Csr | None = None

    def at(self, rows: Tensor | None) -> Logged:
        """Return the same of some events, by number; None: of all."""
        if rows is None:
            return self
        shown = None if self.propensity is None else self.propensity[rows]
        return replace(self, reward=self.reward[rows], propensity=shown)

    def to(self, device: torch.device) -> Logged:
        """Return the same on a device."""
        return Logged(
            reward=self.reward.to(device),
            propensity=None if self.propensity is None else self.propensity.to(device),
            seen=None if self.seen is None else self.seen.to(device),
            taken=None if self.taken is None else self.taken.to(device),
            history=None if self.history is None else self.history.to(device),
        )


@dataclass(frozen=True)
class Batch:
    """What one training step looks at: users, items, weight (B,).

    ``negatives``: None, (N,) shared or (B,N) each user's own; ``log_q``: (I,) log probability that
    an item is drawn as a negative, None: uniform. ``logged``: what came of the events, where the
    objective learns from rewards. ``pattern``: the whole graph's pairs, where the batch is full.
    ``social``: (U,U) ties of all users, in both directions, and ``homophily``, what a tie is worth,
    0 to 1. ``labels``: (U,) int64 class of each user, -1 where it is not known.
    """

    users: Tensor
    items: Tensor
    weight: Tensor
    negatives: Tensor | None = None
    log_q: Tensor | None = None
    logged: Logged | None = None
    pattern: Csr | None = None
    social: Csr | None = None
    homophily: float = 1.0
    labels: Tensor | None = None

    def compact(
        self, *, users: bool = True, items: bool = True
    ) -> tuple[Batch, Tensor | None, Tensor | None]:
        """Return the batch by rows of the users and items it touches, and which these are.

        They are ascending; None: all, row = id.
        """
        batch, some_users, some_items = self, None, None
        if users:
            some_users, row = torch.unique(self.users, return_inverse=True)
            batch = replace(batch, users=row)
        if items:
            drawn = self.items[:0] if self.negatives is None else self.negatives.reshape(-1)
            some_items, row = torch.unique(torch.cat([self.items, drawn]), return_inverse=True)
            batch = replace(batch, items=row[: len(self.items)])
            if self.negatives is not None:
                batch = replace(batch, negatives=row[len(self.items) :].view(self.negatives.shape))
            if self.log_q is not None:
                batch = replace(batch, log_q=self.log_q[some_items])
        return batch, some_users, some_items


@dataclass(frozen=True)
class Step:
    """What the model says in one training step.

    ``view``: one more pass of the encoder, by a generator and a strength of noise.
    """

    embeddings: Embeddings
    scorer: Scorer
    view: Callable[[Rng, float], Embeddings] | None = None


class Recommender(Protocol):
    """Trained models and fitted baselines alike."""

    def scorer(self, graph: Any, features: Features) -> Scorer:
        """Return the scores on a graph."""
        ...
