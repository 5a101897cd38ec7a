"""What somebody's own part returns that is not of its kind is one sentence that names the part."""

from typing import Any

import pytest
import torch

from gnnseg.models.encoders import MF
from gnnseg.models.heads import Dot
from gnnseg.models.model import Model
from gnnseg.models.objectives import Objective
from gnnseg.rng import Rng
from gnnseg.testing import full_batch, random_graph, shape_of
from gnnseg.types import Features, InputError


class Pair(MF):
    """An encoder as other libraries have it: a tuple of users and items."""

    def forward(self, *given: Any, **settings: Any) -> Any:
        found = super().forward(*given, **settings)
        return found.user_UD, found.item_ID


class Unreduced(Objective):
    """A loss a pair, not their mean."""

    def forward(self, step: Any, batch: Any, rng: Rng) -> torch.Tensor:
        return -step.scorer.pairs(batch.users, batch.items)


class Nothing(Unreduced):
    """A forward whose return was forgotten."""

    def forward(self, step: Any, batch: Any, rng: Rng) -> Any:
        super().forward(step, batch, rng)


@pytest.mark.parametrize(
    ("encoder", "objective", "says"),
    [
        (
            Pair,
            Unreduced,
            r"encoder: Pair\.forward: returned a tuple; return a .*Embeddings",
        ),
        (
            MF,
            Unreduced,
            r"unreduced: forward returned a tensor of shape \(90,\); return one",
        ),
        (MF, Nothing, r"nothing: forward: returned a NoneType; return a torch\.Tensor"),
    ],
)
def test_what_is_of_another_kind_is_refused(encoder: Any, objective: Any, says: str) -> None:
    graph, rng = random_graph(), Rng(0)
    made = encoder(shape_of(graph), rng, dim=4)
    model = Model(made, Dot(shape_of(graph, width=4), rng), objective(), {})
    with pytest.raises(InputError, match=says):
        model.losses(graph, Features(), full_batch(graph), rng)
