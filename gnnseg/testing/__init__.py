"""The laws every component obeys, as test classes to inherit: for our own and for yours.

    from gnnseg.testing import EncoderContract

    class TestMine(EncoderContract):
        def make(self, shape, rng):
            return MyEncoder(shape, rng, dim=16)

Shape legend: U users, I items, E edges, K segments, D width.
"""

from gnnseg.testing.baselines import BaselineContract
from gnnseg.testing.drawn import (
    CLASSES,
    WIDTH,
    TableScorer,
    a_step,
    agreement,
    block_graph,
    full_batch,
    on_disk,
    random_embeddings,
    random_graph,
    shape_of,
    table_step,
    telling_features,
    train_quickly,
    with_relations,
    with_ties,
)
from gnnseg.testing.encoders import EncoderContract
from gnnseg.testing.heads import HeadContract
from gnnseg.testing.metrics import MetricContract
from gnnseg.testing.objectives import ObjectiveContract

__all__ = [
    "CLASSES",
    "WIDTH",
    "BaselineContract",
    "EncoderContract",
    "HeadContract",
    "MetricContract",
    "ObjectiveContract",
    "TableScorer",
    "a_step",
    "agreement",
    "block_graph",
    "full_batch",
    "on_disk",
    "random_embeddings",
    "random_graph",
    "shape_of",
    "table_step",
    "telling_features",
    "train_quickly",
    "with_relations",
    "with_ties",
]
