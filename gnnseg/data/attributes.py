"""How each attribute becomes numbers: fitted once, on ids met in training, and applied to anybody
ever after.

Values before they are numbers are one array an attribute: (n,) float64, NaN where missing; (n,)
object of text, several classes joined by '|', None where missing; or (n,D) float64 vectors, rows of
NaN where missing. Shape legend: n ids, I items, F columns, C classes, D dimensions of a vector.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import polars as pl

from gnnseg.types import InputError, Pairs, Strings, Table

DAY = 86400.0
CLIP = 4.0  # standard deviations
TOTALS = ("frequency", "spend level")  # derived of users by adding up
SLACK = 1e-6  # standard deviations that rounding may move a value
HUGE = 1e100  # numbers beyond are taken for it: their squares are finite
SKEWED = 20.0  # a largest value beyond this many medians: the logarithm is taken
SUPPORT = 5  # training ids that hold a class; those of fewer are 'other'
COVER = 0.25  # of the training ids whose class is known must hold a kept one, else the column is as good as an id
Values = np.ndarray[Any, Any]
Floats32 = np.ndarray[Any, np.dtype[np.float32]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


class Left(Exception):
    """An attribute with nothing to say is left out; the message says why."""


class Attribute(Protocol):
    """``source``: what it was made of, such as 'age'; ``names``: of its columns, such as
    'gender=F'."""

    kind: ClassVar[str]

    @property
    def source(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def cast(self, values: Values, ids: Strings) -> Values:
        """Somebody else's values as these are read. InputError, with the id, for those that are of
        another type."""
        ...

    def apply(self, values: Values) -> Floats32:
        """(n,F) of the values of any n ids."""
        ...


@dataclass(frozen=True, kw_only=True)
class Number:
    """(x - middle)/scale in [low, high], x the value or, of ``log``, log(1 + value); what is
    missing is 0, and ``flagged``.

    middle: the median; scale: interquartile range / 1.349, the standard deviation of a normal
    distribution of that range; low, high: the least and the greatest of training, in [-CLIP, CLIP].
    What lies beyond is taken for them or, of ``derived`` numbers, for the middle: a pause of a kind
    that training never saw says nothing that it could have learned.
    """

    kind: ClassVar[str] = "number"
    source: str
    log: bool
    middle: float
    scale: float
    low: float
    high: float
    derived: bool
    flagged: bool

    @classmethod
    def fit(cls, source: str, values: Values, met: Bools, *, derived: bool = False) -> Number:
        """The logarithm is taken of heavy tails where no value is negative; what is derived is one
        already where it needs be."""
        missing = ~there(values)
        known = np.clip(values[met & ~missing], -HUGE, HUGE)
        if not len(known):
            raise Left("unknown of everybody in training")
        log = not derived and bool(
            known.min() >= 0 and known.max() > SKEWED * max(float(np.median(known)), 1e-12)
        )
        known = np.log1p(np.maximum(known, 0)) if log else known
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        scale = float((high - low) / 1.349) or float(known.std())
        if known.min() == known.max() or scale == 0:
            raise Left("the same for everybody in training")
        bounds = np.clip((np.array([known.min(), known.max()]) - middle) / scale, -CLIP, CLIP)
        return cls(
            source=source, log=log, middle=float(middle), scale=scale, low=float(bounds[0]),
            high=float(bounds[1]),
            derived=derived, flagged=bool(missing.any()),
        )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        name = f"log {self.source}" if self.log else self.source
        return (name, f"{name} unknown") if self.flagged else (name,)

    def cast(self, values: Values, ids: Strings) -> Values:
        if values.ndim > 1:
            raise InputError(
                f"attribute {self.source}: of {ids[0]} is a vector; the run reads a number there."
            )
        if values.dtype != object:
            return values
        text = pl.Series(values.tolist(), dtype=pl.String)
        numbers = text.str.strip_chars().cast(pl.Float64, strict=False)
        wrong = (numbers.is_null() & text.is_not_null()).arg_true()
        if len(wrong):
            row = int(wrong[0])
            raise InputError(
                f"attribute {self.source}: of {ids[row]} is {text[row]!r}; the run reads a number "
                "there."
            )
        return numbers.cast(pl.Float64).to_numpy()

    def apply(self, values: Values) -> Floats32:
        missing = ~there(values)
        x = np.clip(np.where(missing, 0.0, values), -HUGE, HUGE)
        x = np.log1p(np.maximum(x, 0)) if self.log else x
        with np.errstate(over="ignore"):
            scaled = np.clip((x - self.middle) / self.scale, -CLIP, CLIP)
        nothing = missing | (
            self.derived & ((scaled < self.low - SLACK) | (scaled > self.high + SLACK))
        )
        scaled = np.where(nothing, 0.0, np.clip(scaled, self.low, self.high))
        return np.stack([scaled, missing] if self.flagged else [scaled], axis=1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Classes:
    """A column a class, 1/sqrt(classes of the row) where it holds; rare ones are 'other', none is
    'unknown'.

    ``other``, ``flagged``: whether there are columns for these, for the set the fit saw has such
    rows.
    """

    kind: ClassVar[str] = "classes"
    source: str
    classes: tuple[str, ...]
    other: bool
    flagged: bool

    @classmethod
    def fit(
        cls, source: str, values: Values, met: Bools, *, at_most: int, weight: Values | None = None
    ) -> Classes:
        """The ``at_most`` commonest, by training ids that hold them and then by alphabet.
        ``weight`` (n,): what an id counts."""
        held = _held(values)
        row, word = held["row"].to_numpy(), held["word"]
        worth = np.where(met, 1.0 if weight is None else weight, 0.0)
        trained = held.filter(pl.Series(met[row])).with_columns(weight=worth[row[met[row]]])
        if trained.is_empty():
            raise Left("unknown of everybody in training")
        counts = (
            trained.group_by("word")
            .agg(pl.len(), pl.col("weight").sum())
            .sort("weight", "word", descending=[True, False])
        )
        classes = tuple(counts.filter(pl.col("len") >= SUPPORT)["word"].head(at_most).to_list())
        inside = word.is_in(classes).to_numpy()
        known, covered = (
            np.bincount(rows, minlength=len(values)) > 0 for rows in (row, row[inside])
        )
        if worth[covered].sum() < COVER * worth[known].sum():
            raise Left(f"{len(counts):,} different among {int(met[known].sum()):,} in training")
        if len(counts) == 1 and met[known].sum() == met.sum():
            raise Left("the same for everybody in training")
        return cls(
            source=source,
            classes=classes,
            other=not bool(inside.all()),
            flagged=not bool(known.all()),
        )

    @property
    def names(self) -> tuple[str, ...]:
        more = [f"{self.source}=other"] * self.other + [f"{self.source} unknown"] * self.flagged
        return (*(f"{self.source}={word}" for word in self.classes), *more)

    def cast(self, values: Values, ids: Strings) -> Values:
        return _text(self.source, values, ids)

    def apply(self, values: Values) -> Floats32:
        held = _held(values)
        several = np.maximum(np.bincount(held["row"].to_numpy(), minlength=len(values)), 1)
        return self._member(held, len(values)) * (several**-0.5).astype(np.float32)[:, None]

    def member(self, values: Values) -> Bools:
        """(n,C) which columns hold of each id."""
        return self._member(_held(values), len(values))

    def _member(self, held: pl.DataFrame, count: int) -> Bools:
        row = held["row"].to_numpy()
        place = {word: at for at, word in enumerate(self.classes)}
        rest = len(place)
        at = held["word"].replace_strict(place, default=rest, return_dtype=pl.Int64).to_numpy()
        member = np.zeros((count, rest + 2), dtype=bool)
        member[row, at] = True
        member[:, -1] = ~member.any(1)
        return np.ascontiguousarray(member[:, [*[True] * rest, self.other, self.flagged]])


@dataclass(frozen=True, kw_only=True)
class Text:
    """Words and letter triples, hashed to ``buckets`` with a sign (Weinberger et al. 2009), rows of
    length 1; no text is zero."""

    kind: ClassVar[str] = "text"
    source: str
    buckets: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.source} #{bucket}" for bucket in range(self.buckets))

    def cast(self, values: Values, ids: Strings) -> Values:
        return _text(self.source, values, ids)

    def apply(self, values: Values) -> Floats32:
        rows: list[int] = []
        places: list[int] = []
        signs: list[float] = []
        known: dict[str, tuple[list[int], list[float]]] = {}
        for number, value in enumerate(values):
            for word in re.findall(r"\w+", str(value or "").lower()):
                if word not in known:
                    known[word] = self._places(word)
                rows += [number] * len(known[word][0])
                places += known[word][0]
                signs += known[word][1]
        matrix = np.zeros((len(values), self.buckets), dtype=np.float32)
        np.add.at(matrix, (np.array(rows, dtype=np.int64), np.array(places, dtype=np.int64)), signs)
        length = np.linalg.norm(matrix, axis=1, keepdims=True)
        return np.asarray(matrix / np.maximum(length, 1e-12), dtype=np.float32)

    def _places(self, word: str) -> tuple[list[int], list[float]]:
        grams = (word, *(f"#{word}#"[at : at + 3] for at in range(len(word))))
        digests = [
            int.from_bytes(hashlib.blake2b(g.encode(), digest_size=8).digest(), "little")
            for g in grams
        ]
        return [(d >> 1) % self.buckets for d in digests], [1.0 if d & 1 else -1.0 for d in digests]


@dataclass(frozen=True, kw_only=True)
class Vector:
    """(x_d - centre_d)/scale_d in [-CLIP, CLIP], divided by sqrt(D); what is missing is 0, and
    ``flagged``.

    centre, scale: mean and standard deviation; a dimension that does not vary is 0.
    """

    kind: ClassVar[str] = "vector"
    source: str
    dimensions: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    flagged: bool

    @classmethod
    def fit(
        cls,
        source: str,
        values: Values,
        met: Bools,
        dimensions: tuple[str, ...] = (),
        *,
        flag: bool = True,
    ) -> Vector:
        """``dimensions``: their names, else numbers from 0."""
        missing = ~there(values)
        known = np.clip(values[met & ~missing], -HUGE, HUGE)
        if not len(known):
            raise Left("unknown of everybody in training")
        spread = np.where(known.min(0) == known.max(0), 0.0, known.std(0))
        if not spread.any():
            raise Left("the same for everybody in training")
        names = dimensions or tuple(f"{source} {at}" for at in range(values.shape[1]))
        centre, scale = tuple(known.mean(0).tolist()), tuple(spread.tolist())
        return cls(
            source=source,
            dimensions=names,
            centre=centre,
            scale=scale,
            flagged=flag and bool(missing.any()),
        )

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.dimensions, f"{self.source} unknown") if self.flagged else self.dimensions

    def cast(self, values: Values, ids: Strings) -> Values:
        width = len(self.centre)
        if values.ndim == 1 and all(value is None or value != value for value in values):
            return np.full((len(values), width), np.nan)
        found = "no vector" if values.ndim == 1 else f"a vector of {values.shape[1]}"
        if values.ndim == 1 or values.shape[1] != width:
            raise InputError(
                f"attribute {self.source}: of {ids[0]} is {found}; the run reads a list of {width} "
                "numbers there."
            )
        return values

    def apply(self, values: Values) -> Floats32:
        missing = ~there(values)
        scale = np.array(self.scale)
        x = np.clip(np.where(missing[:, None], 0.0, values), -HUGE, HUGE) - np.array(self.centre)
        with np.errstate(over="ignore"):
            scaled = np.clip(
                np.divide(x, scale, out=np.zeros_like(x), where=scale > 0), -CLIP, CLIP
            )
        scaled = np.where(missing[:, None], 0.0, scaled) / len(scale) ** 0.5
        return np.hstack([scaled, missing[:, None]] if self.flagged else [scaled]).astype(
            np.float32
        )


KINDS: dict[str, type[Any]] = {each.kind: each for each in (Number, Classes, Text, Vector)}


@dataclass(frozen=True)
class Interest:
    """Shares of what a user takes, by class of a column of items; those of few events are drawn to
    what is usual.

    ``member`` (I,C) bool: the classes of each item; ``usual`` (C,): the mean share in training;
    ``worth``: how many events the usual counts for, the concentration of a Dirichlet distribution
    of users' shares, by its moments in training (Mosimann 1962).
    """

    member: Bools
    usual: Values
    worth: float

    @classmethod
    def fit(cls, member: Bools, pairs: Pairs, count: int) -> Interest:
        taken, events = _taken(member, pairs, count)
        some = events > 0
        share, one = taken[some] / events[some, None], 1 / events[some]
        usual = share.mean(0) if some.any() else np.zeros(member.shape[1])
        apart = float(
            (usual * (1 - usual)).sum()
        )  # expected |share - usual|^2 of a user of one event
        kept = ((share - usual) ** 2).sum() / max(apart, 1e-12) - one.sum()
        sure = float(np.clip(kept / max((1 - one).sum(), 1e-12), 1e-3, 1 - 1e-3))  # 1/(worth + 1)
        return cls(member, usual, 1 / sure - 1)

    def shares(self, pairs: Pairs, count: int) -> Values:
        """(n,C) (events of a class + worth usual)/(events + worth); an item of several classes
        counts for each in equal parts."""
        taken, events = _taken(self.member, pairs, count)
        events = events[:, None]
        return np.where(
            events > 0, (taken + self.worth * self.usual) / (events + self.worth), np.nan
        )


def _taken(member: Bools, pairs: Pairs, count: int) -> tuple[Values, Values]:
    """Each user's events by class (n,C), and all that fall in some class (n,)."""
    from scipy.sparse import csr_array

    events = csr_array(
        (pairs.count.astype(np.float64), (pairs.user, pairs.item)), shape=(count, len(member))
    )
    taken = np.asarray(events @ (member / np.maximum(member.sum(1, keepdims=True), 1)))
    return taken, taken.sum(1)


