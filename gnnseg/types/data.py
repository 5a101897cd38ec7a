"""What a data set is: ids, events, pairs, attributes, edges, logs, and their three parts.

Shape legend: U users, I items, E interactions (edges), K segments, D width, n ids of a kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gnnseg import mapped

if TYPE_CHECKING:
    import polars as pl

    from gnnseg.types.customers import Customers

Strings = np.ndarray[Any, np.dtype[np.object_]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


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
        return text_of_id(value) in self._index

    def index(self, value: object) -> int:
        """Return the index of an original id; KeyError for an id that is not here."""
        return self._index[text_of_id(value)]

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
    (E,) float64 money; order (E,) int64: events of a user and an order are one visit. Where there
    are no orders, events of a user and a time are.
    """

    user: Ints
    item: Ints
    _: KW_ONLY
    weight: Floats | None = None
    time: Floats | None = None
    spend: Floats | None = None
    order: Ints | None = None

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, rows: np.ndarray[Any, Any] | slice) -> Interactions:
        """Return some of its rows, by mask, number or slice."""
        return _each(self, lambda column: mapped.taken(column, rows))

    def in_files(self) -> Interactions:
        """Return the same, in files where large arrays are kept in files (``gnnseg.mapped``)."""
        return _each(self, mapped.kept)


@dataclass(frozen=True)
class Pairs:
    """Interactions of one part merged by (user, item), sorted by user then item, each pair once.

    weight: sum of the events' weights (count where they have none); count: number of events; first,
    last: their times; spend: summed; visits: each event as a part of its visit, 1 over the events
    of that visit, summed, so that a user's sum is how often they came. All (E,).
    """

    user: Ints
    item: Ints
    weight: Floats
    count: Ints
    _: KW_ONLY
    first: Floats | None = None
    last: Floats | None = None
    spend: Floats | None = None
    visits: Floats | None = None

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, rows: np.ndarray[Any, Any] | slice) -> Pairs:
        """Return some of its rows, by mask, number or slice."""
        return _each(self, lambda column: mapped.taken(column, rows))

    def of_users(self, start: int, stop: int) -> Pairs:
        """Return the pairs of the users from ``start`` to before ``stop``, counted from 0."""
        low, high = self.user.searchsorted([start, stop]).tolist()
        mine = self.rows(np.arange(low, high))
        return replace(mine, user=mine.user - start)


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

    def rows(self, some: np.ndarray[Any, Any]) -> Edges:
        """Return some of the edges, by number or by mask."""
        return Edges(self.source[some], self.target[some], self.weight[some])


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
        return _each(self, lambda column: mapped.taken(column, rows))


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

    ``fingerprint``: the content's sha256 (hex); ``whole``: the same of the data before they were
    split, however that is done; ``notes``: JSON-able account of reading, cleaning and splitting
    (counts, boundaries, leak report). ``visits``: items of visits
    (``gnnseg.data.visits``) by part, where a model keeps them apart. ``customers``: what each user
    did over all parts, where the events are known.
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
    whole: str = ""
    log: Log | None = None
    visits: Mapping[str, Interactions] = field(default_factory=dict)
    customers: Customers | None = None

    @property
    def parts(self) -> dict[str, Pairs]:
        """Return the pairs of 'train', 'valid' and 'test'."""
        return {"train": self.train, "valid": self.valid, "test": self.test}

    @cached_property
    def item_counts(self) -> Ints:
        """Return each item's training interactions n_j, (I,)."""
        return np.bincount(self.train.item, minlength=len(self.items)).astype(np.int64)


_Columns = TypeVar("_Columns", Interactions, Pairs, Log)


def _each(columns: _Columns, change: Callable[[np.ndarray[Any, Any]], Any]) -> _Columns:
    """Return the same with every column that is there changed."""
    found = {name: getattr(columns, name) for name in columns.__dataclass_fields__}
    changed: dict[str, Any] = {n: None if c is None else change(c) for n, c in found.items()}
    return replace(columns, **changed)


def _as_text(ids: Iterable[object]) -> pl.Series:
    import polars as pl

    if isinstance(ids, pl.Series) and not ids.dtype.is_float():
        return ids.cast(pl.String)
    return pl.Series([text_of_id(one) for one in ids], dtype=pl.String)


def text_of_id(value: object) -> str:
    """Return an id as text; a whole number that a program stores as a double has no '.0'."""
    if isinstance(value, float | np.floating | Decimal) and value == value:
        number = Decimal(float(value)) if isinstance(value, np.floating) else Decimal(value)
        if abs(number) < 2**53 and number == number.to_integral_value():
            return str(int(number))
    return str(value)
