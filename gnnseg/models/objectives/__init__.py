"""Objectives and regularisers: what training makes small."""

from gnnseg.models.objectives.base import Objective, Sampling
from gnnseg.models.objectives.bce import BCE
from gnnseg.models.objectives.bpr import BPR
from gnnseg.models.objectives.bsl import BSL
from gnnseg.models.objectives.contrastive import SimGCL, XSimGCL
from gnnseg.models.objectives.labels import Labels
from gnnseg.models.objectives.likelihood import Likelihood
from gnnseg.models.objectives.margin import Margin
from gnnseg.models.objectives.network import Network
from gnnseg.models.objectives.policy import PolicyGradient
from gnnseg.models.objectives.regularisers import L2, Balance, Entropy, Social
from gnnseg.models.objectives.sampled_softmax import SampledSoftmax

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
