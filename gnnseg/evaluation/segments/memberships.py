"""Who is in which segment, how many there really are, and signs of collapse.

Users who are in no segment have an alpha too, that of nobody in particular: it is left out first
(``those_in_one``).

Shape legend: U users, I items, K segments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gnnseg.evaluation.protocol import Bools

LARGEST_SHARE = 0.5  # a segment above this is worth a warning


def hard(alpha_UK: Tensor) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return (U,) each user's segment from 0: the largest alpha, the lowest number on ties."""
    alpha: np.ndarray[Any, Any] = alpha_UK.cpu().numpy()
    segment: np.ndarray[Any, np.dtype[np.int64]] = np.argmax(alpha, axis=1).astype(np.int64)
    return segment


def those_in_one(alpha_UK: Tensor, placed_U: Bools | None) -> Tensor:
    """Return alpha of the users who are in a segment; ``placed_U`` None: everybody is."""
    if placed_U is None or placed_U.all():
        return alpha_UK
    return alpha_UK[torch.from_numpy(placed_U).to(alpha_UK.device)]


def effective_k(alpha_UK: Tensor) -> float:
    """Return exp(H(mean alpha)): K where the mass is spread evenly, 1 where one holds all."""
    return float(torch.special.entr(alpha_UK.double().mean(0)).sum().exp())


def segments_per_user(alpha_UK: Tensor) -> float:
    """Return exp(mean entropy of alpha_i): 1 where each is in one segment, K where in all."""
    return float(torch.special.entr(alpha_UK.double()).sum(1).mean().exp())


def warnings(alpha_UK: Tensor) -> list[str]:
    """Return signs of collapse, a sentence each.

    Effective K below K/4, a share above one half, segments that are nobody's first.
    """
    k = alpha_UK.shape[1]
    if k == 1:
        return []
    found = []
    effective, share_K = effective_k(alpha_UK), alpha_UK.double().mean(0)
    if effective < k / 4:
        found.append(f"segments have collapsed: effective K is {effective:.1f} of {k}")
    if float(share_K.max()) > LARGEST_SHARE:
        found.append(
            f"segment {int(share_K.argmax()) + 1} holds {float(share_K.max()):.0%} of the users' "
            "mass"
        )
    size_K = np.bincount(hard(alpha_UK), minlength=k)
    if (size_K == 0).any():
        empty = np.flatnonzero(size_K == 0) + 1
        found.append(
            f"{len(empty)} of {k} segments are nobody's first: {', '.join(map(str, empty[:10]))}"
        )
    return found
