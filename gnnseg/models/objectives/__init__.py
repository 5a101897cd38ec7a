"""Objectives and regularisers: what training makes small."""

from gnnseg.models.objectives.base import (
    GraphObjective,
    LabelObjective,
    Objective,
    PairClassifier,
    PairObjective,
    RenewedObjective,
    RewardObjective,
    Sampling,
)
from gnnseg.models.objectives.bce import BCE
from gnnseg.models.objectives.bpr import BPR
from gnnseg.models.objectives.bsl import BSL
from gnnseg.models.objectives.ccl import CCL
from gnnseg.models.objectives.contrastive import SimGCL, XSimGCL
from gnnseg.models.objectives.directau import DirectAU
from gnnseg.models.objectives.independence import Independence
from gnnseg.models.objectives.labels import Labels
from gnnseg.models.objectives.lightgcl import LightGCL
from gnnseg.models.objectives.likelihood import Likelihood
from gnnseg.models.objectives.margin import Margin
from gnnseg.models.objectives.ncl import NCLPrototypes, NCLStructure
from gnnseg.models.objectives.network import Network
from gnnseg.models.objectives.policy import PolicyGradient
from gnnseg.models.objectives.prototypes import SimBatch, SimProto
from gnnseg.models.objectives.regularisers import L2, Balance, Entropy, SocialLaplacian
from gnnseg.models.objectives.sampled_softmax import SampledSoftmax
from gnnseg.models.objectives.ultragcn import UltraGCN

Social = SocialLaplacian

__all__ = [
    "BCE",
    "BPR",
    "BSL",
    "CCL",
    "L2",
    "Balance",
    "DirectAU",
    "Entropy",
    "GraphObjective",
    "Independence",
    "LabelObjective",
    "Labels",
    "LightGCL",
    "Likelihood",
    "Margin",
    "NCLPrototypes",
    "NCLStructure",
    "Network",
    "Objective",
    "PairClassifier",
    "PairObjective",
    "PolicyGradient",
    "RenewedObjective",
    "RewardObjective",
    "SampledSoftmax",
    "Sampling",
    "SimBatch",
    "SimGCL",
    "SimProto",
    "Social",
    "SocialLaplacian",
    "UltraGCN",
    "XSimGCL",
]
