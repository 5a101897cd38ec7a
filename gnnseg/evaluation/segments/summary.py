"""What a run says of its segments beside sharpness.

Shape legend: U users, I items, K segments.
"""

from __future__ import annotations

import numpy as np

from gnnseg.evaluation.protocol import Bools
from gnnseg.evaluation.segments.memberships import hard, those_in_one
from gnnseg.evaluation.segments.profiles import diversity
from gnnseg.evaluation.segments.structure import (
    agreement,
    friends_together,
    item_segments,
    modularity,
)
from gnnseg.types import Pairs, Segmentation, Split


def evidence(
    scorer: Segmentation,
    train: Pairs,
    split: Split,
    length: int = 20,
    placed: Bools | None = None,
) -> dict[str, float]:
    """Return what a run says of its segments beside sharpness.

    Modularity, diversity, largest share, and recovery of a planted truth where there is one, of the
    users who are in a segment: ``placed`` (U,); None: everybody is.
    """
    alpha = scorer.alpha
    users = hard(alpha)
    some = np.ones(len(users), dtype=bool) if placed is None else placed
    found = {
        "segment/modularity": modularity(
            users, item_segments(alpha, train, len(split.items)), train
        ),
        f"segment/diversity@{length}": diversity(
            scorer.beta.topk(min(length, len(split.items)), dim=1).indices
        ),
        "segment/largest_share": float(those_in_one(alpha, placed).double().mean(0).max()),
    }
    if (ties := split.social) is not None:
        ties = ties.rows(some[ties.source] & some[ties.target])
        if len(ties):
            together, chance = friends_together(users, ties)
            found |= {"segment/friends_together": together, "segment/friends_by_chance": chance}
    if split.truth is not None:
        agreed = agreement(users[some], split.truth.alpha.argmax(1)[some])
        found |= {"segment/recovery_ari": agreed["ari"], "segment/recovery_nmi": agreed["nmi"]}
    return found