@dataclass(frozen=True)
class Encoding:
    """All attributes in use, of users and of items, as they were fitted; what applies it to anybody
    changes nothing of it.

    ``until``: when training ended (seconds since 1970), None without times. ``interests``: of each
    column of items that users' shares are derived from; which classes each item has is kept beside
    the JSON, for it is as long as the catalogue.
    """

    user: tuple[Attribute, ...] = ()
    item: tuple[Attribute, ...] = ()
    until: float | None = None
    interests: Mapping[str, Interest] = field(default_factory=dict, compare=False)

    def names(self, kind: str) -> tuple[str, ...]:
        """Of the columns of 'user' or 'item'."""
        return tuple(name for each in self._of(kind) for name in each.names)

    def users(
        self,
        count: int,
        pairs: Pairs,
        table: Table | None,
        beside: Mapping[str, Values] | None = None,
    ) -> Floats32:
        """(n,F) of ``count`` newcomers by what they have met so far and what is known of them;
        ``beside``: vectors by source.

        Their totals are only so far: below the middle they say that somebody is new, not that they
        do little, and are taken for it.
        """
        derived = of_users(count, pairs, self.until, self.interests)
        for each in self.user:
            if isinstance(each, Number) and each.source in TOTALS and each.source in derived:
                most = each.middle + each.high * each.scale
                derived[each.source] = np.clip(derived[each.source], each.middle, most)
        return self.apply("user", count, {**derived, **columns_of(table), **(beside or {})})

    def items(
        self,
        count: int,
        pairs: Pairs,
        table: Table | None,
        beside: Mapping[str, Values] | None = None,
    ) -> Floats32:
        """(n,F) of any ``count`` items; ``beside``: vectors and names ('title') by source."""
        derived = of_items(count, pairs, self.until)
        return self.apply("item", count, {**derived, **columns_of(table), **(beside or {})})

    def apply(self, kind: str, count: int, values: Mapping[str, Values]) -> Floats32:
        """(n,F) of values by source; a source that is not there is unknown of everybody."""
        parts = [
            each.apply(values[each.source] if each.source in values else _nothing(each, count))
            for each in self._of(kind)
        ]
        return (
            np.ascontiguousarray(np.hstack(parts))
            if parts
            else np.zeros((count, 0), dtype=np.float32)
        )

    def to_json(self) -> dict[str, Any]:
        def plain(each: Any) -> dict[str, Any]:
            return {"kind": each.kind, **asdict(each)}

        interests = {
            name: {"usual": i.usual.tolist(), "worth": i.worth}
            for name, i in self.interests.items()
        }
        user, item = ([plain(each) for each in attributes] for attributes in (self.user, self.item))
        return {"until": self.until, "user": user, "item": item, "interests": interests}

    @staticmethod
    def from_json(stored: Mapping[str, Any], members: Mapping[str, Bools]) -> Encoding:
        def made(node: Mapping[str, Any]) -> Attribute:
            told = {
                k: tuple(v) if isinstance(v, list) else v for k, v in node.items() if k != "kind"
            }
            attribute: Attribute = KINDS[node["kind"]](**told)
            return attribute

        user, item = (tuple(made(node) for node in stored[kind]) for kind in ("user", "item"))
        interests = {
            name: Interest(members[name], np.array(node["usual"]), node["worth"])
            for name, node in stored["interests"].items()
        }
        return Encoding(user, item, stored["until"], interests)

    def _of(self, kind: str) -> tuple[Attribute, ...]:
        return self.user if kind == "user" else self.item


