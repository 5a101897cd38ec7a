"""What a run says of its segments beside sharpness.

Shape legend: U users, I items, K segments.
"""

from __future__ import annotations

from gnnseg.evaluation.segments.memberships import hard
from gnnseg.evaluation.segments.profiles import diversity
from gnnseg.evaluation.segments.structure import (
    agreement,
    friends_together,
    item_segments,
    modularity,
)
from gnnseg.types import Pairs, Segmentation, Split


def evidence(
    scorer: Segmentation, train: Pairs, split: Split, length: int = 20
) -> dict[str, float]:
    """Return what a run says of its segments beside sharpness.

    Modularity, diversity, largest share, and recovery of a planted truth where there is one.
    """
    alpha = scorer.alpha
    users = hard(alpha)
    found = {
        "segment/modularity": modularity(
            users, item_segments(alpha, train, len(split.items)), train
        ),
        f"segment/diversity@{length}": diversity(
            scorer.beta.topk(min(length, len(split.items)), dim=1).indices
        ),
        "segment/largest_share": float(alpha.double().mean(0).max()),
    }
    if split.social is not None and len(split.social):
        together, chance = friends_together(users, split.social)
        found |= {"segment/friends_together": together, "segment/friends_by_chance": chance}
    if split.truth is not None:
        agreed = agreement(users, split.truth.alpha.argmax(1))
        found |= {"segment/recovery_ari": agreed["ari"], "segment/recovery_nmi": agreed["nmi"]}
    return found
