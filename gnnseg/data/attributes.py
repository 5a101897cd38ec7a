"""How each attribute becomes numbers: fitted once, on ids met in training, and applied to anybody.

Shape legend: n ids, F columns, C classes, D dimensions of a vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import polars as pl

from gnnseg.data.hashed import HashedText
from gnnseg.data.values import Bools, Floats32, Values, text_of, there, words
from gnnseg.types import InputError, Strings

CLIP = 4.0  # standard deviations
SLACK = 1e-6  # standard deviations that rounding may move a value
HUGE = 1e100  # numbers beyond are taken for it: their squares are finite
SKEWED = 20.0  # a largest value beyond this many medians: the logarithm is taken
SUPPORT = 5  # training ids that hold a class; those of fewer are 'other'
COVER = 0.25  # of the training ids of known class must hold a kept one, else it is as good as an id


class Left(Exception):
    """An attribute with nothing to say, which is left out; the message says why."""


class Attribute(Protocol):
    """How one attribute becomes columns of numbers."""

    kind: ClassVar[str]

    @property
    def source(self) -> str:
        """Return what it was made of, such as 'age'."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names, such as 'gender=F'."""
        ...

    def cast(self, values: Values, ids: Strings) -> Values:
        """Return somebody else's values as these are read.

        Raises:
            InputError: With the id, for values that are of another type.
        """
        ...

    def apply(self, values: Values) -> Floats32:
        """Return the columns of the values of any n ids, (n,F)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Number:
    """(x - middle)/scale in [low, high], x the value or, of ``log``, log(1 + value).

    What is missing is 0, and ``flagged``. middle: the median; scale: interquartile range / 1.349,
    the standard deviation of a normal distribution of that range; low, high: the least and the
    greatest of training, in [-CLIP, CLIP]. What lies beyond is taken for them or, of ``derived``
    numbers, for the middle: a pause of a kind that training never saw says nothing that it could
    have learned.
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
        """Fit to the ids ``met`` (n,) bool in training.

        The logarithm is taken of heavy tails where no value is negative; what is derived is one
        already where it needs be.
        """
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
        """Return the columns' names."""
        name = f"log {self.source}" if self.log else self.source
        return (name, f"{name} unknown") if self.flagged else (name,)

    def cast(self, values: Values, ids: Strings) -> Values:
        """Return somebody else's values as these are read."""
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
        """Return the columns of the values of any n ids, (n,F)."""
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
    """A column a class, 1/sqrt(classes of the row) where it holds.

    Rare ones are 'other', none is 'unknown'. ``other``, ``flagged``: whether there are columns for
    these, for the set the fit saw has such rows.
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
        """Keep the ``at_most`` commonest, by training ids that hold them and then by alphabet.

        ``weight`` (n,): what an id counts.
        """
        held = words(values)
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
        """Return the columns' names."""
        more = [f"{self.source}=other"] * self.other + [f"{self.source} unknown"] * self.flagged
        return (*(f"{self.source}={word}" for word in self.classes), *more)

    def cast(self, values: Values, ids: Strings) -> Values:
        """Return somebody else's values as these are read."""
        return text_of(self.source, values, ids)

    def apply(self, values: Values) -> Floats32:
        """Return the columns of the values of any n ids, (n,F)."""
        held = words(values)
        several = np.maximum(np.bincount(held["row"].to_numpy(), minlength=len(values)), 1)
        return self._member(held, len(values)) * (several**-0.5).astype(np.float32)[:, None]

    def strangers(self, values: Values) -> list[str]:
        """Return the classes that have no column here, the rows' first ones first, once a row."""
        held = words(values)["word"]
        return held.filter(~held.is_in(self.classes)).to_list()

    def member(self, values: Values) -> Bools:
        """Return which columns hold of each id, (n,C)."""
        return self._member(words(values), len(values))

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
class Vector:
    """(x_d - centre_d)/scale_d in [-CLIP, CLIP], divided by sqrt(D).

    What is missing is 0, and ``flagged``. centre, scale: mean and standard deviation; a dimension
    that does not vary is 0.
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
        """Fit to the ids ``met`` in training; ``dimensions``: their names, else numbers from 0."""
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
        """Return the columns' names."""
        return (*self.dimensions, f"{self.source} unknown") if self.flagged else self.dimensions

    def cast(self, values: Values, ids: Strings) -> Values:
        """Return somebody else's values as these are read."""
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
        """Return the columns of the values of any n ids, (n,F)."""
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


KINDS: dict[str, type[Any]] = {each.kind: each for each in (Number, Classes, HashedText, Vector)}


def nothing(attribute: Attribute, count: int) -> Values:
    """Return values that are all missing."""
    if isinstance(attribute, Vector):
        return np.full((count, len(attribute.centre)), np.nan)
    return (
        np.full(count, np.nan)
        if isinstance(attribute, Number)
        else np.full(count, None, dtype=object)
    )
