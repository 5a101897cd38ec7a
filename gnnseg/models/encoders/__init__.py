"""Encoders: from the graph to embeddings of users and items."""

from gnnseg.encoders.base import AttributeEncoder, Encoder
from gnnseg.encoders.dnn import DNN
from gnnseg.encoders.lightgcn import LightGCN, LightGCNPP
from gnnseg.encoders.linear import Linear
from gnnseg.encoders.mf import MF
from gnnseg.encoders.pinsage import PinSage
from gnnseg.encoders.pyg import PyG
from gnnseg.encoders.raw import Raw
from gnnseg.encoders.rgcn import RGCN
from gnnseg.encoders.sage import SAGE
from gnnseg.encoders.social import Social
from gnnseg.encoders.two_tower import TwoTower

__all__ = [
    "DNN",
    "MF",
    "RGCN",
    "SAGE",
    "AttributeEncoder",
    "Encoder",
    "LightGCN",
    "LightGCNPP",
    "Linear",
    "PinSage",
    "PyG",
    "Raw",
    "Social",
    "TwoTower",
]
