"""Events of nobody: words for nothing where an id should be, and the id of all guests."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import polars as pl

MissingIds = Literal["drop", "keep", "fail"]
MISSING = (
    *("NULL", "null", "Null", r"\N", "NA", "N/A", "n/a", "#N/A", "#NV", "None", "none", "NONE"),
    *("nan", "NaN", "NAN", "<NA>", "NaT", "<NULL>", "<null>", "(NULL)", "(null)", "[NULL]"),
    *("[null]", "(none)", "(not set)", "undefined", "-", "--"),
)  # what programs write where there is nothing
WORD = rf"^({'|'.join(map(re.escape, MISSING))})$"
NUMBERS = (0, -1)  # that stand for guests, where they hold much
GUEST = (
    r"^(-?0+|-1|[0-]{36}|(?i:(guests?|anonymous|anonym|anon|unknown|unbekannt|gast|gastkunde|gäste"
    r"|invité|invite|inconnu|invitado|anonimo|anónimo|anônimo|convidado|ospite|gość|гость|游客"
    r"|匿名|ゲスト|게스트)([@ _-].*)?))$"
)  # what shops write for everybody without an account
SHARE = 0.05  # of the events, that guests hold more than
TIMES = 10.0  # what the next user holds, that guests hold more than as often
OTHERS = 3  # users, without whom nothing can be compared


class Guest(NamedTuple):
    """An id that stands for everybody without an account, and its share of the events."""

    id: str
    share: float


def words(series: pl.Series) -> pl.Series:
    """Return which cells are words for nothing: NULL, NA, nan … (bool)."""
    return series.str.contains(WORD).fill_null(False)


def without_words(series: pl.Series) -> pl.Series:
    """Return text in which words for nothing are nothing."""
    bare = series.str.strip_chars()
    return series.set(words(bare), None)


def guest(ids: pl.Series, candidates: tuple[str, ...]) -> Guest | None:
    """Return the candidate that holds far more events than any user can, if one does.

    Sets of numbered users have a user 0 too: it must hold more than ``SHARE`` of the events and
    more than ``TIMES`` what the next user does.
    """
    if not candidates:
        return None
    counts = ids.drop_nulls().value_counts().sort("count", descending=True).head(OTHERS + 1)
    if len(counts) <= OTHERS:
        return None
    first, most = counts.row(0)
    share = most / max(len(ids) - ids.null_count(), 1)
    alone = share > SHARE and most > TIMES * counts["count"][1]
    return Guest(first, share) if first in candidates and alone else None
