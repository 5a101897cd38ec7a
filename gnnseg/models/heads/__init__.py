"""Heads: from embeddings to scores, with or without segments in between."""

from gnnseg.models.heads.base import FinishedHead, Head, NumberedHead, WarmedHead
from gnnseg.models.heads.dot import Dot
from gnnseg.models.heads.filtered import Filtered
from gnnseg.models.heads.hybrid import Hybrid
from gnnseg.models.heads.mlp import MLP
from gnnseg.models.heads.neumf import NeuMF
from gnnseg.models.heads.posthoc import Posthoc
from gnnseg.models.heads.protomf import ProtoMF
from gnnseg.models.heads.segments import Segments

__all__ = [
    "MLP",
    "Dot",
    "Filtered",
    "FinishedHead",
    "Head",
    "Hybrid",
    "NeuMF",
    "NumberedHead",
    "Posthoc",
    "ProtoMF",
    "Segments",
    "WarmedHead",
]
