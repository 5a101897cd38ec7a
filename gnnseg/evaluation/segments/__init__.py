"""Evidence about segments: how many there really are, who is in them, what they like more."""

from gnnseg.evaluation.segments.memberships import (
    effective_k,
    hard,
    segments_per_user,
    warnings,
)
from gnnseg.evaluation.segments.profiles import (
    SUPPORT,
    attribute_profiles,
    beyond,
    diversity,
    is_class_column,
    item_profiles,
    lift,
)
from gnnseg.evaluation.segments.structure import (
    agreement,
    friends_together,
    item_segments,
    modularity,
)
from gnnseg.evaluation.segments.summary import evidence

__all__ = [
    "SUPPORT", "agreement", "attribute_profiles", "beyond", "diversity", "effective_k", "evidence",
    "friends_together", "hard", "is_class_column", "item_profiles", "item_segments", "lift",
    "modularity", "segments_per_user", "warnings",
]  # fmt: skip
