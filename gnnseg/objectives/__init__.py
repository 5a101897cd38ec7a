"""Objectives and regularisers: what training makes small."""

from gnnseg.objectives.base import Objective, Sampling
from gnnseg.objectives.bpr import BPR
from gnnseg.objectives.likelihood import Likelihood
from gnnseg.objectives.regularisers import L2, Balance, Entropy
from gnnseg.objectives.sampled_softmax import SampledSoftmax

__all__ = ["BPR", "L2", "Balance", "Entropy", "Likelihood", "Objective", "SampledSoftmax", "Sampling"]
