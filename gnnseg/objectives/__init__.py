"""Objectives and regularisers: what training makes small."""

from gnnseg.objectives.base import Objective, Sampling
from gnnseg.objectives.bce import BCE
from gnnseg.objectives.bpr import BPR
from gnnseg.objectives.labels import Labels
from gnnseg.objectives.likelihood import Likelihood
from gnnseg.objectives.network import Network
from gnnseg.objectives.regularisers import L2, Balance, Entropy, Social
from gnnseg.objectives.sampled_softmax import SampledSoftmax

__all__ = [
    "BCE",
    "BPR",
    "L2",
    "Balance",
    "Entropy",
    "Labels",
    "Likelihood",
    "Network",
    "Objective",
    "SampledSoftmax",
    "Sampling",
    "Social",
]
