"""Heads: from embeddings to scores, with or without segments in between."""

from gnnseg.heads.base import Head
from gnnseg.heads.dot import Dot
from gnnseg.heads.hybrid import Hybrid
from gnnseg.heads.posthoc import Posthoc
from gnnseg.heads.segments import Segments

__all__ = ["Dot", "Head", "Hybrid", "Posthoc", "Segments"]
