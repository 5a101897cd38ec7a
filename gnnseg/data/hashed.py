"""Free text as numbers.

Shape legend: n ids, F columns.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gnnseg.data.values import Floats32, Values, text_of
from gnnseg.types import Strings


@dataclass(frozen=True, kw_only=True)
class HashedText:
    """Words and letter triples, hashed to ``buckets`` with a sign (Weinberger et al. 2009).

    Rows are of length 1; no text is zero.
    """

    kind: ClassVar[str] = "text"
    source: str
    buckets: int

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(f"{self.source} #{bucket}" for bucket in range(self.buckets))

    def cast(self, values: Values, ids: Strings) -> Values:
        """Return somebody else's values as these are read."""
        return text_of(self.source, values, ids)

    def apply(self, values: Values) -> Floats32:
        """Return the columns of the values of any n ids, (n,F)."""
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
