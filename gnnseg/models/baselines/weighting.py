"""What an interaction weighs before likenesses are measured: alike, by TF-IDF, or by BM25.

Shape legend: R documents, C terms.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import sparse

Weighting = Literal["none", "tfidf", "bm25"]
SATURATION, LENGTH = 1.2, 0.75  # k1 and b of BM25


def weighted(documents: sparse.csr_matrix, weighting: Weighting) -> sparse.csr_matrix:
    """Return documents of terms, (R,C) of 0 and 1, by weight.

    idf_t = log(R / (1 + n_t)), at least 0, n_t documents with the term. ``tfidf``: idf_t;
    ``bm25``: idf_t (k1 + 1) / (1 + k1 (1 - b + b length/mean length)), k1 = 1.2, b = 0.75
    (Robertson and Zaragoza 2009).
    """
    if weighting == "none":
        return documents
    found = documents.copy()
    having = np.bincount(documents.indices, minlength=documents.shape[1])
    idf = np.log(np.maximum(documents.shape[0] / (1.0 + having), 1.0))
    found.data = idf[documents.indices]
    if weighting == "bm25":
        length = np.diff(documents.indptr)
        relative = length / max(length.mean(), 1e-12)
        damped = (SATURATION + 1) / (1 + SATURATION * (1 - LENGTH + LENGTH * relative))
        found.data = found.data * np.repeat(damped, length)
    return found
