"""Attributes as numbers: one matrix of users, one of items, every column named. What is derived is derived from train only.

Shape legend: U users, I items, F columns, E training pairs.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gnnseg.types import IdMap, InputError, Pairs, Split, Table

DAY = 86400.0
FEW = 12  # numbers of fewer different values are classes
SKEWED = 20.0  # a largest value beyond this many medians: the logarithm is taken
CLIP = 4.0  # standard deviations
SHARES = 50  # a column of more classes makes no shares of interest
Floats32 = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Encoded:
    """``matrix`` (n,F) float32 in index order; ``names``: of its columns, such as 'age', 'gender=F', 'share of genres=Drama'."""

    names: tuple[str, ...]
    matrix: Floats32


@dataclass(frozen=True, kw_only=True)
class Features:
    """Which attributes are read, and how.

    ``attributes``: the tables beside the interactions. ``derived``: what train says of users (recency, frequency, spend,
    interval, shares of what they take by category) and items (price, sales, popularity, age). ``titles``: buckets that words
    and letter triples of items' names are hashed to; 0: names are not read. ``classes``: kept of a column or a vocabulary,
    the commonest, the rest together as 'other'. ``user_vectors``, ``item_vectors``: vectors from elsewhere by id: Parquet
    (id, then numbers or one list), .npz (ids, vectors), or .npy with its ids a line each in NAME.ids.txt.
    """

    attributes: bool
    derived: bool
    titles: int
    classes: int
    user_vectors: str | None
    item_vectors: str | None

    def build(self, split: Split, fitted: Pairs, say: Callable[[str], None]) -> tuple[Encoded | None, Encoded | None]:
        """Users' and items' matrices; None where nothing is known. Means and classes are those of ids met in training."""
        if self.titles < 0 or self.classes < 1:
            raise InputError("features.titles must be 0 or more, features.classes 1 or more.")
        met_user, met_item = np.zeros(len(split.users), dtype=bool), np.zeros(len(split.items), dtype=bool)
        met_user[fitted.user] = met_item[fitted.item] = True
        user, item = _Columns(met_user, self.classes), _Columns(met_item, self.classes)
        if self.attributes:
            user.table(split.user_table)
            item.table(split.item_table)
        if self.titles and split.items.names is not None:
            item.text("title", split.items.names, self.titles)
        if self.derived:
            _of_users(user, split, fitted, self.classes)
            _of_items(item, split, fitted)
        for columns, path, ids, key in (
            (user, self.user_vectors, split.users, "features.user_vectors"),
            (item, self.item_vectors, split.items, "features.item_vectors"),
        ):
            if path is not None:
                columns.vectors(Path(path).expanduser(), ids, key, say)
        for kind, columns in (("users", user), ("items", item)):
            say(
                f"features of {kind}: {len(columns.names)} columns"
                + (f" ({columns.summary()})" if columns.names else "")
            )
        return user.encoded(), item.encoded()


class _Columns:
    """Columns as they are added; ``met`` (n,): whose values may be looked at to choose scales and classes."""

    def __init__(self, met: np.ndarray[Any, Any], classes: int) -> None:
        self.met, self.classes = met, classes
        self.names: list[str] = []
        self.parts: list[Floats32] = []
        self.sources: list[str] = []

    def encoded(self) -> Encoded | None:
        return (
            Encoded(tuple(self.names), np.ascontiguousarray(np.hstack(self.parts), dtype=np.float32))
            if self.parts
            else None
        )

    def summary(self) -> str:
        return ", ".join(dict.fromkeys(self.sources))

    def add(self, source: str, names: Iterable[str], matrix: np.ndarray[Any, Any]) -> None:
        self.names += list(names)
        self.parts.append(matrix.astype(np.float32).reshape(len(self.met), -1))
        self.sources.append(source)

    def table(self, table: Table | None) -> None:
        """Each column by what it holds: numbers, classes, or several classes a row."""
        for name, values in (table.columns if table is not None else {}).items():
            if values.dtype != object:
                self.number(name, values.astype(np.float64))
            elif any(isinstance(value, list | tuple | np.ndarray) for value in values):
                self.several(name, [() if value is None else tuple(map(str, value)) for value in values])
            elif (numbers := _numbers(name, values)) is not None:
                self.number(name, numbers)
            else:
                self.several(name, [() if value in (None, "") else (str(value),) for value in values])

    def number(self, name: str, values: np.ndarray[Any, Any]) -> None:
        """(x - median) / (IQR / 1.349), clipped; of heavy tails the logarithm. What is missing is 0, and flagged."""
        missing = ~np.isfinite(values)
        known = values[self.met & ~missing]
        if not len(known) or known.min() == known.max():
            return
        if known.min() >= 0 and known.max() > SKEWED * max(float(np.median(known)), 1e-12):
            values, known, name = np.log1p(np.maximum(values, 0)), np.log1p(known), f"log {name}"
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
        scale = (high - low) / 1.349 or float(known.std())
        scaled = np.where(missing, 0.0, np.clip((np.where(missing, middle, values) - middle) / scale, -CLIP, CLIP))
        self.add(name, [name], scaled)
        if missing.any():
            self.add(name, [f"{name} unknown"], missing)

    def several(self, name: str, values: list[tuple[str, ...]]) -> None:
        """One column a class, 1/sqrt(classes of the row) where it holds; rare classes are 'other', no class 'unknown'."""
        counts = Counter(word for row, met in zip(values, self.met, strict=True) if met for word in set(row))
        kept = [word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[: self.classes]]
        place = {word: at for at, word in enumerate(kept)}
        rest, none = len(kept), len(kept) + 1
        matrix = np.zeros((len(values), len(kept) + 2), dtype=np.float32)
        for number, row in enumerate(values):
            words = set(row)
            for word in words:
                matrix[number, place.get(word, rest)] = len(words) ** -0.5
            if not words:
                matrix[number, none] = 1.0
        names = [*(f"{name}={word}" for word in kept), f"{name}=other", f"{name} unknown"]
        some = np.concatenate([np.ones(len(kept), dtype=bool), matrix[:, rest:].any(0)])
        if kept:
            self.add(name, [n for n, there in zip(names, some, strict=True) if there], matrix[:, some])

    def text(self, name: str, values: np.ndarray[Any, Any], buckets: int) -> None:
        """Words and letter triples, hashed with a sign (Weinberger et al. 2009), rows of length 1."""
        matrix = np.zeros((len(values), buckets), dtype=np.float32)
        for number, value in enumerate(values):
            for word in re.findall(r"\w+", str(value or "").lower()):
                for gram in (word, *(f"#{word}#"[at : at + 3] for at in range(len(word)))):
                    digest = int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=8).digest(), "little")
                    matrix[number, (digest >> 1) % buckets] += 1.0 if digest & 1 else -1.0
        norm = np.linalg.norm(matrix, axis=1, keepdims=True)
        self.add(name, [f"{name} #{bucket}" for bucket in range(buckets)], matrix / np.maximum(norm, 1e-12))

    def vectors(self, path: Path, ids: IdMap, key: str, say: Callable[[str], None]) -> None:
        """Vectors by id, each dimension scaled; ids without one are 0, and flagged."""
        given, values = read_vectors(path, key)
        place = np.array([ids.index(one) if one in ids else -1 for one in given], dtype=np.int64)
        known = place >= 0
        if not known.any():
            raise InputError(f"{path}: none of its {len(given):,} ids is known ({key}); check the ids.")
        if not known.all():
            say(f"{path.name}: {int((~known).sum()):,} vectors of ids without an interaction left out")
        matrix, missing = np.zeros((len(ids), values.shape[1])), np.ones(len(ids), dtype=bool)
        matrix[place[known]] = values[known]
        missing[place[known]] = False
        seen = matrix[self.met & ~missing]
        centre, scale = (seen.mean(0), seen.std(0)) if len(seen) else (0.0, 1.0)
        matrix = np.where(missing[:, None], 0.0, np.clip((matrix - centre) / np.maximum(scale, 1e-9), -CLIP, CLIP))
        self.add(path.stem, [f"{path.stem} {at}" for at in range(matrix.shape[1])], matrix / matrix.shape[1] ** 0.5)
        if missing.any():
            self.add(path.stem, [f"{path.stem} unknown"], missing)


def _numbers(name: str, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """Text that is all numbers, of many values, and no id."""
    if re.search(r"(^|[_\W])(id|code)$", name.lower()):
        return None
    text = pl.Series(values.tolist(), dtype=pl.String, strict=False)
    numbers = text.cast(pl.Float64, strict=False)
    if numbers.null_count() > text.null_count() or numbers.n_unique() <= FEW:
        return None
    return numbers.to_numpy().astype(np.float64)


def read_vectors(path: Path, key: str) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Ids and their vectors (n,D). InputError for a file that is not there, of another form, or holds what is no number."""
    from gnnseg.data import fields, formats

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
            beside = formats.exists(path.with_suffix(".ids.txt"), f"file of ids, a line each, beside {path.name}")
            ids = beside.read_text("utf-8").split("\n")
            ids = ids[:-1] if ids and not ids[-1] else ids
        else:
            frame = formats.parquet(path).frame
            column = "id" if "id" in frame.columns else frame.columns[0]
            ids = fields.identifiers(frame[column]).to_list()
            rest = frame.drop(column)
            first = rest.to_series(0) if rest.width == 1 else None
            nested = first is not None and isinstance(first.dtype, pl.List | pl.Array)
            values = np.array(first.to_list() if nested and first is not None else rest.rows(), dtype=np.float64)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: cannot be read as vectors by id ({why}); see gnnseg options features ({key})."
        ) from None
    if values.ndim != 2 or len(ids) != len(values) or not values.size:
        raise InputError(f"{path}: {len(ids):,} ids and vectors of shape {values.shape} do not go together ({key}).")
    if not np.isfinite(values).all():
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise InputError(f"{path}: the vector of id {ids[row]} holds what is no finite number ({key}); mend it.")
    if len(set(ids)) < len(ids):
        twice = next(one for one, count in Counter(ids).items() if count > 1)
        raise InputError(f"{path}: id {twice} stands more than once ({key}); keep one vector an id.")
    return ids, values


