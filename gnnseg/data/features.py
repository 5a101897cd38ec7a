"""Which attributes are read, and their encoding: one matrix of users, one of items.

What is derived is derived from train only. Shape legend: U users, I items, F columns, D dimensions
of a vector.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gnnseg.data import vectors
from gnnseg.data.attributes import Attribute, Classes, Left, Number, Vector
from gnnseg.data.derived import Interest, of_items, of_users
from gnnseg.data.encoding import Encoding
from gnnseg.data.hashed import HashedText
from gnnseg.data.values import Bools, Floats32, Values, columns_of, there
from gnnseg.types import InputError, Pairs, Split

SHARES = 50  # commonest classes of a column that interests are shares of; the rest together
TITLE = "title"  # what items' names are called among the attributes
Say = Callable[[str], None]
Known = dict[str, dict[str, Values]]  # values by source, of 'user' and 'item'


@dataclass(frozen=True)
class Encoded:
    """A set's attributes as numbers.

    ``user`` (U,F), ``item`` (I,F): float32 in index order, None where nothing is known.
    """

    encoding: Encoding
    user: Floats32 | None
    item: Floats32 | None


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """Which attributes are read, and how.

    ``attributes``: the tables beside the interactions. ``derived``: what train says of users
    (recency, frequency, spend level, spend a visit, interval, shares of what they take by
    category) and items (price, sales, popularity, age); an attribute of the same name goes before
    it. ``only``, ``without``: attributes by name, 'user.age' and 'item.age' where both have one.
    ``text``: columns of free text, each hashed to ``buckets``; 'title' is items' names.
    ``classes``: kept of a column or a vocabulary, the commonest, the rest together as 'other'.
    ``user_vectors``, ``item_vectors``: vectors from elsewhere by id: Parquet (id, then numbers or
    one list), .npz (ids, vectors), or .npy with its ids a line each in NAME.ids.txt. A column of
    lists of numbers is a vector too.
    """

    attributes: bool = True
    derived: bool = True
    only: list[str] | None = None
    without: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    buckets: int = 256
    classes: int = 100
    user_vectors: str | None = None
    item_vectors: str | None = None

    def __post_init__(self) -> None:
        if self.buckets < 1 or self.classes < 1:
            raise InputError("features.buckets and features.classes must be 1 or more.")

    @property
    def leaves_out(self) -> bool:
        """Return whether attributes that there are may be kept from what reads them."""
        return not self.attributes or self.only is not None or bool(self.without)

    @property
    def all(self) -> FeatureSettings:
        """Return the same settings with nothing left out."""
        return replace(self, attributes=True, only=None, without=[])

    def fit(
        self, split: Split, train_pairs: Pairs, say: Say, without: Iterable[str] = ()
    ) -> Encoded:
        """Fit medians, classes and scales to the ids met in training, and encode the set.

        Args:
            split: The set, of which nothing is read that training must not know.
            train_pairs: The pairs trained on.
            say: Tells the user what is read, and what is left out.
            without: Attributes that must not be read, such as 'user.age' where age is predicted.

        Raises:
            InputError: For a setting that names what is not there.
        """
        met = {
            "user": np.bincount(train_pairs.user, minlength=len(split.users)) > 0,
            "item": np.bincount(train_pairs.item, minlength=len(split.items)) > 0,
        }
        timed = train_pairs.last is not None and len(train_pairs)
        until = float(train_pairs.last.max()) if timed and train_pairs.last is not None else None
        categories = self._categories(split, train_pairs) if self.derived else {}
        interests = {
            name: Interest.fit(each.member(values), train_pairs, len(split.users))
            for name, (each, values) in categories.items()
        }
        given: Known = {kind: self._given(split, kind, say) for kind in ("user", "item")}
        known: Known = {kind: dict(values) for kind, values in given.items()}
        if self.derived:
            of = {
                "user": of_users(len(split.users), train_pairs, until, interests),
                "item": of_items(len(split.items), train_pairs, until),
            }
            known = {kind: {**given[kind], **_others(of[kind], given[kind])} for kind in given}
        self._check_names(known)
        shares = {
            f"shares of {name}": tuple(f"share of {n}" for n in each.names)
            for name, (each, _) in categories.items()
        }
        made = {
            kind: self._fit_all(
                kind, known[kind], met[kind], given[kind], shares, set(without), say
            )
            for kind in known
        }
        read = {each.source for each in made["user"]}
        kept = {name: one for name, one in interests.items() if f"shares of {name}" in read}
        encoding = Encoding(made["user"], made["item"], until, kept)
        user, item = (
            encoding.apply(kind, len(ids), known[kind]) if made[kind] else None
            for kind, ids in (("user", split.users), ("item", split.items))
        )
        return Encoded(encoding, user, item)

    def _fit_all(
        self,
        kind: str,
        known: Mapping[str, Values],
        met: Bools,
        given: Mapping[str, Values],
        shares: Mapping[str, tuple[str, ...]],
        without: set[str],
        say: Say,
    ) -> tuple[Attribute, ...]:
        """Return the attributes of users or of items that are read; the others are said."""
        found: list[Attribute] = []
        left: list[str] = []
        for source, values in known.items():
            if self._chosen(kind, source) and not {source, f"{kind}.{source}"} & without:
                names = shares.get(source, ())
                try:
                    found.append(self._fit(kind, source, values, met, source in given, names))
                except Left as why:
                    left.append(f"{source} ({why})")
        _tell(kind, found, left, given, say)
        return tuple(found)

    def _fit(
        self,
        kind: str,
        source: str,
        values: Values,
        met: Bools,
        given: bool,
        dimensions: tuple[str, ...],
    ) -> Attribute:
        if given and self._is_text(kind, source):
            if values.dtype != object:
                raise InputError(
                    f"features.text: {source} of {kind}s holds numbers, no text; take it off the "
                    "list."
                )
            if not any(values[met]):
                raise Left("unknown of everybody in training")
            return HashedText(source=source, buckets=self.buckets)
        if values.ndim > 1:
            return Vector.fit(source, values, met, dimensions, flag=given)
        if values.dtype == object:
            return Classes.fit(source, values, met, at_most=self.classes)
        return Number.fit(source, values, met, derived=not given)

    def _given(self, split: Split, kind: str, say: Say) -> dict[str, Values]:
        """Return what tables, names and files of vectors give, by source."""
        table, ids = (
            (split.user_table, split.users) if kind == "user" else (split.item_table, split.items)
        )
        found = columns_of(table) if self.attributes else {}
        if self._is_text("item", TITLE) and kind == "item" and ids.names is not None:
            found[TITLE] = ids.names
        path = self.user_vectors if kind == "user" else self.item_vectors
        if path is not None:
            where = Path(path).expanduser()
            found[where.stem] = vectors.by_id(where, ids, f"features.{kind}_vectors", say)
        return found

    def _categories(self, split: Split, train_pairs: Pairs) -> dict[str, tuple[Classes, Values]]:
        """Return the columns of items that interests are shares of, classes by their events."""
        events = np.bincount(train_pairs.item, train_pairs.count, minlength=len(split.items))
        most, found = min(self.classes, SHARES), {}
        for name, values in columns_of(split.item_table).items():
            if values.dtype == object and not self._is_text("item", name):
                try:
                    found[name] = (
                        Classes.fit(name, values, events > 0, at_most=most, weight=events),
                        values,
                    )
                except Left:
                    continue
        return found

    def _is_text(self, kind: str, source: str) -> bool:
        return bool({source, f"{kind}.{source}"} & set(self.text))

    def _chosen(self, kind: str, source: str) -> bool:
        names = {source, f"{kind}.{source}"}
        return (self.only is None or bool(names & set(self.only))) and not names & set(self.without)

    def _check_names(self, known: Mapping[str, Mapping[str, Values]]) -> None:
        """Refuse a name in the settings that no attribute has."""
        names_there = {
            n
            for kind, values in known.items()
            for source in values
            for n in (source, f"{kind}.{source}")
        }
        for key, names in (
            ("only", self.only or []),
            ("without", self.without),
            ("text", self.text),
        ):
            for name in names:
                if name not in names_there:
                    close = difflib.get_close_matches(name, sorted(names_there), 1, 0.7)
                    lists = [
                        f"{kind}s have {', '.join(values) or 'none'}"
                        for kind, values in known.items()
                    ]
                    hint = f"did you mean {close[0]}? " if close else ""
                    raise InputError(
                        f"features.{key}: no attribute {name!r}; {hint}{'; '.join(lists)}."
                    )


def _others(derived: dict[str, Values], given: Mapping[str, Values]) -> dict[str, Values]:
    """Return what is derived under a name that nothing given has."""
    return {name: values for name, values in derived.items() if name not in given}


def _tell(
    kind: str, found: list[Attribute], left: list[str], given: Mapping[str, Values], say: Say
) -> None:
    """Say how many columns there are, what is unknown of how many, what was left out and why."""
    columns = sum(len(each.names) for each in found)
    say(
        f"features of {kind}s: {columns} columns"
        + (f" ({', '.join(each.source for each in found)})" if found else "")
    )
    unknown: dict[int, list[str]] = {}
    for each in found:
        if each.source in given and (count := int((~there(given[each.source])).sum())):
            unknown.setdefault(count, []).append(each.source)
    for count, names in unknown.items():
        say(f"unknown of {count:,} of {len(given[names[0]]):,} {kind}s: {', '.join(names)}")
    if left:
        say(f"features of {kind}s left out: {', '.join(left)}")
