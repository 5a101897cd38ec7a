"""Births, deaths, splits and merges in words."""

from typing import Any

import pytest

from gnnseg.report import changes

NAMES = {"seg-1": "segment 1 (seg-1, bakers)", "seg-2": "segment 2 (seg-2)"}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            {"event": "born", "now": "seg-2", "users": 1200, "share": 1.0},
            "segment 2 (seg-2) is born (1,200 people from several segments)",
        ),
        (
            {"event": "born", "now": "seg-2", "users": 0, "share": 1.0},
            "segment 2 (seg-2) is born (nobody of before)",
        ),
        (
            {"event": "dissolved", "was": "seg-9", "users": 3, "share": 1.0},
            "seg-9 is dissolved (3 people to several segments)",
        ),
        (
            {"event": "split", "now": "seg-2", "beside": "seg-1", "users": 8, "share": 0.8},
            "segment 2 (seg-2) has split off from segment 1 (seg-1, bakers) (80% of it, 8 people)",
        ),
        (
            {"event": "merged", "was": "seg-9", "now": "seg-1", "users": 8, "share": 0.8},
            "seg-9 has merged into segment 1 (seg-1, bakers) (80% of it, 8 people)",
        ),
    ],
)
def test_what_became_of_a_segment_is_a_sentence(event: dict[str, Any], said: str) -> None:
    whole = {"was": None, "now": None, "beside": None, **event}
    assert changes.events({"since": {"events": [whole]}}, NAMES) == [said]