def _nothing(attribute: Attribute, count: int) -> Values:
    """Values that are all missing."""
    if isinstance(attribute, Vector):
        return np.full((count, len(attribute.centre)), np.nan)
    return (
        np.full(count, np.nan)
        if isinstance(attribute, Number)
        else np.full(count, None, dtype=object)
    )


# --- values ---------------------------------------------------------------------------------------
# ------------


def columns_of(table: Table | None) -> dict[str, Values]:
    """A table's columns as values; numbers under a name that says id or code are classes."""
    found = dict(table.columns) if table is not None else {}
    return {
        name: numerals(values)
        if values.dtype != object and values.ndim == 1 and is_code(name)
        else values
        for name, values in found.items()
    }


def there(values: Values) -> Bools:
    """(n,) bool: of whom there is a value."""
    if values.dtype == object:
        return np.array([value is not None and value != "" for value in values], dtype=bool)
    return np.asarray(np.isfinite(values).reshape(len(values), -1).all(1), dtype=bool)


def is_code(name: str) -> bool:
    """Does a column's name say that its numbers are names?"""
    return re.search(r"(?i:(^|[_\W])(id|code|zip|plz))$|[a-z](Id|ID|Code|Zip)$", name) is not None


def numerals(values: Values) -> Values:
    """Numbers as text, whole ones without '.0'; missing: None."""
    text = [
        None if not np.isfinite(v) else str(int(v)) if v == int(v) else repr(float(v))
        for v in values
    ]
    return np.array([*text, None], dtype=object)[:-1]