# --- derived from train -----------------------------------------------------------------------------------------


def _of_users(user: _Columns, split: Split, fitted: Pairs, classes: int) -> None:
    """Recency, frequency and money (Hughes 1994), the time between events, and shares of what is taken by category."""
    users = len(split.users)
    events = np.bincount(fitted.user, fitted.count, minlength=users)
    none = events == 0

    def known(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.where(none, np.nan, values)

    user.number("frequency", known(np.log1p(events)))
    if fitted.first is not None and fitted.last is not None:
        last, first = np.full(users, -np.inf), np.full(users, np.inf)
        np.maximum.at(last, fitted.user, fitted.last)
        np.minimum.at(first, fitted.user, fitted.first)
        with np.errstate(invalid="ignore"):
            user.number("recency", known(np.log1p(np.maximum((fitted.last.max() - last) / DAY, 0))))
            user.number(
                "interval", np.where(events > 1, np.log1p((last - first) / DAY / np.maximum(events - 1, 1)), np.nan)
            )
    if fitted.spend is not None:
        spend = np.bincount(fitted.user, fitted.spend, minlength=users)
        user.number("spend level", known(np.log1p(np.maximum(spend, 0))))
        user.number("spend an event", known(np.log1p(np.maximum(spend, 0) / np.maximum(events, 1))))
    for name, values in (split.item_table.columns if split.item_table is not None else {}).items():
        several = _Columns(np.ones(len(split.items), dtype=bool), classes)
        several.table(Table({name: values}))
        found = several.encoded()
        if (
            found is None
            or not 1 < len(found.names) <= SHARES
            or values.dtype != object
            or found.names[0] in (name, f"log {name}")
        ):
            continue
        taken = np.zeros((users, len(found.names)), dtype=np.float64)
        rows = found.matrix > 0
        weight = fitted.count / np.maximum(rows.sum(1)[fitted.item], 1)
        for at in range(len(found.names)):
            inside = rows[fitted.item, at]
            taken[:, at] = np.bincount(fitted.user[inside], weight[inside], minlength=users)
        share = taken / np.maximum(taken.sum(1, keepdims=True), 1e-12)
        scale = np.maximum(share[~none].std(0), 1e-6) if (~none).any() else 1.0
        centre = share[~none].mean(0) if (~none).any() else 0.0
        scaled = np.where(none[:, None], 0.0, np.clip((share - centre) / scale, -CLIP, CLIP)) / len(found.names) ** 0.5
        user.add(f"shares of {name}", [f"share of {column}" for column in found.names], scaled)


def _of_items(item: _Columns, split: Split, fitted: Pairs) -> None:
    """Price (spend a unit), sales (units), popularity (users), and age at the end of train."""
    items = len(split.items)
    users = np.bincount(fitted.item, minlength=items)
    none = users == 0

    def known(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.where(none, np.nan, values)

    units = np.bincount(fitted.item, fitted.weight, minlength=items)
    item.number("popularity", known(np.log1p(users)))
    if fitted.spend is not None:
        spend = np.bincount(fitted.item, fitted.spend, minlength=items)
        item.number("sales", known(np.log1p(np.maximum(units, 0))))
        item.number("price", known(np.log1p(np.maximum(spend, 0) / np.maximum(units, 1e-9))))
    if fitted.first is not None and fitted.last is not None:
        first = np.full(items, np.inf)
        np.minimum.at(first, fitted.item, fitted.first)
        with np.errstate(invalid="ignore"):
            item.number("age", known(np.log1p(np.maximum((fitted.last.max() - first) / DAY, 0))))
