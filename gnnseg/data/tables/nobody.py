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
NO_NUMBER = (
    r"(?i)^(null|\\n|#?n\.?/?a\.?|#nv|none|nan|nat|nil|<na>|[(<\[]null[)>\]]|\(?none\)?"
    r"|\(not set\)|"
    r"undefined|unknown|unbekannt|inconnu|desconocid[oa]|sconosciuto|missing|not available"
    r"|k\.? ?a\.?|"
    r"not specified|unspecified|nicht angegeben|#div/0!|#value!|#wert!|#ref!|[-–—]+|\?+|\.)$"
)  # the same among numbers, where more can be told
NUMBERS = (0, -1)  # that stand for guests, where they hold much
GUEST = (
    r"^(-?0+|-1|[0-]{36}|(?i:(guests?|anonymous|anonym|anon|unknown|unbekannt|gast|gastkunde|gäste"
    r"|invité|invite|inconnu|invitado|anonimo|anónimo|anônimo|convidado|ospite|gość|гость|游客"
    r"|匿名|ゲスト|게스트)([@ _-].*)?))$"
)  # what shops write for everybody without an account
SHARE = 0.05  # of the events, that guests hold more than
TIMES = 10.0  # as many as the next user: nobody buys as much
TWICE = 2.0  # as many: worth a word
OTHERS = 3  # users, without whom nothing can be compared


class Guest(NamedTuple):
    """An id that may stand for everybody without an account, its share of the events, how sure."""

    id: str
    share: float
    certain: bool


def words(series: pl.Series) -> pl.Series:
    """Return which cells are words for nothing: NULL, NA, nan … (bool)."""
    return series.str.contains(WORD).fill_null(False)


def without_words(series: pl.Series) -> pl.Series:
    """Return a column of numbers as text in which words for nothing are nothing."""
    bare = series.str.strip_chars()
    return series.set(bare.str.contains(NO_NUMBER).fill_null(False), None)


def guest(ids: pl.Series, candidates: tuple[str, ...]) -> Guest | None:
    """Return the candidate that holds far more events than any user, if one does.

    Sets of numbered users have a user 0 too: it must hold more than ``SHARE`` of the events and
    ``TWICE`` what the next user does; it is certain above ``TIMES``.
    """
    if not candidates:
        return None
    counts = ids.drop_nulls().value_counts().sort("count", descending=True).head(OTHERS + 1)
    if len(counts) <= OTHERS:
        return None
    first, most = counts.row(0)
    share = most / max(len(ids) - ids.null_count(), 1)
    next_one = counts["count"][1]
    if first not in candidates or share <= SHARE or most <= TWICE * next_one:
        return None
    return Guest(first, share, most > TIMES * next_one)
