"""Objectives and regularisers: what training makes small."""

from gnnseg.objectives.base import Objective, Sampling
from gnnseg.objectives.bce import BCE
from gnnseg.objectives.bpr import BPR
from gnnseg.objectives.bsl import BSL
from gnnseg.objectives.contrastive import SimGCL, XSimGCL
from gnnseg.objectives.labels import Labels
from gnnseg.objectives.likelihood import Likelihood
from gnnseg.objectives.margin import Margin
from gnnseg.objectives.network import Network
from gnnseg.objectives.policy import PolicyGradient
from gnnseg.objectives.regularisers import L2, Balance, Entropy, Social
from gnnseg.objectives.sampled_softmax import SampledSoftmax

__all__ = [
    "BCE",
    "BPR",
    "BSL",
    "L2",
    "Balance",
    "Entropy",
    "Labels",
    "Likelihood",
    "Margin",
    "Network",
    "Objective",
    "PolicyGradient",
    "SampledSoftmax",
    "Sampling",
    "SimGCL",
    "Social",
    "XSimGCL",
]
