"""A head or an objective with a hook that nobody would ask for is refused when it is written."""

from typing import Any

import pytest

from gnnseg.models.heads import FinishedHead, Head, NumberedHead
from gnnseg.models.objectives import LabelObjective, Objective, RewardObjective
from gnnseg.types import InputError


def hook(self: Any, *given: Any) -> None:
    """What a class of before had."""


@pytest.mark.parametrize(
    ("base", "name", "says"),
    [
        (Head, "offers", "call it provides"),
        (Objective, "wants", "call it requires"),
        (Objective, "tell", "call it observe"),
        (Head, "renumber", "inherit NumberedHead"),
        (Head, "finish", "inherit FinishedHead"),
        (NumberedHead, "fitting_scorer", "inherit FinishedHead"),
        (Objective, "predict", "inherit LabelObjective"),
        (LabelObjective, "learn", "inherit RewardObjective"),
    ],
)
def test_what_would_be_passed_over_is_refused(base: type, name: str, says: str) -> None:
    with pytest.raises(InputError, match=rf"Mine\.{name}: .*{says}"):
        type("Mine", (base,), {name: hook})


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (NumberedHead, "renumber"),
        (FinishedHead, "finish"),
        (LabelObjective, "predict"),
        (RewardObjective, "learn"),
        (Head, "hook"),
    ],
)
def test_what_is_asked_for_stands(base: type, name: str) -> None:
    assert getattr(type("Mine", (base,), {name: hook}), name) is hook
