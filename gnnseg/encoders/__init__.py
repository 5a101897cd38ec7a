"""Encoders: from the graph to embeddings of users and items."""

from gnnseg.encoders.base import Encoder
from gnnseg.encoders.lightgcn import LightGCN
from gnnseg.encoders.mf import MF

__all__ = ["MF", "Encoder", "LightGCN"]
