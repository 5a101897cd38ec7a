"""Baselines: recommenders without a training loop, the least that any model must beat."""

from gnnseg.models.baselines.base import Baseline, FittedBaseline
from gnnseg.models.baselines.bspm import BSPM
from gnnseg.models.baselines.ease import EASE
from gnnseg.models.baselines.gfcf import GFCF
from gnnseg.models.baselines.history import FadingHistory, OwnHistory
from gnnseg.models.baselines.ials import IALS
from gnnseg.models.baselines.knn import ItemKNN, UserKNN
from gnnseg.models.baselines.macridvae import MacridVAE
from gnnseg.models.baselines.multvae import MultVAE
from gnnseg.models.baselines.nmf import NMF
from gnnseg.models.baselines.plsa import PLSA
from gnnseg.models.baselines.popularity import Popularity
from gnnseg.models.baselines.puresvd import PureSVD
from gnnseg.models.baselines.rp3beta import RP3beta
from gnnseg.models.baselines.slim import SLIM

__all__ = [
    "BSPM",
    "EASE",
    "GFCF",
    "IALS",
    "NMF",
    "PLSA",
    "SLIM",
    "Baseline",
    "FadingHistory",
    "FittedBaseline",
    "ItemKNN",
    "MacridVAE",
    "MultVAE",
    "OwnHistory",
    "Popularity",
    "PureSVD",
    "RP3beta",
    "UserKNN",
]
