"""Heads: from embeddings to scores, with or without segments in between."""

from gnnseg.heads.base import Head
from gnnseg.heads.dot import Dot
from gnnseg.heads.hybrid import Hybrid
from gnnseg.heads.mlp import MLP
from gnnseg.heads.neumf import NeuMF
from gnnseg.heads.posthoc import Posthoc
from gnnseg.heads.segments import Segments

__all__ = ["MLP", "Dot", "Head", "Hybrid", "NeuMF", "Posthoc", "Segments"]
