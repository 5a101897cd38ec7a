"""Which attributes are read, and their encoding: one matrix of users, one of items. What is derived
is derived from train only.

Shape legend: U users, I items, F columns, D dimensions of a vector.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.data.attributes import (
    Attribute,
    Bools,
    Classes,
    Encoding,
    Floats32,
    Interest,
    Left,
    Number,
    Text,
    Values,
    Vector,
    columns_of,
    of_items,
    of_users,
    there,
)
from gnnseg.types import IdMap, InputError, Pairs, Split

SHARES = 50  # classes of a column that shares of interest are told apart by, the commonest; the rest together
TITLE = "title"  # what items' names are called among the attributes
Say = Callable[[str], None]


@dataclass(frozen=True)
class Encoded:
    """A set's attributes as numbers: ``user`` (U,F), ``item`` (I,F) float32 in index order, None
    where nothing is known."""

    encoding: Encoding
    user: Floats32 | None
    item: Floats32 | None


@dataclass(frozen=True, kw_only=True)
class Features:
    """Which attributes are read, and how.

    ``attributes``: the tables beside the interactions. ``derived``: what train says of users
    (recency, frequency, spend level, spend an event, interval, shares of what they take by
    category) and items (price, sales, popularity, age); an attribute of the same name goes before
    it. ``only``, ``without``: attributes by name, 'user.age' and 'item.age' where both have one.
    ``text``: columns of free text, each hashed to ``buckets``; 'title' is items' names.
    ``classes``: kept of a column or a vocabulary, the commonest, the rest together as 'other'.
    ``user_vectors``, ``item_vectors``: vectors from elsewhere by id: Parquet (id, then numbers or
    one list), .npz (ids, vectors), or .npy with its ids a line each in NAME.ids.txt. A column of
    lists of numbers is a vector too.
    """

    attributes: bool
    derived: bool
    only: list[str] | None
    without: list[str]
    text: list[str]
    buckets: int
    classes: int
    user_vectors: str | None
    item_vectors: str | None

    def fit(
        self, split: Split, train_pairs: Pairs, say: Say, without: Iterable[str] = ()
    ) -> Encoded:
        """Medians, classes and scales of the ids met in ``fitted``, the pairs trained on; and the
        set's own matrices.

        ``without``: attributes that must not be read, such as 'user.age' where age is to be
        predicted.
        """
        if self.buckets < 1 or self.classes < 1:
            raise InputError("features.buckets and features.classes must be 1 or more.")
        until = (
            float(train_pairs.last.max())
            if train_pairs.last is not None and len(train_pairs)
            else None
        )
        met = {
            "user": np.bincount(train_pairs.user, minlength=len(split.users)) > 0,
            "item": np.bincount(train_pairs.item, minlength=len(split.items)) > 0,
        }
        categories = self._categories(split, train_pairs) if self.derived else {}
        interests = {
            name: Interest.fit(each.member(values), train_pairs, len(split.users))
            for name, (each, values) in categories.items()
        }
        told: dict[str, dict[str, Values]] = {
            "user": self._told(split, "user", say),
            "item": self._told(split, "item", say),
        }
        derived: dict[str, dict[str, Values]] = {"user": {}, "item": {}}
        if self.derived:
            derived["user"] = of_users(len(split.users), train_pairs, until, interests)
            derived["item"] = of_items(len(split.items), train_pairs, until)
        known = {
            kind: {**told[kind], **{n: v for n, v in derived[kind].items() if n not in told[kind]}}
            for kind in told
        }
        self._check_names(known)
        of_shares = {
            f"shares of {name}": tuple(f"share of {n}" for n in c.names)
            for name, (c, _) in categories.items()
        }
        made: dict[str, tuple[Attribute, ...]] = {}
        for kind, values in known.items():
            found: list[Attribute] = []
            left: list[str] = []
            for source, value in values.items():
                if not self._chosen(kind, source) or {source, f"{kind}.{source}"} & set(without):
                    continue
                given = source in told[kind]
                try:
                    found.append(
                        self._fit(kind, source, value, met[kind], given, of_shares.get(source, ()))
                    )
                except Left as why:
                    left.append(f"{source} ({why})")
            made[kind] = tuple(found)
            _tell(kind, found, left, told[kind], say)
        read = {each.source for each in made["user"]}
        interests = {
            name: interest for name, interest in interests.items() if f"shares of {name}" in read
        }
        encoding = Encoding(made["user"], made["item"], until, interests)
        user, item = (
            encoding.apply(kind, len(ids), known[kind]) if made[kind] else None
            for kind, ids in (("user", split.users), ("item", split.items))
        )
        return Encoded(encoding, user, item)

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
            return Text(source=source, buckets=self.buckets)
        if values.ndim > 1:
            return Vector.fit(source, values, met, dimensions, flag=given)
        if values.dtype == object:
            return Classes.fit(source, values, met, at_most=self.classes)
        return Number.fit(source, values, met, derived=not given)

    def _told(self, split: Split, kind: str, say: Say) -> dict[str, Values]:
        """What tables, names and files of vectors tell, by source."""
        table, ids = (
            (split.user_table, split.users) if kind == "user" else (split.item_table, split.items)
        )
        found = columns_of(table) if self.attributes else {}
        if self._is_text("item", TITLE) and kind == "item" and ids.names is not None:
            found[TITLE] = ids.names
        path = self.user_vectors if kind == "user" else self.item_vectors
        if path is not None:
            where = Path(path).expanduser()
            found[where.stem] = _by_id(where, ids, f"features.{kind}_vectors", say)
        return found

    def _categories(self, split: Split, train_pairs: Pairs) -> dict[str, tuple[Classes, Values]]:
        """The columns of items that users' interests are told by, their commonest classes by
        events."""
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
        """Every name in the settings is one of an attribute that is there."""
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


def _tell(
    kind: str, found: list[Attribute], left: list[str], told: Mapping[str, Values], say: Say
) -> None:
    """How many columns of what; of whom what is told is not known; what was left out and why."""
    columns = sum(len(each.names) for each in found)
    say(
        f"features of {kind}s: {columns} columns"
        + (f" ({', '.join(each.source for each in found)})" if found else "")
    )
    unknown: dict[int, list[str]] = {}
    for each in found:
        if each.source in told and (count := int((~there(told[each.source])).sum())):
            unknown.setdefault(count, []).append(each.source)
    for count, names in unknown.items():
        say(f"unknown of {count:,} of {len(told[names[0]]):,} {kind}s: {', '.join(names)}")
    if left:
        say(f"features of {kind}s left out: {', '.join(left)}")


def _by_id(path: Path, ids: IdMap, key: str, say: Say) -> Values:
    """(n,D) vectors in index order, rows of NaN where a file has none."""
    given, values = read_vectors(path, key)
    place = ids.to_index(given, missing=-1)
    known = place >= 0
    if not known.any():
        raise InputError(f"{path}: none of its {len(given):,} ids is known ({key}); check the ids.")
    if not known.all():
        say(f"{path.name}: {int((~known).sum()):,} vectors of ids without an interaction left out")
    matrix = np.full((len(ids), values.shape[1]), np.nan)
    matrix[place[known]] = values[known]
    return matrix


def read_vectors(path: Path, key: str) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Ids and their vectors (n,D). InputError for a file that is not there, of another form, or
    holds what is no number."""
    from gnnseg.data.tables import fields, formats

    formats.exists(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                ids, values = (
                    [str(one) for one in stored["ids"].tolist()],
                    np.asarray(stored["vectors"], dtype=np.float64),
                )
        elif path.suffix == ".npy":
            values = np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
            beside = formats.exists(
                path.with_suffix(".ids.txt"), f"file of ids, a line each, beside {path.name}"
            )
            ids = beside.read_text("utf-8").split("\n")
            ids = ids[:-1] if ids and not ids[-1] else ids
        else:
            frame = formats.parquet(path).frame
            column = "id" if "id" in frame.columns else frame.columns[0]
            ids = fields.identifiers(frame[column]).to_list()
            rest = frame.drop(column)
            first = rest.to_series(0) if rest.width == 1 else None
            nested = first is not None and isinstance(first.dtype, pl.List | pl.Array)
            values = np.array(
                first.to_list() if nested and first is not None else rest.rows(), dtype=np.float64
            )
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: cannot be read as vectors by id ({why}); see gnnseg options features ({key})."
        ) from None
    if values.ndim != 2 or len(ids) != len(values) or not values.size:
        raise InputError(
            f"{path}: {len(ids):,} ids and vectors of shape {values.shape} do not go together "
            f"({key})."
        )
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise InputError(
            f"{path}: the vector of id {ids[row]} holds what is no finite number ({key}); mend it."
        )
    if len(set(ids)) < len(ids):
        twice = next(one for one, count in Counter(ids).items() if count > 1)
        raise InputError(
            f"{path}: id {twice} stands more than once ({key}); keep one vector an id."
        )
    return ids, values
