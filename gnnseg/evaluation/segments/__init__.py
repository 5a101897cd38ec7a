"""Evidence about segments: how many there really are, who is in them, what they like more."""

from gnnseg.evaluation.segments.association import associations
from gnnseg.evaluation.segments.memberships import (
    effective_k,
    hard,
    segments_per_user,
    those_in_one,
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
from gnnseg.evaluation.segments.quality import quality
from gnnseg.evaluation.segments.structure import (
    agreement,
    cuts,
    friends_together,
    item_segments,
    likeness,
    modularity,
)
from gnnseg.evaluation.segments.summary import evidence
from gnnseg.evaluation.segments.truth import recovery

__all__ = [
    "SUPPORT", "agreement", "associations", "attribute_profiles", "beyond", "cuts", "diversity",
    "effective_k", "evidence", "friends_together", "hard", "is_class_column", "item_profiles",
    "item_segments", "lift", "likeness", "modularity", "quality", "recovery",
    "segments_per_user", "those_in_one", "warnings",
]  # fmt: skip
