"""Names of segments made of what their people take more than others do.

Shape legend: K segments, W words of a column, I items.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from gnnseg.types import Floats

LONGEST = 40  # characters of a made name
TELLING = 3  # words that are told of a segment
SURE = 1.96  # standard deviations by which a word must stand out
MORE = float(np.log(1.1))  # log-odds by which it must
FEW = 3  # distinct values of a column that are attributes (brand: Private), no categories
NEARLY_ALL = 0.5  # distinct values an item, above which a column is a kind of id
ALIKE = 0.5  # Jaccard index of their items above which two words say the same
NOTHING = {
    *("", "-", "--", "?", ".", "*", "nan", "null", "none", "nil", "na", "n/a", "#n/a", "unknown"),
    *("other", "others", "misc", "miscellaneous", "no category", "uncategorized", "uncategorised"),
    *("unassigned", "undefined", "unspecified", "not specified", "not available", "default"),
    *("general", "various", "divers", "sonstige", "sonstiges", "unbekannt", "autre", "autres"),
    *("otro", "otros", "altro", "altri", "no commodity description", "no subcommodity description"),
    *("(no genres listed)", "no genres listed", "all", "test", "true", "false", "0", "1"),
}


@dataclass(frozen=True)
class Word:
    """A word that may be told of a segment: how it is written, where it stands out, its items."""

    text: str
    z_K: Floats
    more_K: Floats
    items: np.ndarray


def made(items: pl.DataFrame, taken_KI: Floats, people: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return what is telling of each segment, the most telling first, at most ``TELLING`` words.

    Categories of items, else items' names, else what is telling of its people; z-scores of
    log-odds (``evaluation.segments.log_odds``) say which, and words that stand for nearly the same
    items are told once.

    Args:
        items: items.parquet.
        taken_KI: Alpha-weighted numbers of training pairs.
        people: Attributes of people by segment.
    """
    ranks = [categories(items, taken_KI), attributes(items, taken_KI), named(items, taken_KI)]
    found = []
    for k in range(len(taken_KI)):
        telling = (most_telling(words, k) for words in ranks)
        found.append(next((each for each in telling if each), list(people[k])[:TELLING]))
    return found


def categories(items: pl.DataFrame, taken_KI: Floats) -> list[Word]:
    """Return the values of the columns of items that are categories."""
    return _of_columns(items, taken_KI, attributes=False)


def attributes(items: pl.DataFrame, taken_KI: Floats) -> list[Word]:
    """Return the values of columns of few values, as 'brand: Private'."""
    return _of_columns(items, taken_KI, attributes=True)


def named(items: pl.DataFrame, taken_KI: Floats) -> list[Word]:
    """Return the items by their names, or by ids that people can read."""
    names = items.select(pl.coalesce("name", "item"))["name"]
    if not legible(names.to_list()):
        return []
    number, texts = _numbered(names)
    return _words(texts, number, np.arange(len(items)), taken_KI)


def _of_columns(items: pl.DataFrame, taken_KI: Floats, *, attributes: bool) -> list[Word]:
    found: list[Word] = []
    for column in items.columns[2:]:
        if items[column].dtype != pl.String:
            continue
        values = items.select(pl.int_range(pl.len()).alias("at"), value=column).drop_nulls()
        values = values.with_columns(pl.col("value").str.split("|")).explode("value")
        values = values.with_columns(pl.col("value").str.strip_chars()).unique(maintain_order=True)
        count = values["value"].n_unique()
        few = count <= FEW
        if count < 2 or few != attributes or count > NEARLY_ALL * values["at"].n_unique():
            continue
        if not few and not legible(values["value"].unique().to_list()):
            continue
        number, texts = _numbered(values["value"])
        if few:
            texts = [_of(column, text) if _says(text) else "" for text in texts]
        found += _words(texts, number, values["at"].to_numpy(), taken_KI)
    return found


def _of(column: str, text: str) -> str:
    """Return the value of an attribute with what it is of: 'brand: Private'."""
    return text if column.casefold() in text.casefold() else f"{column}: {text}"


def _numbered(values: pl.Series) -> tuple[np.ndarray, list[str]]:
    """Return each value's number, and the values; those that differ in case alone are one."""
    rows = pl.DataFrame({"value": values}).with_columns(
        key=pl.col("value").str.to_lowercase().str.strip_chars()
    )
    rows = rows.with_columns(number=pl.col("key").rank("dense") - 1)
    first = rows.group_by("number").agg(pl.col("value").first()).sort("number")
    return rows["number"].cast(pl.Int64).to_numpy(), first["value"].to_list()


