"""Baselines: recommenders without a training loop, the least that any model must beat."""

from gnnseg.models.baselines.base import Baseline, FittedBaseline
from gnnseg.models.baselines.ease import EASE
from gnnseg.models.baselines.gfcf import GFCF
from gnnseg.models.baselines.history import FadingHistory, OwnHistory
from gnnseg.models.baselines.ials import IALS
from gnnseg.models.baselines.knn import ItemKNN, UserKNN
from gnnseg.models.baselines.popularity import Popularity
from gnnseg.models.baselines.puresvd import PureSVD
from gnnseg.models.baselines.rp3beta import RP3beta

__all__ = [
    "EASE",
    "GFCF",
    "IALS",
    "Baseline",
    "FadingHistory",
    "FittedBaseline",
    "ItemKNN",
    "OwnHistory",
    "Popularity",
    "PureSVD",
    "RP3beta",
    "UserKNN",
]