def _text(source: str, values: Values, ids: Strings) -> Values:
    if values.ndim > 1:
        raise InputError(f"attribute {source}: of {ids[0]} is a vector; the run reads text there.")
    return values if values.dtype == object else numerals(values)


def _held(values: Values) -> pl.DataFrame:
    """row, word: each row's different classes, once."""
    text = pl.DataFrame(
        {"row": np.arange(len(values)), "text": pl.Series(values.tolist(), dtype=pl.String)}
    )
    distinct = (
        text.select(pl.col("text").unique())
        .with_columns(word=pl.col("text").str.split("|"))
        .explode("word")
    )
    words = (
        distinct.with_columns(pl.col("word").str.strip_chars())
        .filter(pl.col("word") != "")
        .unique()
    )
    return text.join(words, on="text").select("row", "word").sort("row", "word")


# --- derived from train
# ---------------------------------------------------------------------------------------


def of_users(
    count: int, pairs: Pairs, until: float | None, interests: Mapping[str, Interest]
) -> dict[str, Values]:
    """Recency, frequency and money (Hughes 1994), the time between events, and shares of interest
    by category.

    frequency: log(1 + events); recency: log(1 + days from the last event to ``until``); interval:
    log(1 + mean days between events), of two or more; spend level, spend an event: log(1 + money);
    shares of X: of the events, by class of the column X, drawn to the usual by their number
    (``Interest``).
    """
    events = np.bincount(pairs.user, pairs.count, minlength=count)
    some, found = events > 0, {}
    found["frequency"] = np.where(some, np.log1p(events), np.nan)
    if until is not None and pairs.first is not None and pairs.last is not None:
        last, first = np.full(count, -np.inf), np.full(count, np.inf)
        np.maximum.at(last, pairs.user, pairs.last)
        np.minimum.at(first, pairs.user, pairs.first)
        days = np.where(some, (until - last) / DAY, 0.0)
        between = np.where(
            events > 1,
            (np.where(some, last, 0) - np.where(some, first, 0)) / DAY / np.maximum(events - 1, 1),
            0,
        )
        found["recency"] = np.where(some, np.log1p(np.maximum(days, 0)), np.nan)
        found["interval"] = np.where(events > 1, np.log1p(between), np.nan)
    if pairs.spend is not None:
        spend = np.maximum(np.bincount(pairs.user, pairs.spend, minlength=count), 0)
        found["spend level"] = np.where(some, np.log1p(spend), np.nan)
        found["spend an event"] = np.where(some, np.log1p(spend / np.maximum(events, 1)), np.nan)
    return found | {
        f"shares of {name}": interest.shares(pairs, count) for name, interest in interests.items()
    }


def of_items(count: int, pairs: Pairs, until: float | None) -> dict[str, Values]:
    """popularity: log(1 + users); sales: log(1 + units); price: log(1 + spend a unit); age: log(1 +
    days from the first event to ``until``)."""
    users = np.bincount(pairs.item, minlength=count)
    some, found = users > 0, {}
    found["popularity"] = np.where(some, np.log1p(users), np.nan)
    if pairs.spend is not None:
        units = np.maximum(np.bincount(pairs.item, pairs.weight, minlength=count), 0)
        spend = np.maximum(np.bincount(pairs.item, pairs.spend, minlength=count), 0)
        found["sales"] = np.where(some, np.log1p(units), np.nan)
        found["price"] = np.where(
            units > 0, np.log1p(spend / np.where(units > 0, units, 1)), np.nan
        )
    if until is not None and pairs.first is not None:
        first = np.full(count, np.inf)
        np.minimum.at(first, pairs.item, pairs.first)
        found["age"] = np.where(
            some, np.log1p(np.maximum(np.where(some, until - first, 0) / DAY, 0)), np.nan
        )
    return found