def _words(
    texts: Sequence[str], number: np.ndarray, at: np.ndarray, taken_KI: Floats
) -> list[Word]:
    """Return the words of one column: row n says that item ``at[n]`` has word ``number[n]``."""
    from gnnseg.evaluation.segments import log_odds

    count_KW = np.stack(
        [np.bincount(number, taken_I[at], minlength=len(texts)) for taken_I in taken_KI]
    ).astype(np.float64)
    z_KW, more_KW = log_odds.z_scores(count_KW)
    order = np.argsort(number, kind="stable")
    bounds = np.searchsorted(number[order], np.arange(len(texts) + 1))
    return [
        Word(text, z_KW[:, w], more_KW[:, w], at[order[bounds[w] : bounds[w + 1]]])
        for w, text in enumerate(texts)
        if _says(text.rpartition(": ")[2])
    ]


def most_telling(words: Sequence[Word], k: int) -> list[str]:
    """Return the words that stand out in a segment, those told once that say the same."""
    there = [word for word in words if word.z_K[k] >= SURE and word.more_K[k] >= MORE]
    there.sort(key=lambda word: (-word.z_K[k], word.text))
    chosen: list[Word] = []
    for word in there:
        if len(chosen) == TELLING:
            break
        if not any(_same(word, other) for other in chosen):
            chosen.append(word)
    return [word.text for word in chosen]


def _same(one: Word, other: Word) -> bool:
    words = [set(re.findall(r"\w+", each.text.casefold())) for each in (one, other)]
    if words[0] <= words[1] or words[1] <= words[0]:  # 'metal' and 'heavy metal', 'hip-hop' …
        return True
    both = len(np.intersect1d(one.items, other.items))
    return both > ALIKE * (len(one.items) + len(other.items) - both)


def _says(text: str) -> bool:
    return text.strip().casefold() not in NOTHING


def legible(texts: Sequence[str | None]) -> bool:
    """Return whether people can read what things are called: words, no codes and no numbers.

    Most must hold a run of three letters (or one of a script of ideograms), few digits, and still
    be told apart when their digits are taken away.
    """
    there = [text for text in texts if text]
    if not there:
        return False
    words = [text for text in there if _is_word(text)]
    bare = {re.sub(r"[\d\W_]+", " ", text).strip().casefold() for text in words}
    return len(words) > 0.5 * len(there) and len(bare) > 0.5 * len(words)


def _is_word(text: str) -> bool:
    digits = sum(c.isdigit() for c in text)
    if digits > 0.3 * len(text) or re.fullmatch(r"[0-9a-fA-F-]{8,}", text):
        return False
    return bool(re.search(r"[^\W\d_]{3}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]", text))


def written(telling: Sequence[Sequence[str]], taken: Sequence[str | None]) -> list[str | None]:
    """Return a name for each segment, different from one another and from those people gave.

    As many words as ``LONGEST`` has room for, two where that is enough to tell them apart.

    Args:
        telling: What is telling of each, the most telling first.
        taken: The names that people gave; such a segment gets none.
    """
    shouted = all(word.isupper() for words in telling for word in words)
    telling = [[_readable(word, shouted) for word in words] for words in telling]
    used = {name.casefold() for name in taken if name}
    found: list[str | None] = []
    for k, (words, given) in enumerate(zip(telling, taken, strict=True)):
        if given:
            found.append(None)
            continue
        options = [name for count in (2, 1, 3) if (name := _joined(words[:count]))]
        plain = f"segment {k + 1}"
        free = [name for name in options if name.casefold() not in used]
        if not free and options:
            free = [f"{options[0][: LONGEST - 5]} ({k + 1})"]
        found.append(free[0] if free else plain)
        used.add(str(found[-1]).casefold())
    return found


def _joined(words: Sequence[str]) -> str:
    """Return words as one name; empty where they are too long, or there are none."""
    name = ", ".join(words)
    name = name[:1].upper() + name[1:]
    if len(words) == 1 and len(name) > LONGEST:
        return name[: LONGEST - 1].rstrip(" ,") + "…"
    return name if len(name) <= LONGEST else ""


def _readable(word: str, shouted: bool) -> str:
    """Return a word in one line; where all are CAPITALS, in small letters."""
    text = "".join(c if c.isprintable() else " " for c in word)
    text = re.sub(r"\s*/\s*", "/", re.sub(r"\s+", " ", text)).strip()
    return text.lower() if shouted else text
