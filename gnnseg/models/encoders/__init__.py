"""Encoders: from the graph to embeddings of users and items."""

from gnnseg.models.encoders.base import AttributeEncoder, Encoder
from gnnseg.models.encoders.capabilities import (
    EmbedsNewUsers,
    EmbedsSomeRows,
    HasLayers,
    ReadsHistories,
    ReadsWeights,
    SamplesNeighbours,
)
from gnnseg.models.encoders.dgcf import DGCF
from gnnseg.models.encoders.dnn import DNN
from gnnseg.models.encoders.lightgcn import LightGCN, LightGCNPP
from gnnseg.models.encoders.linear import Linear
from gnnseg.models.encoders.mf import MF
from gnnseg.models.encoders.ngcf import NGCF
from gnnseg.models.encoders.pinsage import PinSage
from gnnseg.models.encoders.pyg import PyG
from gnnseg.models.encoders.raw import RawAttributes
from gnnseg.models.encoders.rgcn import RGCN
from gnnseg.models.encoders.sage import SAGE
from gnnseg.models.encoders.simplex import SimpleX
from gnnseg.models.encoders.social import SocialSpectral
from gnnseg.models.encoders.two_tower import TwoTower

Raw = RawAttributes  # the names by which runs know them
Social = SocialSpectral

__all__ = [
    "DGCF",
    "DNN",
    "MF",
    "NGCF",
    "RGCN",
    "SAGE",
    "AttributeEncoder",
    "EmbedsNewUsers",
    "EmbedsSomeRows",
    "Encoder",
    "HasLayers",
    "LightGCN",
    "LightGCNPP",
    "Linear",
    "PinSage",
    "PyG",
    "Raw",
    "RawAttributes",
    "ReadsHistories",
    "ReadsWeights",
    "SamplesNeighbours",
    "SimpleX",
    "Social",
    "SocialSpectral",
    "TwoTower",
]
