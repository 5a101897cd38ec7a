"""Baselines: recommenders without a training loop, the least that any model must beat."""

from gnnseg.models.baselines.base import Baseline
from gnnseg.models.baselines.history import FadingHistory, OwnHistory
from gnnseg.models.baselines.popularity import Popularity

__all__ = ["Baseline", "FadingHistory", "OwnHistory", "Popularity"]
